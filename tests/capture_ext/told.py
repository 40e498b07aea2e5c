"""A libpfring of our own that behaves as the real one was measured to, and can be told what to do.

Its source, libpfring/libpfring.c, lists what.
"""

import subprocess
from pathlib import Path

import pytest

from capture_ext import libpfring
from frames import capture_files

SOURCE = Path(__file__).parent / "libpfring" / "libpfring.c"
SECONDS = 1_404_482_394
FRAMES = [bytes([number % 256]) * (60 + number) for number in range(300)]


def compiled(folder: Path, *flags: str) -> Path:
    """Compile the library; give its path."""
    made = folder / f"libpfring{len(flags)}.so"
    words = ["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-O1", "-Wall", "-Wextra", "-Werror", "-std=gnu11"]
    subprocess.run([*words, *flags, "-o", made, SOURCE], check=True, timeout=60)
    return made


class Told:
    """What the library is told, and what it wrote down."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = monkeypatch
        self.journal = folder / "journal"
        self._module = folder / "info"
        monkeypatch.setattr(libpfring, "_MODULE_INFO", str(self._module))
        self.tell(JOURNAL=self.journal)
        self.feed(FRAMES)

    def tell(self, **values: object) -> None:
        """Set what the next opening reads."""
        for name, value in values.items():
            self._patch.setenv(f"TEST_PFRING_{name}", str(value))

    def feed(self, frames: list[bytes]) -> Path:
        """Give the device these frames, a microsecond apart; the file's path."""
        path = self._folder / "frames.pcap"
        path.write_bytes(capture_files.pcap([(SECONDS, number, frame) for number, frame in enumerate(frames)]))
        self.tell(FRAMES=path)
        return path

    def load_module(self, version: str) -> None:
        """Let the kernel module show itself."""
        self._module.write_text(f"PF_RING Version          : {version}\nTotal rings              : 0\n")

    def calls(self) -> list[str]:
        """Give the calls of the library, in order."""
        return self.journal.read_text().splitlines() if self.journal.exists() else []
