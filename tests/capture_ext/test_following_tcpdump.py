"""A capture that the real tcpdump is writing, read while it grows."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from capture_ext.pcapfile import PcapFile
from capture_ext.reading import read_frames

from .wire import DEADLINE, NEAR, Wire, number_of, numbered, send_all

COUNT = 1000

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump"),
]


@pytest.mark.parametrize("writing", [[], ["-U"]], ids=["buffered", "each packet"])
def test_every_frame_that_tcpdump_writes(tmp_path: Path, wire: Wire, writing: list[str]) -> None:
    """Frames come while it writes, whole although its buffer ends in the middle of them, and each once at the end."""
    file = tmp_path / "growing.pcap"
    file.touch()
    words = ["tcpdump", "-n", "-Z", "root", "-s", "256", "-B", "8192", *writing, "-i", NEAR, "-w", str(file)]
    source = PcapFile(file, follow=True)
    tcpdump = subprocess.Popen(wire.near.command(*words), stderr=subprocess.PIPE)
    try:
        assert tcpdump.stderr
        assert any(b"listening on" in line for line in tcpdump.stderr)
        source.open()
        with wire.sender() as sender:
            send_all(sender, [numbered(number, 60 + number % 40) for number in range(COUNT)])
        seen = [number_of(frame) for frame in read_frames(source, COUNT // 2, DEADLINE)]
        assert len(seen) >= COUNT // 2
        tcpdump.send_signal(signal.SIGINT)
        assert tcpdump.wait(DEADLINE) == 0
        deadline = time.monotonic() + DEADLINE
        while len(seen) < COUNT and time.monotonic() < deadline:
            seen += [number_of(frame) for frame in read_frames(source, 1, 1.0)]
        assert seen == list(range(COUNT))
        assert source.failure() == ""
    finally:
        source.close()
        with tcpdump:
            tcpdump.kill()
