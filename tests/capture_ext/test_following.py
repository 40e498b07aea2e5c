"""Files that grow while they are read, and pipes: what is not there yet is waited for."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture_ext.pcapfile import PcapFile
from capture_ext.reading import read_frames
from capture_ext.source import read_all
from frames import capture_files as build

DEADLINE = 20.0
MANY = 1 << 20
RECORDS = [(number, 0, bytes([number]) * (60 + number)) for number in range(40)]
FRAMES = [data for _, _, data in RECORDS]
PCAP = build.pcap(RECORDS)
PCAPNG = build.section() + build.interface() + b"".join(build.enhanced(frame) for frame in FRAMES)
LONG_BLOCK = build.section() + build.interface() + build.block(0xBAD, bytes(1_500_000)) + build.enhanced(FRAMES[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name a file to be written."""
    return tmp_path / "some.pcap"


@pytest.fixture
def followed(file: Path) -> Iterator[PcapFile]:
    """Give a source that follows it; closed at the end."""
    source = PcapFile(file, follow=True)
    yield source
    source.close()


def take(source: PcapFile) -> list[bytes]:
    """Give the frames that are there; the second look is for what the first found out about the file."""
    return [frame.data for _ in range(2) for frame in read_all(source, MANY)]


def append(file: Path, content: bytes) -> None:
    """Let the file grow."""
    with file.open("ab") as stream:
        stream.write(content)


@pytest.mark.parametrize("content", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_file_that_grows_piece_by_piece(file: Path, followed: PcapFile, content: bytes, piece: int) -> None:
    """Wherever it stops, in the header, in a record or between two: every frame once, as soon as it is there."""
    file.touch()
    followed.open()
    frames: list[bytes] = []
    for begin in range(0, len(content), piece):
        append(file, content[begin : begin + piece])
        frames += [frame.data for frame in read_all(followed, MANY)]
        assert frames == FRAMES[: len(frames)]
    assert frames == FRAMES
    assert followed.failure() == ""


def test_a_block_longer_than_the_window_grows(file: Path, followed: PcapFile) -> None:
    """What is stepped over may come in pieces too."""
    file.touch()
    followed.open()
    frames: list[bytes] = []
    for begin in range(0, len(LONG_BLOCK), 300_000):
        append(file, LONG_BLOCK[begin : begin + 300_000])
        frames += take(followed)
    assert (frames, followed.failure()) == (FRAMES[:1], "")


def test_what_comes_later_wakes_the_reader(file: Path, followed: PcapFile) -> None:
    """A reader that waits finds what is written meanwhile."""
    file.write_bytes(PCAP[:-30])
    followed.open()
    assert take(followed) == FRAMES[:-1]
    timer = threading.Timer(0.3, append, (file, PCAP[-30:]))
    timer.start()
    assert [frame.data for frame in read_frames(followed, 1, DEADLINE)] == FRAMES[-1:]
    timer.join()


def test_a_file_that_is_cut(file: Path, followed: PcapFile) -> None:
    """It is shorter than what was read of it: nothing that comes now can be trusted."""
    file.write_bytes(PCAP)
    followed.open()
    assert take(followed) == FRAMES
    os.truncate(file, 100)
    assert take(followed) == []
    text = f"{file}: the file was cut while it was followed: it is shorter than the {len(PCAP)} bytes that were read"
    assert followed.failure() == text
    append(file, PCAP)
    assert take(followed) == []
    followed.close()
    assert followed.failure() == text


def test_a_file_that_is_replaced(file: Path, followed: PcapFile) -> None:
    """Another file of the same name: what was left of the first is still read, the second is not."""
    file.write_bytes(PCAP[:-200])
    followed.open()
    before = take(followed)
    append(file, PCAP[-200:])
    file.rename(file.with_name("rotated.pcap"))
    file.write_bytes(build.pcap([(9, 9, b"another's")]))
    assert before + take(followed) == FRAMES
    assert followed.failure() == (
        f"{file}: the file was replaced by another one; what was followed is read to its end, {len(PCAP)} bytes"
    )


def test_a_file_that_is_removed(file: Path, followed: PcapFile) -> None:
    """Nobody can write to it by name any more."""
    file.write_bytes(PCAP)
    followed.open()
    file.unlink()
    assert take(followed) == FRAMES
    assert followed.failure() == f"{file}: the file was removed; it is read to its end, {len(PCAP)} bytes"


def test_what_does_not_become_a_capture(file: Path, followed: PcapFile) -> None:
    """An empty file is waited for; one that begins wrongly fails as soon as that is seen."""
    file.touch()
    followed.open()
    assert (take(followed), followed.failure()) == ([], "")
    append(file, b"only text")
    assert take(followed) == []
    append(file, b" and more of it, enough for a header")
    assert take(followed) == []
    assert followed.failure() == f"{file}: not a capture file (first bytes 6f 6e 6c 79 20 74 65 78)"
    with pytest.raises(ValueError, match="not a capture file"):
        followed.open()


def test_a_compressed_file_cannot_be_followed(file: Path, followed: PcapFile) -> None:
    """The line says what can be done instead."""
    file.write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(ValueError, match=r"cannot be followed: tail -c \+1 -f .*some.pcap \| fnm-guard replay -"):
        followed.open()


def test_a_pipe_gives_what_it_has_and_then_waits() -> None:
    """A writer that pauses in the middle of a record is no end; one that closes there is a cut."""
    reader, writer = os.pipe()
    source = PcapFile(f"/dev/fd/{reader}")
    source.open()
    assert (take(source), source.failure()) == ([], "")
    os.write(writer, PCAP[:-10])
    assert take(source) == FRAMES[:-1]
    os.write(writer, PCAP[-10:])
    assert take(source) == FRAMES[-1:]
    os.write(writer, build.pcap_record((1, 2, b"more"))[:-1])
    assert (take(source), source.failure()) == ([], "")
    os.close(writer)
    assert take(source) == []
    assert source.failure() == f"/dev/fd/{reader}: cut off: the frame at byte {len(PCAP)} lacks 1 bytes"
    source.close()
    os.close(reader)


def test_a_fifo_without_a_writer_holds_nobody_up(tmp_path: Path) -> None:
    """It is opened at once, waited for, and read when somebody writes."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    source = PcapFile(fifo)
    source.open()
    assert take(source) == []
    writer = os.open(fifo, os.O_WRONLY)
    os.write(writer, PCAP)
    os.close(writer)
    assert take(source) == FRAMES
    assert source.failure() == ""
    source.close()


def test_standard_input(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """`-` is a pipe or a file on descriptor 0, which stays open; a terminal and a closed one are refused."""
    file.write_bytes(PCAP)
    source = PcapFile("-")
    before = os.dup(0)
    opened = os.open(file, os.O_RDONLY)
    controller, terminal = os.openpty()
    try:
        os.dup2(opened, 0)
        source.open()
        assert take(source) == FRAMES
        assert (source.describe(), source.failure()) == ("pcapfile standard input", "")
        source.close()
        os.fstat(0)
        os.dup2(terminal, 0)
        with pytest.raises(ValueError, match="standard input: it is a terminal: pipe a capture into it"):
            source.open()
        monkeypatch.setattr("sys.__stdin__", None)
        with pytest.raises(OSError, match="it is closed") as closed:
            source.open()
        assert (closed.value.errno, closed.value.filename) == (errno.EBADF, "standard input")
    finally:
        os.dup2(before, 0)
        for descriptor in (before, opened, controller, terminal):
            os.close(descriptor)
