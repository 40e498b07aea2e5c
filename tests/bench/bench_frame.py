"""Time parser and file reader: CPU nanoseconds a packet, best of several runs, as JSON.

Run it by hand: PYTHONPATH=.:tests .venv/bin/python tests/bench/bench_frame.py
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from types import ModuleType

from capture_ext.pcapfile import PcapFile
from frames import cases, tunnel_cases
from frames.capture_files import enhanced, interface, pcap, section
from frames.tunnel_oracle import ALL

RUNS = 5
HOT = 1024  # frames: 128 KiB with the stride of a ring, stays in the L2 cache
STREAM = 1 << 20  # 128 MiB: comes from memory
FILE_FRAMES = 1_000_000


def build(folder: Path) -> ModuleType:
    """Compile the loops in `folder` and import them."""
    source = shutil.copy(Path(__file__).with_name("frame_loop.pyx"), folder)
    environment = os.environ | {"CFLAGS": "-O3"}
    subprocess.run([sys.executable, "-m", "Cython.Build.Cythonize", "-q", "-i", source], check=True, env=environment)
    spec = importlib.util.spec_from_file_location("frame_loop", next(folder.glob("frame_loop*.so")))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frames_of_each_kind() -> dict[str, bytes]:
    """Give the frames that are timed, by name."""
    by_name = {f"{name}: {what}": frame for name, (_, found) in cases.cases().items() for what, frame in found}
    wanted = {
        "ipv4 tcp syn": "ethernet_ipv4: tcp syn, padded",
        "ipv4 udp": "ethernet_ipv4: udp, padded",
        "ipv6 tcp syn": "ethernet_ipv6: tcp syn",
        "802.1Q": "ethernet_tags: 802.1Q, padded",
        "802.1ad over 802.1Q, ipv6": "ethernet_tags: 802.1ad over 802.1Q",
        "2 labels, ipv6": "ethernet_mpls: 2 labels, ipv6",
        "every ipv6 extension": "ethernet_ipv6: every extension, udp",
        "arp": "ethernet_not_ip: arp",
    }
    return {name: by_name[key] for name, key in wanted.items()}


def time_parser(loop: ModuleType) -> dict[str, float]:
    """Give nanoseconds a packet for each kind, for a mix of them, and for frames out of the cache."""
    kinds = frames_of_each_kind()
    figures = {name: min(loop.parse_ns([frame] * HOT, 1, 2000) for _ in range(RUNS)) for name, frame in kinds.items()}
    mix = [kinds["ipv4 tcp syn"], kinds["ipv4 udp"], kinds["ipv6 tcp syn"], kinds["802.1Q"]] * (HOT // 4)
    figures["mix of four"] = min(loop.parse_ns(mix, 1, 2000) for _ in range(RUNS))
    stream = [kinds["ipv4 tcp syn"]] * STREAM
    figures["ipv4 tcp syn, from memory"] = min(loop.parse_ns(stream, 1, 3) for _ in range(RUNS))
    return {name: round(figure, 2) for name, figure in figures.items()}


def time_tunnels(loop: ModuleType) -> dict[str, list[float]]:
    """Give what the switches cost.

    For frames without tunnels the ratios on / off (least, median, greatest of 3 RUNS pairs), with the default and with
    everything on; for frames with one tunnel that is opened the nanoseconds.
    """
    plain = frames_of_each_kind()
    figures = {}
    for name in ("ipv4 tcp syn", "ipv4 udp", "ipv6 tcp syn"):
        frames = [plain[name]] * HOT
        for what, kinds in {"pppoe": ("pppoe",), "all": ALL}.items():
            pairs = [loop.parse_ns(frames, 1, 1000, kinds) / loop.parse_ns(frames, 1, 1000) for _ in range(3 * RUNS)]
            figures[f"{name}, {what}/off"] = [round(ratio, 2) for ratio in (min(pairs), median(pairs), max(pairs))]
    for name, (_, found) in tunnel_cases.cases().items():
        if name in ALL or name == "ip":
            best = min(loop.parse_ns([found[0][1]] * HOT, 1, 500, ALL) for _ in range(RUNS))
            figures[f"{name}: {found[0][0]}, ns"] = [round(best, 2)]
    return figures


def time_reader(loop: ModuleType, path: Path) -> dict[str, float]:
    """Give nanoseconds a frame from a file in the page cache, and what that is in millions a second."""

    def once(parse: bool) -> float:
        source = PcapFile(path)
        source.open()
        try:
            number, figure = loop.read_ns(source, parse)
        finally:
            source.close()
        assert number == FILE_FRAMES
        return float(figure)

    read, parsed = min(once(False) for _ in range(RUNS)), min(once(True) for _ in range(RUNS))
    return {"read_ns": round(read, 2), "read_and_parse_ns": round(parsed, 2), "mpps": round(1000 / parsed, 1)}


def main() -> None:
    """Build the loops, write the files, print the figures."""
    frame = frames_of_each_kind()["ipv4 tcp syn"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loop = build(folder)
        (folder / "a.pcap").write_bytes(pcap([]) + pcap([(1, 2, frame)])[24:] * FILE_FRAMES)
        (folder / "a.pcapng").write_bytes(section() + interface() + enhanced(frame, 1 << 50) * FILE_FRAMES)
        figures = {
            "parse_ns": time_parser(loop),
            "tunnels": time_tunnels(loop),
            "pcap": time_reader(loop, folder / "a.pcap"),
            "pcapng": time_reader(loop, folder / "a.pcapng"),
        }
    print(json.dumps(figures, indent=2))  # noqa: T201 the figures are what the program is run for


if __name__ == "__main__":
    main()
