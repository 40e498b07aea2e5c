"""What runs for every packet is plain C."""

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "build/cython/capture_ext"
FUNCTIONS = {
    "totals": ("aim_batch", "aim_ipv6", "ipv6_host", "claim_lines", "weigh_line", "count_batch", "touch_batch"),
    "hosts6": ("find_ipv6", "add_ipv6", "choose", "occupy"),
    "flows": ("aim_flows", "count_flows"),
    "samples": ("sample_batch",),
    "audit": ("audit_batch", "keep"),
    "worker": ("process", "read_batch"),
    "frame": ("parse_batch", "read_rare"),
    "tunnel": ("open_batch", "open_frame", "reach_packet", "enter_layer", "enter_tunnel", "enter_gre", "enter_vxlan"),
    "detector": ("run_tick", "absorb", "absorb_touched", "settle", "settle_all"),
    "rates": ("slide", "decay", "take_slot", "drop_slot", "advance"),
    "crossings": ("judge", "judge_coarsely", "tell"),
    "readout": ("read_line", "note_line", "figures_of"),
}


def body_of(module: str, function: str) -> str:
    """Give the C text of a function."""
    source = SOURCES / f"{module}.c"
    if not source.exists():
        pytest.skip("the generated C is not here: the extension was not built in this tree")
    name = f"__pyx_f_11capture_ext_{len(module)}{module}_{function}"
    words = r"(?:static |CYTHON_INLINE |__pyx_\w+ |\w+ |\*)+"
    text = source.read_text()
    match = re.search(rf"^{words}{name}\([^;{{]*\) {{$.*?^}}$", text, re.MULTILINE | re.DOTALL)
    assert match, f"{name} is not in {source}"
    return re.sub(r"/\*.*?\*/", "", match[0], flags=re.DOTALL)


@pytest.mark.parametrize(
    ("module", "function"), [(module, name) for module, names in FUNCTIONS.items() for name in names]
)
def test_no_python_in_the_loop(module: str, function: str) -> None:
    """No call of Python's C API, no bounds check and no lock of the interpreter in what handles packets and ticks."""
    body = body_of(module, function)
    assert re.findall(r"\b(?:Py[A-Z_]\w*|_Py\w+|__Pyx_(?!RefNanny)\w+)\b", body) == []


def test_the_search_would_find_some() -> None:
    """A function that does use Python is told from one that does not."""
    source = SOURCES / "worker.c"
    if not source.exists():
        pytest.skip("the generated C is not here: the extension was not built in this tree")
    assert re.search(r"\b__Pyx_(?!RefNanny)\w+\b", source.read_text())
