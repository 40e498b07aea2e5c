"""A capture played back: the same engine on the capture's own clock, as fast as it can."""

import time
from typing import TYPE_CHECKING

from capture_ext.pcapfile import PcapFile
from capture_ext.player import Player
from capture_ext.source import FrameSource
from fnm_guard.capture.groups import to_ns
from fnm_guard.capture.model import AuditSpec, Decapsulation
from fnm_guard.capture.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fnm_guard.core.policy import DetectionPolicy

__all__ = ["PULSE_SECONDS", "Replay"]

PULSE_SECONDS = 0.25
"""How often a caller is told the time at the latest; in long silence less often."""

_STOP_SECONDS = 1.0
"""How long a writer that the same Ctrl-C stops has to pass on what it still holds."""


class Replay(Reader):
    """Plays capture files through an engine.

    Args:
        policy: Networks and thresholds.
        audit: What is kept of an attack; None: the defaults.
        count_internal: Whether packets between two of our hosts also count at both of them.
        decapsulation: What is looked into; None: nothing.

    Attributes:
        failures: One line for each file that could not be read, or not to its end.
    """

    def __init__(
        self,
        policy: "DetectionPolicy",
        audit: AuditSpec | None = None,
        *,
        count_internal: bool = False,
        decapsulation: Decapsulation | None = None,
    ) -> None:
        super().__init__(policy, audit or AuditSpec())
        self.failures: list[str] = []
        inside = decapsulation or Decapsulation()
        self._worker = self._engine.add_worker(FrameSource(), count_internal, inside.kinds, inside.vxlan_port)
        self._player = Player(self._engine, self._worker, to_ns(PULSE_SECONDS))
        self._stop_due: float | None = None

    def run(self, files: "Sequence[Path]", *, follow: bool = False) -> "Iterator[float]":
        """Play the files one after the other; `-` is standard input.

        Gives the time (seconds since the epoch, as the capture counts) whenever crossings or audits wait to be taken,
        at every pulse, and once at the end.  A file that is broken gives its frames up to the break.

        Args:
            files: The captures.
            follow: Whether to wait for more at the end of the last one, until `stop`.
        """
        for number, file in enumerate(files, start=1):
            if self._stop_due is None:
                yield from self._play(PcapFile(file, follow=follow and number == len(files)), str(file))
        self._player.finish()
        yield self._player.now_ns / 1e9

    def stop(self) -> None:
        """Make `run` end soon: what is at hand is still played.  For a signal handler."""
        self._stop_due = time.monotonic() + _STOP_SECONDS

    @property
    def clock_notes(self) -> tuple[int, int]:
        """Frames that lay a little before their tick, and jumps back in time that were closed."""
        return self._player.backwards, self._player.shifts

    def _play(self, source: PcapFile, name: str) -> "Iterator[float]":
        try:
            source.open()
        except OSError as error:
            self.failures.append(f"{error.filename or name}: {error.strerror or error}")
            return
        except ValueError as error:
            self.failures.append(str(error))
            return
        try:
            self._worker.source = source
            while self._goes_on():
                if not self._player.idle:
                    yield self._player.now_ns / 1e9
            if source.failure():
                self.failures.append(source.failure())
        finally:
            source.close()

    def _goes_on(self) -> bool:
        """Play on; False if there is no more, or none at hand since `stop`, or it has taken too long since."""
        due = self._stop_due  # as it was before the source was asked
        if not self._player.play():
            return False
        return due is None or not (self._player.idle or time.monotonic() >= due)
