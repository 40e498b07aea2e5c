"""How fast a capture file is read, parsed and counted: plain from the page cache, through a pipe, compressed.

1,048,576 frames of 60 bytes, as in bench_engine.py: random foreign sources and ports, 65,536 hosts of ours, flows off.
Plain files: CPU time of the thread.  A pipe and a compressed file keep a second thread or process busy, so there it is
time on the clock: the slower of the two counts.
"""

import gzip
import os
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from backports import zstd

from bench.bench_engine import FRAMES, make_engine, make_frames
from bench.figures import Figure, Target
from capture_ext.pcapfile import PcapFile
from frames.capture_files import enhanced, interface, pcap_header, section

__all__ = ["FIGURES", "measure"]

HOSTS = 65_536
ROUNDS = 7
COPY_BYTES = 1 << 16
LEAST = Target(15, at_most=False)
FIGURES = ("pcap_file_mpps", "pcapng_file_mpps", "pcap_pipe_mpps", "pcap_gzip_mpps", "pcap_zstd_mpps")


def measure() -> Iterator[Figure]:
    """Write the files and read each several times."""
    frames = make_frames(4, HOSTS)
    with tempfile.TemporaryDirectory() as name:
        plain, blocks = Path(name) / "a.pcap", Path(name) / "a.pcapng"
        records = (struct.pack("<IIII", 0, at // 1000, len(frame), len(frame)) + frame for at, frame in frames)
        plain.write_bytes(pcap_header() + b"".join(records))
        blocks.write_bytes(section() + interface() + b"".join(enhanced(frame, at // 1000) for at, frame in frames))
        yield _figure("pcap_file_mpps", partial(_count, plain, time.thread_time_ns), LEAST)
        yield _figure("pcapng_file_mpps", partial(_count, blocks, time.thread_time_ns), LEAST)
        yield _figure("pcap_pipe_mpps", partial(_count_pipe, plain))
        for packing, pack in (("gzip", _gzip), ("zstd", zstd.compress)):
            packed = Path(name) / packing
            packed.write_bytes(pack(plain.read_bytes()))
            yield _figure(f"pcap_{packing}_mpps", partial(_count, packed, time.perf_counter_ns))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 6)  # what the program gzip does unasked


def _figure(name: str, once: Callable[[], float], target: Target | None = None) -> Figure:
    return Figure(name, "M packets/s", tuple(once() for _ in range(1 + ROUNDS))[1:], target)


def _count(file: Path, clock: Callable[[], int]) -> float:
    """Read a file through an engine of its own; give millions of packets a second."""
    source = PcapFile(file)
    worker = make_engine(4, HOSTS, flows=False).add_worker(source, count_internal=False)
    source.open()
    begin = clock()
    outcome = worker.run()
    spent = clock() - begin
    assert (outcome, source.statistics().received) == ("ended", FRAMES)
    source.close()
    return FRAMES * 1e3 / spent


def _count_pipe(file: Path) -> float:
    reader, writer = os.pipe()
    feeder = threading.Thread(target=_copy, args=(file, writer))
    feeder.start()
    try:
        return _count(Path(f"/dev/fd/{reader}"), time.perf_counter_ns)
    finally:
        os.close(reader)
        feeder.join()


def _copy(file: Path, writer: int) -> None:
    """Write as tcpdump does, piece by piece."""
    with file.open("rb") as stream, os.fdopen(writer, "wb", buffering=0) as pipe:
        while piece := stream.read(COPY_BYTES):
            pipe.write(piece)
