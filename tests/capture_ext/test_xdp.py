"""`source: xdp` on an interface: attached, detached, in the way of others, with little privilege."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from capture.frames import Sent
from capture.lane import SECOND, SEED, TICK, limits, numbers
from capture_ext.engine import Engine, EngineSizes
from capture_ext.source import SourceStatistics
from capture_ext.xdp import Xdp
from capture_ext.xdp_links import XdpLinks
from capture_ext.xdp_worker import XdpWorker, add_xdp

from .wire import DEADLINE, NEAR, Wire, send_all

# Counts on cap0 until it is killed; prints how it is attached and then the frames, again and again.
PROGRAM = """
import sys, threading, time
sys.path[:0] = sys.argv[2:]
from capture_ext.engine import Engine, EngineSizes
from capture_ext.limits import Limits
from capture_ext.source import SourceStatistics
from capture_ext.xdp import Xdp
from capture_ext.xdp_links import XdpLinks
from capture_ext.xdp_worker import add_xdp
engine = Engine([(4, 0xCB007100, 24)], Limits(10**9, [((), ())], []), 10**9, 5 * 10**7, EngineSizes(), bytes(24))
source = Xdp("cap0", XdpLinks(), promiscuous=sys.argv[1] == "promiscuous")
worker = add_xdp(engine, source, False)
try:
    source.open()
except OSError as error:
    print(error.strerror, flush=True)
    sys.exit(1)
print(source.describe(), flush=True)
threading.Thread(target=worker.run, daemon=True).start()
while True:
    print(source.statistics().received, flush=True)
    time.sleep(0.05)
"""


class Counter:
    """An engine with one XDP source; the thread is the test's own."""

    def __init__(self, links: XdpLinks, role: str = "mirror", interface: str = NEAR) -> None:
        sizes = EngineSizes(ipv6_hosts=64)
        self.engine = Engine(numbers("203.0.113.0/24"), limits(), SECOND, TICK, sizes, SEED)
        self.source = Xdp(interface, links, role=role)
        self.worker: XdpWorker = add_xdp(self.engine, self.source, False)

    @property
    def received(self) -> int:
        return self.source.statistics().received


@pytest.fixture
def counter(wire: Wire) -> Iterator[Counter]:
    """Give a counter at the near end, open."""
    made = Counter(XdpLinks())
    with wire.near.entered():
        made.source.open()
    yield made
    made.source.close()


def attached(wire: Wire) -> bool:
    """Whether a program is on the interface."""
    return "prog/xdp" in wire.near.ip("link", "show", "dev", NEAR)


def eventually(claim: "Callable[[], bool]") -> None:
    """Wait until a claim holds."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def frames(count: int) -> "list[bytes]":
    """Give the same frame many times."""
    return [Sent().frame()] * count


@pytest.mark.netns
def test_it_counts_and_drops(wire: Wire, counter: Counter) -> None:
    """Every frame is counted once; as a mirror's it goes no further."""
    assert counter.source.describe() == f"xdp {NEAR} (native)"
    with wire.sender() as sender:
        send_all(sender, frames(500))
    eventually(lambda: counter.received == 500)
    assert counter.source.statistics() == SourceStatistics(500, 0, 0)
    assert attached(wire)
    counter.source.close()
    assert not attached(wire)
    assert counter.source.statistics().received == 500


@pytest.mark.netns
@pytest.mark.parametrize(("role", "answered"), [("mirror", False), ("router", True)])
def test_a_router_goes_on_and_a_mirror_does_not(wire: Wire, role: str, answered: bool) -> None:
    """What is counted reaches the machine, or it does not."""
    wire.near.ip("addr", "add", "203.0.113.1/24", "dev", NEAR)
    wire.far.ip("addr", "add", "203.0.113.2/24", "dev", "gen0")
    made = Counter(XdpLinks(), role)
    with wire.near.entered():
        made.source.open()
    try:
        said = wire.far.run("ping", "-c", "1", "-W", "1", "203.0.113.1", check=False)
        assert (" 0% packet loss" in said) is answered
        assert made.received > 0
    finally:
        made.source.close()


@pytest.mark.netns
def test_where_the_driver_cannot_the_kernel_does(wire: Wire) -> None:
    """An interface without XDP in its driver is counted behind it, and that is said."""
    made = Counter(XdpLinks(), interface="lo")
    with wire.near.entered():
        made.source.open()
    try:
        assert made.source.describe().startswith("xdp lo (generic, the driver refuses native: ")
    finally:
        made.source.close()


@pytest.mark.netns
def test_a_program_of_somebody_else_stays(wire: Wire, counter: Counter) -> None:
    """We do not throw out what is there; the way to free the interface is named."""
    other = Counter(XdpLinks())
    with wire.near.entered(), pytest.raises(OSError, match=f"another XDP program is there: ip link set dev {NEAR}"):
        other.source.open()
    assert counter.source.failure() == ""
    assert attached(wire)


@pytest.mark.netns
def test_one_hands_over_to_the_next(wire: Wire) -> None:
    """The second of a process waits for the first and then goes on; each frame is counted by one of them."""
    links = XdpLinks()
    first, second, third = (Counter(links) for _ in range(3))
    with wire.near.entered(), wire.sender() as sender:
        first.source.open()
        second.source.open()
        assert (first.source.succeeds, second.source.succeeds) == (False, True)
        send_all(sender, frames(100))
        eventually(lambda: first.received == 100)
        assert second.received == 0
        third.source.open()
        third.source.close()  # a reload that is undone
        for _ in range(50):
            send_all(sender, frames(10))
        first.source.detach()
        send_all(sender, frames(300))
        eventually(lambda: first.received + second.received == 900)
        assert second.received == 300
        assert attached(wire)
        second.source.close()
        first.source.close()
    assert third.received == 0
    assert not attached(wire)


@pytest.mark.netns
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("link", "set", "dev", NEAR, "down"), "the interface is down: ip link set dev cap0 up"),
        (("link", "del", "dev", NEAR), "the interface is gone or was renamed"),
    ],
)
def test_an_interface_that_goes_is_told(wire: Wire, counter: Counter, words: "tuple[str, ...]", text: str) -> None:
    """The worker ends with the reason; opening says the reason too, until the interface is back."""
    wire.near.ip(*words)
    counter.source.statistics()
    assert counter.worker.run() == f"xdp {NEAR}: {text}"
    counter.source.close()
    with wire.near.entered(), pytest.raises(OSError, match=f"xdp {NEAR}: "):
        counter.source.open()


@pytest.mark.netns
def test_a_renamed_interface_is_told(wire: Wire, counter: Counter) -> None:
    """It is another one by its name, so it is looked for anew."""
    wire.near.ip("link", "set", "dev", NEAR, "down")
    wire.near.ip("link", "set", "dev", NEAR, "name", "other0")
    wire.near.ip("link", "set", "dev", "other0", "up")
    counter.source.statistics()
    assert counter.source.failure() == f"xdp {NEAR}: the interface is gone or was renamed"


@pytest.mark.netns
def test_it_counts_on_after_the_interface_was_down(wire: Wire, counter: Counter) -> None:
    """The same tables go on; what was counted stays."""
    with wire.sender() as sender:
        send_all(sender, frames(10))
    eventually(lambda: counter.received == 10)
    wire.near.ip("link", "set", "dev", NEAR, "down")
    counter.source.close()
    wire.near.ip("link", "set", "dev", NEAR, "up")
    with wire.near.entered():
        counter.source.open()
    with wire.sender() as sender:
        send_all(sender, frames(5))
    eventually(lambda: counter.received == 5)
    assert counter.worker.tables().frames() == 15


def started(wire: Wire, *privileges: str, promiscuous: bool = False) -> "subprocess.Popen[str]":
    """Start the program above in the near namespace."""
    mode = "promiscuous" if promiscuous else "plain"
    command = wire.near.command(*privileges, sys.executable, "-c", PROGRAM, mode, *sys.path)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> None:
    """Kill a program and wait for it."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def capabilities(*names: str) -> "tuple[str, ...]":
    """Give the command that leaves nothing of root's privileges but some capabilities."""
    return ("setpriv", "--inh-caps=-all", f"--bounding-set=-all{''.join(f',+{name}' for name in names)}")


@pytest.mark.netns
def test_two_capabilities_are_enough(wire: Wire) -> None:
    """CAP_BPF and CAP_NET_ADMIN alone: the verifier takes the program without CAP_PERFMON or CAP_SYS_ADMIN."""
    process = started(wire, *capabilities("bpf", "net_admin"))
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"xdp {NEAR} (native)\n"
        with wire.sender() as sender:
            send_all(sender, frames(20))
        eventually(lambda: process.stdout is not None and process.stdout.readline() == "20\n")
    finally:
        ended(process)


@pytest.mark.netns
@pytest.mark.parametrize(
    ("names", "promiscuous", "text"),
    [
        (("net_admin", "net_raw"), False, f"xdp {NEAR}: needs CAP_BPF and CAP_NET_ADMIN: "),
        (("bpf",), False, f"xdp {NEAR}: needs CAP_"),
        (("bpf", "net_admin"), True, f"xdp {NEAR}: promiscuous mode needs CAP_NET_RAW: "),
    ],
)
def test_a_missing_capability_is_named(wire: Wire, names: "tuple[str, ...]", promiscuous: bool, text: str) -> None:
    """Not what the kernel says of it, but what to grant."""
    process = started(wire, *capabilities(*names), promiscuous=promiscuous)
    said, _ = process.communicate(timeout=DEADLINE)
    assert said.startswith(text)
    assert not attached(wire)


@pytest.mark.netns
def test_a_killed_process_leaves_nothing_behind(wire: Wire) -> None:
    """A mirror port that drops, or a router that runs a dead daemon's program, would be a trap."""
    process = started(wire)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"xdp {NEAR} (native)\n"
        assert attached(wire)
    finally:
        ended(process)
    eventually(lambda: not attached(wire))


def test_a_source_that_was_never_opened() -> None:
    """It says so, counts nothing and can be closed."""
    source = Xdp("eth3", XdpLinks())
    assert source.describe() == "xdp eth3"
    assert source.failure() == "xdp eth3: not open"
    assert source.statistics() == SourceStatistics(0, 0, 0)
    source.detach()
    source.close()
    with pytest.raises(OSError, match="xdp eth3: belongs to no engine"):
        source.open()


def test_what_is_out_of_range() -> None:
    """Values are refused when the source is made."""
    with pytest.raises(ValueError, match="role = tap must be one of mirror, router"):
        Xdp("eth3", XdpLinks(), role="tap")
    with pytest.raises(ValueError, match="snaplen = 63 must be at least 64"):
        Xdp("eth3", XdpLinks(), snaplen=63)
    assert Xdp("eth3", XdpLinks(), snaplen=9000).options.snaplen == 256


def test_without_libbpf_the_source_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine stands, and the source names what to install."""
    monkeypatch.setenv("FNM_GUARD_LIBBPF", "libnothere.so.9")
    made = Counter(XdpLinks(), interface="lo")
    with pytest.raises(OSError, match=r"xdp lo: libbpf cannot be loaded .* install Debian's package libbpf1") as caught:
        made.source.open()
    assert caught.value.errno == errno.ENOENT
    assert made.worker.run() == "xdp lo: not open"
    assert os.environ["FNM_GUARD_LIBBPF"] == "libnothere.so.9"
