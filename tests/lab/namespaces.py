"""Network namespaces, links between them and the programs inside, all of which go away together.

Both ends of every link lie in namespaces of the lab; the root namespace never sees one.  Names carry the process id, so
that several labs can stand side by side.
"""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Lab", "LabError", "Namespace"]

STOP_SECONDS = 5.0


class LabError(RuntimeError):
    """A step of the lab failed; the text says which and what the program printed."""


def run(command: "Sequence[str | Path]", *, check: bool = True, timeout: float = 30.0) -> str:
    """Run a program to its end and give what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(words)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Namespace:
    """One network namespace.  `name` is what `ip netns` calls it."""

    name: str

    @property
    def path(self) -> Path:
        """Where the kernel keeps it: what setns wants."""
        return Path("/run/netns") / self.name

    def command(self, *words: "str | Path") -> list[str]:
        """Give the command line that runs `words` inside."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, *words: "str | Path", check: bool = True, timeout: float = 30.0) -> str:
        """Run a program inside to its end and give what it printed."""
        return run(self.command(*words), check=check, timeout=timeout)

    def ip(self, *words: str, check: bool = True) -> str:
        """Run `ip` on this namespace."""
        return run(["ip", "-n", self.name, *words], check=check)

    def pids(self) -> list[int]:
        """Give the processes that live inside."""
        return [int(word) for word in run(["ip", "netns", "pids", self.name], check=False).split()]

    @contextlib.contextmanager
    def entered(self) -> "Iterator[None]":
        """Move the calling thread inside for a while: a socket made there stays there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        target = os.open(self.path, os.O_RDONLY)
        try:
            _setns(target)
            yield
        finally:
            _setns(home)
            os.close(home)
            os.close(target)


def _setns(descriptor: int) -> None:
    """setns(2); Python has it from 3.12 on."""
    import ctypes  # noqa: PLC0415  # only the lab needs it

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0x40000000) != 0:  # CLONE_NEWNET
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


@dataclass(slots=True)
class Lab:
    """Some namespaces and what runs in them.

    Attributes:
        folder: Where logs, configurations and sockets of this lab lie.
    """

    folder: Path
    _namespaces: list[Namespace] = field(default_factory=list)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _logs: list[IO[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything down."""
        self.close()

    def namespace(self, name: str) -> Namespace:
        """Make a namespace with its loopback up."""
        made = Namespace(f"fnm{os.getpid():x}-{name}")
        run(["ip", "netns", "add", made.name])
        self._namespaces.append(made)
        made.ip("link", "set", "dev", "lo", "up")
        for setting in _SYSCTLS:
            made.run("sysctl", "-qw", setting)
        return made

    def link(self, left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
        """Join two namespaces by a veth pair and bring both ends up."""
        left.ip("link", "add", "name", left_name, "type", "veth", "peer", "name", right_name, "netns", right.name)
        for namespace, name in ((left, left_name), (right, right_name)):
            namespace.ip("link", "set", "dev", name, "up")

    def start(
        self, namespace: Namespace, *words: "str | Path", log: str, environment: "dict[str, str] | None" = None
    ) -> subprocess.Popen[bytes]:
        """Start a program inside; what it prints goes to `log` in the lab's folder."""
        stream = (self.folder / log).open("ab")
        self._logs.append(stream)
        process = subprocess.Popen(
            namespace.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def stop(self, process: "subprocess.Popen[bytes]", seconds: float = STOP_SECONDS) -> int:
        """Ask a program to end, make it end if it does not, and give its exit code."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()

    def close(self) -> None:
        """Stop every program, then remove every namespace; safe to call twice."""
        for process in reversed(self._processes):
            self.stop(process)
        self._processes.clear()
        for stream in self._logs:
            stream.close()
        self._logs.clear()
        while self._namespaces:
            self._remove(self._namespaces.pop())

    def _remove(self, namespace: Namespace) -> None:
        """Remove a namespace and, by their ids, the orphans that still live in it."""
        for pid in namespace.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run(["ip", "netns", "del", namespace.name], check=False)


# No duplicate address detection (an address is usable at once), no reverse path filter (sources are forged).
_SYSCTLS = (
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.all.accept_dad=0",
    "net.ipv6.conf.default.accept_dad=0",
    "net.ipv6.conf.default.router_solicitations=0",
    "net.ipv4.icmp_ratelimit=0",
)
