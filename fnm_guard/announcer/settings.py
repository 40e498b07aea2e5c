"""What the announcer must be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["AnnouncerSettings"]


@dataclass(frozen=True, slots=True)
class AnnouncerSettings:
    """Where ExaBGP is, who runs it, and what becomes of the routes when the daemon stops.

    Attributes:
        runtime: Folder for bridge.sock, exabgp.conf, exabgp.json and the folder `exabgp` of logs; made when missing.
        command: The exabgp program; None: the one of this interpreter's environment.
        managed: Whether ExaBGP is our child; False: it is a service of its own, and only the socket is ours.
        on_stop: `withdraw` takes every route back, then stops ExaBGP; `keep` leaves ExaBGP running with its routes.
        log_level: ExaBGP's own: CRITICAL, ERROR, WARNING, INFO or DEBUG.
        user: Whose rights ExaBGP runs with; "" for those of the daemon.
        instance: Name of this daemon; a bridge of another instance is turned away.
    """

    runtime: Path
    command: Path | None = None
    managed: bool = True
    on_stop: Literal["withdraw", "keep"] = "withdraw"
    log_level: str = "WARNING"
    user: str = ""
    instance: str = "fnm-guard"

    @property
    def socket(self) -> Path:
        """The Unix socket that the bridge connects to."""
        return self.runtime / "bridge.sock"

    @property
    def configuration(self) -> Path:
        """ExaBGP's configuration, written by us."""
        return self.runtime / "exabgp.conf"

    @property
    def record(self) -> Path:
        """Which ExaBGP runs: read by the next daemon, to adopt it."""
        return self.runtime / "exabgp.json"

    @property
    def logs(self) -> Path:
        """The folder that ExaBGP itself writes to."""
        return self.runtime / "exabgp"

    @property
    def log(self) -> Path:
        """ExaBGP's log; it rotates it itself at 1 MiB and keeps three."""
        return self.logs / "exabgp.log"

    @property
    def output(self) -> Path:
        """What ExaBGP writes besides its log: tracebacks; emptied at each start."""
        return self.logs / "exabgp.out"
