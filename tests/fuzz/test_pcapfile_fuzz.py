"""The reader of capture files on files that no one would write, against the slow reading."""

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from capture_ext.unpacking import packing_of
from frames import file_oracle
from frames.mutations import mutated
from fuzz.targets import MemoryFile, right_files

INPUTS = 40_000


@pytest.fixture(scope="module")
def memory_file() -> MemoryFile:
    """Give one file for all inputs."""
    return MemoryFile()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100), st.sampled_from(right_files()), st.integers(0, 60))
def test_arbitrary_bytes_behind_a_right_beginning(tail: bytes, right: bytes, kept: int) -> None:
    """Any bytes behind any beginning give what the slow reading gives."""
    content = right[:kept] + tail
    assume(not packing_of(content[:4]))
    assert MemoryFile().read(content) == file_oracle.read(content)


def test_right_files_are_whole(memory_file: MemoryFile) -> None:
    """What the mutations start from has nothing wrong."""
    for content in right_files():
        frames, ending = memory_file.read(content)
        assert (len(frames) >= 4, ending) == (True, "")
        assert (frames, ending) == file_oracle.read(content)


def test_every_piece_of_a_file(memory_file: MemoryFile) -> None:
    """Wherever a file is cut, the frames before the cut are given."""
    for content in right_files():
        for size in range(len(content)):
            assert memory_file.read(content[:size]) == file_oracle.read(content[:size]), size


def test_many_mutations(memory_file: MemoryFile) -> None:
    """No file makes the reader stumble, hang, or give what is not in it."""
    random = Random(20140704)
    files = right_files()
    content = files[0]
    for number in range(INPUTS):
        right = random.choice(files)
        content = mutated(content if number & 1 else right, right, random)
        assert memory_file.read(content) == file_oracle.read(content), content.hex()
