"""The guard as its users run it: a configuration file, the daemon, the command line, and the mails that arrive."""

import json
import mailbox
import subprocess
import sys
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.namespaces import LabError
from lab.watch import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.namespaces import Lab, Namespace

__all__ = ["Guard", "MailSink"]

COMMAND = Path(sys.executable).parent / "fnm-guard"


class MailSink:
    """A real mail server on the guard's loopback that keeps what it gets."""

    PORT = 2525

    def __init__(self, lab: "Lab", namespace: "Namespace") -> None:
        self._folder = lab.folder / "mail"
        words = (sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{self.PORT}")
        self._process = lab.start(
            namespace, *words, "-c", "aiosmtpd.handlers.Mailbox", str(self._folder), log="mailsink.log"
        )
        self._lab = lab
        if not until(lambda: str(self.PORT) in namespace.run("ss", "-tln"), 10):
            raise LabError(f"the mail sink did not start: {(lab.folder / 'mailsink.log').read_text()}")

    def mails(self) -> list[EmailMessage]:
        """Give the mails so far, in order of arrival."""
        if not self._folder.exists():
            return []
        box = mailbox.Maildir(self._folder)
        # A Maildir key begins with the time and a counter of its delivery.
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(box.get_bytes(key)) for key in sorted(box.keys(), key=_delivery)]

    def close(self) -> None:
        """Stop the server."""
        self._lab.stop(self._process)


def _delivery(key: str) -> tuple[float, int]:
    seconds, middle, *_ = key.split(".")
    fraction, _, count = middle.partition("M")[2].partition("P")
    return float(f"{seconds}.{fraction.zfill(6)}"), int(count.partition("Q")[2] or 0)


@dataclass(slots=True)
class Guard:
    """A guard in a namespace of the lab.

    Attributes:
        settings: What stands in the configuration file; change it before `start` or `write`.
    """

    lab: "Lab"
    namespace: "Namespace"
    settings: dict[str, Any]
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.lab.folder / "fnm-guard.yaml"

    @property
    def log(self) -> Path:
        """What the daemon printed."""
        return self.lab.folder / "fnm-guard.log"

    def write(self) -> None:
        """Write the configuration file."""
        paths = {"runtime": str(self.lab.folder / "run"), "state": str(self.lab.folder / "state")}
        for path in paths.values():
            Path(path).mkdir(exist_ok=True)
        self.configuration.write_text(yaml.safe_dump({"paths": paths, **self.settings}, sort_keys=False))

    def start(self, seconds: float = 15.0) -> None:
        """Start the daemon and wait until its API answers."""
        self.write()
        self.process = self.lab.start(self.namespace, COMMAND, "run", "-c", self.configuration, log=self.log.name)
        process = self.process
        if not until(lambda: process.poll() is not None or self.call("status").returncode == 0, seconds, 0.1):
            raise LabError(f"the daemon's API did not answer:\n{self.log.read_text()}")
        if process.poll() is not None:
            raise LabError(f"the daemon ended with {process.returncode}:\n{self.log.read_text()}")

    def stop(self) -> int:
        """Ask the daemon to end and give its exit code."""
        assert self.process
        return self.lab.stop(self.process, 20.0)

    def call(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of the command line against this daemon."""
        command = self.namespace.command(COMMAND, *words, "--socket", self.lab.folder / "run" / "api.sock")
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def call_alone(
        self, *words: str, configuration: Path | None = None, before: "Sequence[str]" = ()
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command that needs no daemon, or is one that cannot run, with the configuration file."""
        named = ["-c", str(configuration or self.configuration)]
        command = self.namespace.command(*before, COMMAND, *words, *named)
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def ask(self, *words: str) -> Any:
        """Run one command with `--json` and give what it says."""
        done = self.call(*words, "--json")
        if done.returncode != 0:
            raise LabError(f"fnm-guard {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)
