"""What the fuzzer begins with, and what it has found, without the fuzzer."""

import pytest

from capture_ext.frame import ParsedPacket
from fuzz import targets
from fuzz.targets import FOUND, TARGETS, reader


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_findings_are_read_rightly(name: str) -> None:
    """What a fuzzer begins with is read as the slow reading reads it, and so is what was read wrongly once."""
    read = reader(name)
    found = [path.read_bytes() for path in sorted((FOUND / name).glob("*"))]
    seeds = list(TARGETS[name].seeds())
    assert len(seeds) > 5
    assert max(map(len, seeds)) <= TARGETS[name].input_bytes
    for content in [*seeds, *found]:
        read(content)


def test_findings_belong_to_a_target() -> None:
    """No finding lies where nobody would read it."""
    assert {path.name for path in FOUND.glob("*")} <= set(TARGETS)


def test_a_frame_that_is_read_wrongly_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader raises when the parser and the slow reading disagree: libFuzzer then keeps the input."""

    def wrong(_frame: bytes, _link_type: int) -> ParsedPacket:
        return ParsedPacket("", 4, 0, 0, False, False, None, 0, 0, 0, 0)

    monkeypatch.setattr(targets, "parse", wrong)
    with pytest.raises(AssertionError, match="link type 1, 00: "):
        reader("frame")(b"\x00\x00")
