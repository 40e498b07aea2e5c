"""Compressed captures, unpacked by a thread into a pipe that the reader reads like any other.

Bounds.  The thread holds 16 KiB of the file, 256 KiB of what is in it, and the format's own window: 32 KiB for gzip, at
most 128 MiB for zstd, whose frames say what they need (those that need more are refused).  The pipe holds 1 MiB at the
most, and a full pipe makes the thread wait: a file that unpacks to a million times its size costs time, not memory.

Threads.  `run` is the thread's; it alone reads the file and writes the pipe, and closes both at its end.  `failure` is
set before the pipe is closed, so that whoever has seen the end of the pipe sees it.  A reader that closes its end stops
the thread: its write fails, or its wait for more of the file ends.
"""

import contextlib
import fcntl
import os
import select
import stat
import sys
import threading
import zlib
from collections.abc import Iterator
from typing import Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Unpacker", "packing_of"]

_READ_BYTES = 1 << 14
_CHUNK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
_GZIP_WINDOW = 31  # zlib's word for: a gzip header, and a window of up to 32 KiB
_ZSTD_WINDOW_LOG = 27  # 128 MiB: what `zstd --ultra -22` needs, and the most that zstd itself unpacks unasked

_GZIP_MAGIC = b"\x1f\x8b\x08"  # and deflate, the only method there is
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MAGIC = b"\x2a\x4d\x18"  # behind one byte 0x50 to 0x5f; RFC 8878, section 3.1.2


def packing_of(beginning: bytes) -> str:
    """Name the compression of a file by its first four bytes; "" if it has none that we know."""
    if beginning.startswith(_GZIP_MAGIC):
        return "gzip"
    if beginning == _ZSTD_MAGIC or (beginning[1:] == _SKIPPABLE_MAGIC and beginning[0] >> 4 == 5):  # noqa: PLR2004
        return "zstd"
    return ""


class _Stream(Protocol):
    """One gzip member or one zstd frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int) -> bytes: ...


class _GzipStream:
    """One gzip member; what has not been used yet is kept."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def needs_input(self) -> bool:
        return not self._object.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        return self._object.decompress(self._object.unconsumed_tail + data, max_length)


def _zstd_stream() -> _Stream:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


class Unpacker:
    """Unpacks what comes out of a descriptor.

    The thread starts with it.

    Args:
        packing: `gzip` or `zstd`.
        fd: The compressed file or pipe, which from now on belongs to the thread; closed if it cannot start.
        beginning: Bytes that were already read from it.
        name: The file, for people.

    Attributes:
        fd: Where to read what was packed; it belongs to the caller.
        failure: Why it ended too early, "" if it did not.
    """

    def __init__(self, packing: str, fd: int, beginning: bytes, name: str) -> None:
        self._packing = packing
        self._source = fd
        self._beginning = beginning
        self._name = name
        self._span = (0, 0)
        self.failure = ""
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, fd)
            self.fd, self._sink = os.pipe2(os.O_CLOEXEC)
            undo.callback(os.close, self.fd)
            undo.callback(os.close, self._sink)
            with contextlib.suppress(OSError):  # over the user's bound for pipes: then it is smaller
                fcntl.fcntl(self._sink, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._thread = threading.Thread(target=self.run, name=f"{packing} {name}", daemon=True)
            self._thread.start()
            undo.pop_all()

    def join(self) -> None:
        """Wait for the thread, after the reader's end of the pipe was closed."""
        self._thread.join()

    def run(self) -> None:
        """Unpack until the file ends, is found damaged, or nobody reads any more."""
        try:
            for chunk in self._chunks():
                self._write(chunk)
        except BrokenPipeError:
            return
        except (zlib.error, zstd.ZstdError) as error:
            begin, end = self._span
            self.failure = f"{self._name}: the {self._packing} data is damaged at byte {begin} to {end} ({error})"
        except (OSError, MemoryError) as error:
            self.failure = f"{self._name}: {getattr(error, 'strerror', None) or error} at byte {self._span[1]}"
        finally:
            os.close(self._source)
            os.close(self._sink)

    def _write(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._sink, view) :]

    def _chunks(self) -> Iterator[bytes]:
        """Give what is packed, member by member or frame by frame."""
        stream: _Stream | None = None
        for piece in self._pieces():
            rest = piece
            while rest or not (stream is None or stream.needs_input):
                if stream is None:
                    rest = rest.lstrip(b"\0")  # tapes and some tools pad with zeros
                    stream = self._stream() if rest else None
                    continue
                yield stream.decompress(rest, _CHUNK_BYTES)
                rest = b""
                if stream.eof:
                    rest, stream = stream.unused_data, None
        if stream is not None:
            self.failure = f"{self._name}: cut off: the {self._packing} data ends unfinished at byte {self._span[1]}"

    def _stream(self) -> _Stream:
        return _GzipStream() if self._packing == "gzip" else _zstd_stream()

    def _pieces(self) -> Iterator[bytes]:
        """Give the file piece by piece; `_span` is where the piece under way begins and ends."""
        waits = not stat.S_ISREG(os.fstat(self._source).st_mode)
        piece, held = self._beginning[:_READ_BYTES], self._beginning[_READ_BYTES:]
        while piece:
            self._span = (self._span[1], self._span[1] + len(piece))
            yield piece
            if waits and not held:
                self._await()
            piece = held[:_READ_BYTES] or os.read(self._source, _READ_BYTES)
            held = held[_READ_BYTES:]

    def _await(self) -> None:
        """Wait until there is something to read; BrokenPipeError if nobody wants it any more."""
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._sink, 0)
        if any(fd == self._sink for fd, _ in poll.poll()):
            raise BrokenPipeError
