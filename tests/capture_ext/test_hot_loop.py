"""What runs without the interpreter's lock is plain C: every function of the extension that says `noexcept nogil`.

Looked at is the C that Cython writes.  What the build left is taken if it is of these sources, else it is written anew,
so that nothing here is ever left out.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "capture_ext"
BUILT = ROOT / "build/cython/capture_ext"
NOGIL = re.compile(r"^ *cdef (?:inline )?[^\n(=]*?(\w+)\((?:[^()]|\([^()]*\))*\) noexcept nogil:", re.MULTILINE)
# A size and the address of None are no calls.
PYTHON = re.compile(r"\b(?:Py(?!_ssize_t\b|_None\b)[A-Z_]\w*|_Py\w+|__Pyx_(?!RefNanny)\w+)\b")

# The stages of a packet and of a tick: were one of them not found, the search itself would be wrong.
STAGES = {
    "afpacket": {"next_batch", "_next_block", "_wait"},
    "audit": {"audit_batch", "keep"},
    "crossings": {"judge", "judge_coarsely", "tell"},
    "detector": {"run_tick", "absorb", "absorb_chunk", "absorb_touched", "settle", "settle_all"},
    "flows": {"aim_flows", "count_flows", "renew", "hash_flow", "line_of"},
    "frame": {"parse_batch", "read_frame", "read_rare"},
    "hosts6": {"find_ipv6", "add_ipv6", "choose", "occupy"},
    "ip": {"read_packet", "read_upper", "class_of"},
    "mixing": {"mix", "scale"},
    "prefixes": {"find_ipv4", "covers_ipv6"},
    "rates": {"slide", "decay", "take_slot", "drop_slot", "advance"},
    "readout": {"read_line", "note_line", "figures_of"},
    "samples": {"sample_batch"},
    "totals": {"aim_batch", "aim_at", "aim_ipv6", "ipv6_host", "claim_lines", "count_batch", "add", "touch_batch"},
    "tpacket": {"take_frames", "begin_block", "block_is_ours", "give_block_back"},
    "tunnel": {"open_batch", "open_frame", "reach_packet", "enter_layer", "enter_tunnel", "enter_gre", "enter_vxlan"},
    "worker": {"_count_all", "read_batch", "aim_work", "count_work", "ask_for"},
}


def declared(text: str) -> "set[str]":
    """Give the names of the functions in Cython text that run without the interpreter's lock."""
    return set(NOGIL.findall(text))


def written(source: Path, folder: Path) -> str:
    """Let Cython write the C of a module."""
    target = folder / f"{source.stem}.c"
    words = [sys.executable, "-m", "cython", "-3", "-I", str(ROOT), "-o", str(target), str(source)]
    subprocess.run(words, check=True, timeout=120)
    return target.read_text()


def functions(text: str) -> "dict[tuple[str, str], str]":
    """Give the C of the extension's functions in a text, by module and name.

    Cython writes a dotted name as a length and a part, one after the other.
    """
    words = r"(?:static |CYTHON_INLINE |CYTHON_UNUSED |__pyx_\w+ |\w+ |\*)+"
    pattern = rf"^{words}__pyx_f_11capture_ext_(\d+)(\w+)\([^;{{]*\) {{$.*?^}}$"
    found = {}
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        length, rest = int(match[1]), match[2]
        name = re.sub(r"^\d+[A-Z][A-Za-z0-9]*_", "", rest[length + 1 :])
        found[rest[:length], name] = re.sub(r"/\*.*?\*/", "", match[0], flags=re.DOTALL)
    return found


@cache
def generated(module: str) -> "dict[tuple[str, str], str]":
    """Give the functions in the C of a module of the extension."""
    source = SOURCES / f"{module}.pyx"
    built = BUILT / f"{module}.c"
    if built.exists() and built.stat().st_mtime > source.stat().st_mtime:
        return functions(built.read_text())
    with TemporaryDirectory() as folder:
        return functions(written(source, Path(folder)))


MODULES = sorted(path.stem for path in SOURCES.glob("*.pyx"))
HEADERS = sorted(path.stem for path in SOURCES.glob("*.pxd") if declared(path.read_text()))


@pytest.mark.parametrize("module", MODULES)
def test_no_python_without_the_lock(module: str) -> None:
    """No call of Python's C API, no bounds check and no lock of the interpreter in what handles packets and ticks."""
    names = declared((SOURCES / f"{module}.pyx").read_text())
    inline = {name: declared((SOURCES / f"{name}.pxd").read_text()) for name in HEADERS}
    assert STAGES.get(module, set()) <= names | inline.get(module, set())
    found = generated(module)
    assert names <= {name for where, name in found if where == module}
    inline[module] = names | inline.get(module, set())
    wanted = {key: body for key, body in found.items() if key[1] in inline.get(key[0], set())}
    assert {key: PYTHON.findall(body) for key, body in wanted.items() if PYTHON.search(body)} == {}


@pytest.mark.parametrize("header", HEADERS)
def test_inline_functions_are_looked_at(header: str) -> None:
    """Every function of a header stands in the C of some module, where the test above finds it."""
    names = declared((SOURCES / f"{header}.pxd").read_text())
    found = {name for module in MODULES for where, name in generated(module) if where == header}
    assert names <= found
    assert header in MODULES or STAGES.get(header, set()) <= names


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """A bounds check and a call into Python are found where there are some."""
    source = tmp_path / "capture_ext" / "sample.pyx"
    source.parent.mkdir()
    (source.parent / "__init__.py").touch()
    source.write_text(
        "# cython: language_level=3, boundscheck=True, wraparound=False\n"
        "cdef int plain(const int *data) noexcept nogil:\n    return data[3]\n\n"
        "cdef int checked(\n    int[:] data\n) noexcept nogil:\n    return data[3]\n\n"
        "cdef int speaking(object data) noexcept nogil:\n    with gil:\n        return data[3]\n"
    )
    names = ("plain", "checked", "speaking")
    assert declared(source.read_text()) == set(names)
    found = functions(written(source, tmp_path))
    assert [bool(PYTHON.search(found["sample", name])) for name in names] == [False, True, True]
