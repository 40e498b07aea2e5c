"""Write frames/*.pcap and, by the slow reading, frames/*.json: `make golden` runs it, and the difference is reviewed.

Each pcap has one link type.  Its json has one line a frame: what the frame is, then what has to come out of it.
"""

import json

from frames import golden, oracle
from frames.cases import Case, cases


def write(name: str, link_type: int, frames: list[Case]) -> None:
    """Write both files of one link type and topic."""
    lines = [json.dumps(golden.line(what, oracle.read(frame, link_type))) for what, frame in frames]
    (golden.FOLDER / f"{name}.pcap").write_bytes(golden.pcap(link_type, [frame for _, frame in frames]))
    (golden.FOLDER / f"{name}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    for name, (link_type, frames) in cases().items():
        write(name, link_type, frames)
