"""Encapsulations in frames that no one would send, against the slow reading, with any set of switches."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from capture_ext.frame import parse, parse_frames
from frames import golden
from frames.mutations import mutated
from frames.tunnel_oracle import ALL, Opener

LINK_TYPES = [1, 12, 14, 101, 113, 228, 229, 276]
TUNNELS = golden.load_tunnels()
GOLDEN = TUNNELS + golden.load_all()
BATCH = 32
INPUTS = 250_000


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(TUNNELS), st.sets(st.sampled_from(ALL)), st.data())
def test_tunnels_with_pieces_replaced(case: golden.Golden, kinds: set[str], data: st.DataObject) -> None:
    """A right frame with some wrong bytes, and some of the switches."""
    frame = bytearray(case.frame)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(frame)))
        frame[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    found = parse(bytes(frame), case.link_type, decapsulate=tuple(kinds))
    assert found == Opener(tuple(kinds)).read(bytes(frame), case.link_type)


def test_many_mutations() -> None:
    """No frame, each in memory of exactly its size, makes the walk stumble, read too far or go on for ever.

    Every second batch is made from the one before, so that wrong things add up.
    """
    random = Random(20140705)
    frames = [random.choice(TUNNELS).frame for _ in range(BATCH)]
    for number in range(INPUTS // BATCH):
        others = random.choices(GOLDEN, k=BATCH)
        link_type = LINK_TYPES[number % 32] if number % 32 < len(LINK_TYPES) else 1
        frames = [
            mutated(frame if number & 1 else other.frame, other.frame, random)
            for frame, other in zip(frames, others, strict=True)
        ]
        kinds = ALL if number % 8 else tuple(random.sample(ALL, 3))
        opener = Opener(kinds)
        found = parse_frames(frames, link_type, decapsulate=kinds)
        assert found == [opener.read(frame, link_type) for frame in frames]
