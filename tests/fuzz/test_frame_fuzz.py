"""The parser on frames that no one would send, against the slow reading."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from capture_ext.frame import parse, parse_frames
from frames import golden, oracle
from frames.mutations import mutated

LINK_TYPES = [1, 12, 14, 101, 113, 228, 229, 276]
GOLDEN = golden.load_all()
BATCH = 32
INPUTS = 1_000_000


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(LINK_TYPES), st.binary(max_size=200))
def test_arbitrary_bytes(link_type: int, frame: bytes) -> None:
    """Any bytes give what the standards say, or the reason why they give nothing."""
    assert parse(frame, link_type) == oracle.read(frame, link_type)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(GOLDEN), st.sampled_from(LINK_TYPES), st.data())
def test_golden_frames_with_pieces_replaced(case: golden.Golden, link_type: int, data: st.DataObject) -> None:
    """A right frame with some wrong bytes, also under a wrong link type."""
    frame = bytearray(case.frame)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(frame)))
        frame[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    for kind in (case.link_type, link_type):
        assert parse(bytes(frame), kind) == oracle.read(bytes(frame), kind)


def test_a_million_mutations() -> None:
    """No frame, each in memory of exactly its size, makes the parser stumble or say more than it holds.

    Every second batch is made from the one before, so that wrong things add up.
    """
    random = Random(20140704)
    frames = [random.choice(GOLDEN).frame for _ in range(BATCH)]
    for number in range(INPUTS // BATCH):
        others = random.choices(GOLDEN, k=BATCH)
        link_type = LINK_TYPES[number % 16] if number % 16 < len(LINK_TYPES) else 1
        frames = [
            mutated(frame if number & 1 else other.frame, other.frame, random)
            for frame, other in zip(frames, others, strict=True)
        ]
        assert parse_frames(frames, link_type) == [oracle.read(frame, link_type) for frame in frames]
