"""The parser on the golden frames, and on every piece of them."""

import json

import pytest

from capture_ext.frame import parse, parse_frames
from frames import golden, oracle
from frames.cases import cases

BATCH = 32
FRAMES = golden.load_all()
NAMES = [f"{frame.link_type}-{frame.line['frame']}" for frame in FRAMES]


@pytest.mark.parametrize("case", FRAMES, ids=NAMES)
def test_a_golden_frame_gives_what_its_line_says(case: golden.Golden) -> None:
    """The reviewed line is what comes out."""
    packet = parse(case.frame, case.link_type)
    assert golden.line(str(case.line["frame"]), packet) == case.line


@pytest.mark.parametrize("case", FRAMES, ids=NAMES)
def test_every_piece_of_a_golden_frame_reads_as_the_oracle_says(case: golden.Golden) -> None:
    """However a mirror cuts a frame, what is known comes out, or the reason why nothing is."""
    pieces = [case.frame[:size] for size in range(len(case.frame) + 1)]
    for start in range(0, len(pieces), BATCH):
        some = pieces[start : start + BATCH]
        assert parse_frames(some, case.link_type) == [oracle.read(piece, case.link_type) for piece in some]


def test_the_golden_files_are_those_of_the_cases() -> None:
    """`make golden` was run after the last change of a case."""
    assert {path.stem for path in golden.FOLDER.glob("*.json")} == set(cases())
    for name, (link_type, frames) in cases().items():
        path = golden.FOLDER / f"{name}.pcap"
        assert path.read_bytes() == golden.pcap(link_type, [frame for _, frame in frames])
        assert [line["frame"] for line in json.loads(path.with_suffix(".json").read_text())] == [w for w, _ in frames]


def test_a_stripped_tag_changes_nothing_in_the_frame() -> None:
    """The kernel's metadata tag has left the frame; the ethertype behind it is in place."""
    case = FRAMES[0]
    assert parse(case.frame, case.link_type, 0x88A80007) == parse(case.frame, case.link_type)
