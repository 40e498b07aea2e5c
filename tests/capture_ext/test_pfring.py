"""The PF_RING source, against a libpfring of our own that behaves as the real one was measured to.

Its source, libpfring/libpfring.c, tells what it can be told to do.
"""

import ctypes
import errno
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture_ext import libpfring
from capture_ext.pfring import PfRing, available
from capture_ext.pfring_device import CLUSTER_TYPES, device_interface, explained_receive
from capture_ext.reading import read_frames
from capture_ext.source import CapturedFrame, read_all
from frames import capture_files

from .conftest import FAR, NEAR, Wire

SOURCE = Path(__file__).parent / "libpfring" / "libpfring.c"
SECONDS = 1_404_482_394
FRAMES = [bytes([number % 256]) * (60 + number) for number in range(300)]
DEADLINE = 20.0
QUIET = 0.1
PROMISC_TIMESTAMP_RAW = 8 | 16 | 512


def compiled(folder: Path, *flags: str) -> Path:
    """Compile the library; give its path."""
    made = folder / f"libpfring{len(flags)}.so"
    words = ["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-O1", "-Wall", "-Wextra", "-Werror", "-std=gnu11"]
    subprocess.run([*words, *flags, "-o", made, SOURCE], check=True, timeout=60)
    return made


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the path of the whole library."""
    return str(compiled(tmp_path_factory.mktemp("libpfring")))


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


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Give a library that is fed FRAMES and told nothing else."""
    return Told(tmp_path, monkeypatch)


@pytest.fixture
def ring(told: Told, library: str) -> Iterator[PfRing]:
    """Give a source on a device that only the library knows; closed at the end."""
    source = PfRing("fnm3", library=library)
    yield source
    source.close()


def contents(frames: list[CapturedFrame]) -> list[bytes]:
    """Give the bytes of frames."""
    return [frame.data for frame in frames]


@pytest.mark.parametrize("layout", ["6.0", "8.9"])
def test_every_frame_once_and_whole(told: Told, ring: PfRing, layout: str) -> None:
    """Frames come once, in order, cut to the snaplen, and stay whole while the library reuses its buffer."""
    told.tell(LAYOUT=layout)
    ring.open()
    seen = read_frames(ring, len(FRAMES), DEADLINE)
    assert contents(seen) == [frame[:192] for frame in FRAMES]
    assert [frame.wire_bytes for frame in seen] == [len(frame) for frame in FRAMES]
    assert {(frame.link_type, frame.stripped_tag) for frame in seen} == {(1, 0)}
    assert read_frames(ring, 1, QUIET) == []
    assert ring.statistics() == (len(FRAMES), 0, 0)
    assert ring.failure() == ""


def test_calls_in_their_order(told: Told, library: str) -> None:
    """Mode, direction and cluster are set before the ring is enabled; nothing is copied, waited for or left open."""
    source = PfRing("zc:fnm3", snaplen=128, cluster=9, cluster_type="round_robin", library=library)
    source.open()
    read_frames(source, 10, DEADLINE)
    source.statistics()
    source.close()
    source.close()
    assert told.calls() == [
        f"open zc:fnm3 128 {PROMISC_TIMESTAMP_RAW}",
        "name fnm-guard 0 0",
        "set_socket_mode - 2 0",
        "set_direction - 1 0",
        "set_cluster - 9 1",
        "enable - 0 0",
        "shutdown - 1 0",
        "close - 0 0",
    ]


def test_not_promiscuous(told: Told, library: str) -> None:
    """Promiscuous mode is asked for only if wanted."""
    source = PfRing("fnm3", promiscuous=False, library=library)
    source.open()
    source.close()
    assert told.calls()[0] == f"open fnm3 192 {PROMISC_TIMESTAMP_RAW - 8}"


@pytest.mark.parametrize(("clock", "nanoseconds"), [("", 777), ("card", 0), ("none", 0)])
def test_timestamps(told: Told, ring: PfRing, clock: str, nanoseconds: int) -> None:
    """Nanoseconds count if they agree with the frame's seconds; a card's own clock, or none, leaves microseconds."""
    told.tell(CLOCK=clock)
    ring.open()
    times = [frame.timestamp_ns for frame in read_frames(ring, len(FRAMES), DEADLINE)]
    assert times == [SECONDS * 10**9 + number * 1000 + nanoseconds for number in range(len(FRAMES))]


def test_drops_are_counted(told: Told, ring: PfRing) -> None:
    """What the module lost is its figure; what was received is what was read; what is queued is neither."""
    told.tell(DROP=50)
    ring.open()
    assert contents(read_frames(ring, 64, DEADLINE)) == [frame[:192] for frame in FRAMES[50:114]]
    assert ring.statistics() == (64, 50, 0)
    assert len(read_frames(ring, 1000, QUIET)) == len(FRAMES) - 114
    ring.close()
    assert ring.statistics() == (len(FRAMES) - 50, 50, 0), "the last figures stay when it is closed"
    ring.open()
    assert ring.statistics() == (0, 0, 0), "opening counts from zero"


@pytest.mark.parametrize("code", [1, 6, 99])
def test_reading_fails(told: Told, ring: PfRing, code: int) -> None:
    """What came before an error is still given; then the source fails, for good, and says why, also when closed."""
    told.tell(FAIL_AFTER=70, FAIL_CODE=code)
    ring.open()
    assert len(read_frames(ring, 1000, DEADLINE)) == 70
    assert read_frames(ring, 1000, DEADLINE) == []
    failure = ring.failure()
    assert failure == f"pf_ring fnm3: {explained_receive(-code)}"
    ring.close()
    assert ring.failure() == failure
    told.tell(FAIL_AFTER=1000)
    ring.open()
    assert (len(read_frames(ring, 300, DEADLINE)), ring.failure()) == (300, "")


def test_licence_of_zc_runs_out() -> None:
    """The one error an operator can do something about says what."""
    assert "demo time of the ZC licence" in explained_receive(-6)


def test_capture_file_of_the_library(told: Told, library: str) -> None:
    """A `pcap:` device gives its frames, then ends: that is no failure; it has no descriptor and no figures."""
    source = PfRing(f"pcap:{told.feed(FRAMES)}", library=library)
    source.open()
    assert contents(read_all(source, 1000)) == [frame[:192] for frame in FRAMES]
    assert (source.failure(), source.warnings(), source.statistics()) == ("", (), (len(FRAMES), 0, 0))
    source.close()


@pytest.mark.parametrize("descriptor", ["", "none", "silent", "busy"])
def test_frames_that_come_later(told: Told, ring: PfRing, library: str, descriptor: str) -> None:
    """Frames are found whether the descriptor wakes us, cannot, does not, or always does; a core is not kept busy."""
    told.tell(LATE_MS=300, FD=descriptor)
    ring.open()
    calls = ctypes.CDLL(library).test_pfring_receive_calls
    before = calls()
    assert len(read_frames(ring, len(FRAMES), DEADLINE)) == len(FRAMES)
    assert calls() - before < len(FRAMES) + 1000


def test_no_waiting_without_time(told: Told, ring: PfRing) -> None:
    """A time of zero gives what is there and does not wait."""
    told.tell(LATE_MS=60_000)
    ring.open()
    assert read_all(ring, 10) == []
    assert ring.failure() == ""


def test_a_cluster_shares_the_frames(told: Told, library: str) -> None:
    """Two rings of a cluster are given each frame once between them."""
    rings = [PfRing("fnm3", cluster=7, cluster_type="round_robin", library=library) for _ in range(2)]
    for source in rings:
        source.open()
    halves = [contents(read_frames(source, 150, DEADLINE)) for source in rings]
    for source in rings:
        source.close()
    assert halves == [[frame[:192] for frame in FRAMES[0::2]], [frame[:192] for frame in FRAMES[1::2]]]


def test_read_by_a_thread_and_asked_by_another(told: Told, ring: PfRing) -> None:
    """Figures can be asked for while another thread reads."""
    ring.open()
    seen: list[CapturedFrame] = []
    thread = threading.Thread(target=lambda: seen.extend(read_frames(ring, len(FRAMES), DEADLINE)))
    thread.start()
    figures = [ring.statistics().received for _ in range(200)]
    thread.join()
    assert figures == sorted(figures)
    assert ring.statistics().received == len(seen) == len(FRAMES)


@pytest.mark.parametrize("name", ["set_application_name", "set_socket_mode"])
def test_niceties_may_fail(told: Told, ring: PfRing, name: str) -> None:
    """What is not needed to count right may be refused."""
    told.tell(REFUSE=name)
    ring.open()
    assert (len(read_frames(ring, len(FRAMES), DEADLINE)), ring.warnings()) == (len(FRAMES), ())


def test_direction_refused(told: Told, ring: PfRing) -> None:
    """A device that cannot leave out sent frames is used, and the operator told."""
    told.tell(REFUSE="set_direction")
    ring.open()
    assert ring.warnings() == ("pf_ring fnm3: frames that this machine sends are counted too",)
    assert len(read_frames(ring, 1000, QUIET)) == 2 * len(FRAMES)


def test_cluster_refused(told: Told, library: str) -> None:
    """A cluster that was asked for and cannot be had is an error: each ring would count every frame."""
    told.tell(REFUSE="set_cluster")
    source = PfRing("fnm3", cluster=7, library=library)
    with pytest.raises(OSError, match="pf_ring fnm3: cluster 7 cannot be joined: use one ring"):
        source.open()
    assert told.calls()[-1] == "close - 0 0"
    assert read_frames(source, 1, QUIET) == []


def test_enabling_refused(told: Told, ring: PfRing) -> None:
    """A ring that cannot be enabled is an error with the library's number, and is closed."""
    told.tell(ENABLE=5)
    with pytest.raises(OSError, match=r"pf_ring fnm3: the ring cannot be enabled \(-5\)"):
        ring.open()
    assert told.calls()[-1] == "close - 0 0"


@pytest.mark.parametrize(
    ("device", "number", "text"),
    [
        ("fnm3", errno.EAFNOSUPPORT, "the pf_ring kernel module is not loaded: modprobe pf_ring"),
        ("fnm3", errno.EINVAL, "no such device; there are: lo"),
        ("zc:fnm3@1", errno.EINVAL, "no such device; there are: lo"),
        (
            "lo",
            errno.EINVAL,
            r"no such device, or libpfring and the kernel module \(version unknown\) are of different",
        ),
        ("fnm3", errno.EPERM, "needs CAP_NET_RAW: run as root, or give the service AmbientCapabilities=CAP_NET_RAW"),
        ("fnm3", errno.EBUSY, "Device or resource busy"),
    ],
)
def test_opening_refused(told: Told, library: str, device: str, number: int, text: str) -> None:
    """Every refusal names the device and the remedy, and keeps its number."""
    told.tell(OPEN_ERRNO=number)
    source = PfRing(device, library=library)
    with pytest.raises(OSError, match=f"pf_ring {device}: {text}") as caught:
        source.open()
    assert caught.value.errno == number
    assert (source.failure(), source.statistics()) == (f"pf_ring {device}: not open", (0, 0, 0))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"device": ""}, "device = '' must be a name"),
        ({"device": "a\0b"}, "must be a name"),
        ({"snaplen": 63}, "snaplen = 63 must be 64 to 65535"),
        ({"snaplen": 65_536}, "snaplen = 65536"),
        ({"cluster": 256}, "cluster = 256 must be 0 to 255"),
        ({"cluster": -1}, "cluster = -1"),
        ({"cluster_type": "fair"}, "cluster_type = fair must be one of per_flow, "),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, object], text: str) -> None:
    """A bad argument is refused with its value and what is allowed."""
    with pytest.raises(ValueError, match=text):
        PfRing(**{"device": "fnm3", **arguments})  # type: ignore[arg-type]  # one dictionary for all kinds


def test_cluster_types() -> None:
    """The numbers are those that every release of the library has."""
    assert list(CLUSTER_TYPES.values()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("device", "interface"),
    [
        ("eth3", "eth3"),
        ("zc:eth3", "eth3"),
        ("zc:eth3@2", "eth3"),
        ("eth3@0,1", "eth3"),
        ("eth3.100", "eth3.100"),
        ("eth3,eth4", None),
        ("eth3;eth4", None),
        ("pcap:/tmp/file", None),
        ("nt:0", None),
        ("zc:", None),
    ],
)
def test_interface_of_a_device(device: str, interface: str | None) -> None:
    """The kernel's interface is found in a device name where there is exactly one."""
    assert device_interface(device) == interface


def test_no_library() -> None:
    """Without the library the error says what to install, and what else works."""
    with pytest.raises(OSError, match=r"libpfring cannot be loaded \(libfnm-none.so: .*install ntop's packages pfring"):
        PfRing("fnm3", library="libfnm-none.so").open()
    usable, why = available("libfnm-none.so")
    assert not usable
    assert "libfnm-none.so" in why
    assert "or use af_packet" in why


def test_library_by_the_environment(told: Told, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment can name the library; an argument goes before it."""
    monkeypatch.setenv("FNM_GUARD_LIBPFRING", library)
    assert available()[0]
    assert not available("libfnm-none.so")[0]
    source = PfRing("fnm3")
    source.open()
    assert len(read_frames(source, len(FRAMES), DEADLINE)) == len(FRAMES)
    source.close()


def test_something_else_by_that_name() -> None:
    """A library that is no libpfring is named, with what it lacks."""
    usable, why = available("libc.so.6")
    assert (usable, why) == (False, "libc.so.6 has no pfring_open: it is no libpfring of 6.0 or later")


def test_available(told: Told, library: str) -> None:
    """With library and module PF_RING can be used; the library is asked with a ring that is closed again."""
    assert available(library) == (True, f"{library}, kernel module of unknown version")
    assert told.calls() == ["open lo 64 0", "close - 0 0"]


def test_versions_are_told(told: Told, library: str) -> None:
    """Where the module shows its version, it is told and no ring is opened to find out."""
    told.load_module("8.9.0 (dev)")
    assert available(library) == (True, f"{library}, kernel module 8.9.0 (dev)")
    assert told.calls() == []
    told.tell(OPEN_ERRNO=errno.EINVAL)
    with pytest.raises(
        OSError, match=r"the kernel module \(version 8.9.0 \(dev\)\) are of different versions: install"
    ):
        PfRing("lo", library=library).open()


@pytest.mark.parametrize(("number", "usable"), [(errno.EAFNOSUPPORT, False), (errno.EPERM, True), (errno.EINVAL, True)])
def test_available_without_the_module(told: Told, library: str, number: int, usable: bool) -> None:
    """The module is missing if the kernel does not know the family; any other refusal comes from the module."""
    told.tell(OPEN_ERRNO=number)
    found, why = available(library)
    assert found == usable
    assert usable or why == "the pf_ring kernel module is not loaded: modprobe pf_ring"


ORDER = """
import ctypes, os, sys
try:
    ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW)
except OSError as error:
    assert "pcap_" in str(error), error
else:
    raise SystemExit("libpcap was there already: this proves nothing")
from capture_ext.libpfring import LibPfring
print(LibPfring(sys.argv[1]).name == sys.argv[1])
"""


def test_libpcap_comes_first(library: str) -> None:
    """The library does not load without libpcap's symbols, and we bring them."""
    words = [sys.executable, "-c", ORDER, library]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout == "True\n"


def test_library_without_the_optional(told: Told, tmp_path: Path) -> None:
    """A library that lacks what is optional is used as far as it goes."""
    library = str(compiled(tmp_path, "-DWITHOUT_OPTIONAL"))
    source = PfRing("fnm3", library=library)
    source.open()
    assert source.warnings() == ("pf_ring fnm3: frames that this machine sends are counted too",)
    source.close()
    with pytest.raises(OSError, match="cluster 7 cannot be joined"):
        PfRing("fnm3", cluster=7, library=library).open()
    assert told.calls().count("close - 0 0") == 2


@pytest.mark.netns
def test_interface_lost(told: Told, library: str, wire: Wire) -> None:
    """A device whose interface goes down fails, as soon as the figures are asked for, with what to do."""
    source = PfRing(NEAR, library=library)
    with wire.near.entered():
        source.open()
    assert len(read_frames(source, len(FRAMES), DEADLINE)) == len(FRAMES)
    assert source.statistics() == (len(FRAMES), 0, 0)
    wire.near.ip("link", "set", "dev", NEAR, "down")
    source.statistics()
    assert read_frames(source, 1, DEADLINE) == []
    assert source.failure() == f"pf_ring {NEAR}: the interface is down: ip link set dev {NEAR} up"
    wire.near.ip("link", "del", "dev", NEAR)
    source.statistics()
    source.close()
    assert source.failure() == f"pf_ring {NEAR}: the interface is gone"
    wire.near.ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", wire.far.name)
    with wire.near.entered(), pytest.raises(OSError, match=f"{NEAR}: the interface is down: ip link set dev") as down:
        source.open()
    assert down.value.errno == errno.ENETDOWN
    assert told.calls().count("close - 0 0") == 2
