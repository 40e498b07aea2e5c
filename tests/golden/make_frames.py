"""Write frames/ and tunnels/ (*.pcap) and, by the slow reading, *.json: `make golden`, and the difference is reviewed.

Each pcap has one link type.  Its json has one line a frame: what the frame is, then what has to come out of it; of
those in tunnels/ with everything decapsulated.
"""

import json
from collections.abc import Callable
from pathlib import Path

from frames import cases, golden, oracle, tunnel_cases, tunnel_oracle
from frames.cases import Case

Reader = Callable[[bytes, int], oracle.Fields]


def write(path: Path, link_type: int, frames: list[Case], read: Reader) -> None:
    """Write both files of one link type and topic."""
    lines = [json.dumps(golden.line(what, read(frame, link_type))) for what, frame in frames]
    path.with_suffix(".pcap").write_bytes(golden.pcap(link_type, [frame for _, frame in frames]))
    path.with_suffix(".json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    for name, (link_type, frames) in cases.cases().items():
        write(golden.FOLDER / name, link_type, frames, oracle.read)
    for name, (link_type, frames) in tunnel_cases.cases().items():
        write(golden.TUNNELS / name, link_type, frames, tunnel_oracle.Opener().read)
