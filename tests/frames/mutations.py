"""Frames and files made wrong, by a seed."""

from random import Random

# Values at the edges of what length fields, versions and flags are compared with.
EDGES = bytes([0x00, 0x01, 0x04, 0x06, 0x0F, 0x11, 0x20, 0x2C, 0x2B, 0x33, 0x3C, 0x40, 0x45, 0x4F, 0x60, 0x7F])
EDGES += bytes([0x80, 0x81, 0x88, 0x91, 0xA8, 0xDD, 0xFE, 0xFF])


def mutated(data: bytes, other: bytes, random: Random) -> bytes:
    """Give `data` with one thing wrong: a byte, a cut, a hole, a doubled piece or the tail of `other`.

    One draw of 64 bits decides all of it, since a million of these are made in a test.
    """
    draw = random.getrandbits(64)
    size = len(data)
    if size == 0:
        return other
    kind, place, value = draw & 7, (draw >> 8 & 0xFFFFFF) % size, draw >> 32
    second = value % size
    middle, rest = b"", data[place + 1 :]
    if kind < 3:
        middle = EDGES[value % len(EDGES)].to_bytes()
    elif kind == 3:
        middle = (value & 0xFF).to_bytes()
    elif kind == 4:
        middle, rest = (value & 0xFFFF).to_bytes(2), data[place + 2 :]
    elif kind == 5:
        rest = data[second:]
    elif kind == 6:
        rest = other[place:]
    else:
        rest = b""
    return data[:place] + middle + rest
