"""The kernel's program on single frames, against the engine that reads the same frames itself."""

import errno
from random import Random

import pytest

from capture.frames import ACK, ICMPV6, SYN, TCP, UDP, Sent
from capture.kernel_lane import SHORTEST, KernelLane
from capture.lane import Lane, host
from capture_ext import census
from capture_ext.engine import EngineSizes
from capture_ext.libbpf import LibBpf
from capture_ext.xdp_program import DROP, OBJECT, PASS, load_error
from capture_ext.xdp_tables import MISS_LIMIT, slices_needed
from frames import golden
from frames.mutations import mutated

NETWORKS = ("203.0.113.0/24", "198.51.100.128/25", "10.0.0.0/15", "2001:db8:100::/48", "2001:db8::/34", "192.0.2.7/32")
ETHERNET = 1
INPUTS = 20_000
GOLDEN = [case.frame for case in golden.load_all() if case.link_type == ETHERNET and len(case.frame) >= SHORTEST]


def compared(frames: "list[bytes]", *networks: str, count_internal: bool = False) -> KernelLane:
    """Count frames in the kernel and in the engine; all figures must be equal."""
    kernel = KernelLane(*networks, count_internal=count_internal)
    lane = Lane(*networks, count_internal=count_internal)
    kernel.put(frames)
    lane.play(lane.workers[0], list(enumerate(frames)))
    kernel.tick()
    lane.tick()
    assert census.frames(kernel.engine) == census.frames(lane.engine)
    assert census.courses(kernel.engine) == census.courses(lane.engine)
    assert kernel.totals() == lane.totals()
    assert census.health(kernel.engine).windows == census.health(lane.engine).windows
    return kernel


@pytest.mark.netns
def test_it_reads_golden_frames_and_their_pieces_as_the_parser_does() -> None:
    """Every header, tag, label, fragment and reason, and all of them cut at every byte."""
    pieces = [frame[:size] for frame in GOLDEN for size in range(SHORTEST, len(frame) + 1)]
    compared(pieces, *NETWORKS)


@pytest.mark.netns
@pytest.mark.parametrize("internal", [False, True])
def test_it_reads_mutations_as_the_parser_does(internal: bool) -> None:
    """Frames that no one would send count for the same hosts, or for the same reason not at all."""
    random = Random(5180_2022)
    frames = list(GOLDEN)
    while len(frames) < INPUTS:
        frame = mutated(random.choice(frames), random.choice(GOLDEN), random)
        if len(frame) >= SHORTEST:
            frames.append(frame)
    compared(frames, *NETWORKS, count_internal=internal)


@pytest.mark.netns
def test_networks_of_every_size_and_their_neighbours() -> None:
    """First and last address of a network count, the ones beside it do not; many IPv6 networks are searched."""
    hosts4 = ["203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0", "198.51.100.127", "198.51.100.128"]
    hosts4 += ["10.0.0.0", "10.1.255.255", "10.2.0.0", "9.255.255.255", "192.0.2.6", "192.0.2.7", "192.0.2.8"]
    many = [f"2001:db8:{number:x}::/64" for number in range(0x4000, 0x4800, 2)]
    hosts6 = [f"2001:db8:{number:x}::{end}" for number in range(0x3FFF, 0x4802) for end in ("0", "ffff:ffff:ffff:ffff")]
    frames = [Sent(destination=host).frame() for host in hosts4]
    frames += [Sent(source="2001:db8:9999::1", destination=host).frame() for host in [*hosts6, "::"]]
    compared(frames, *NETWORKS[:4], NETWORKS[5], *many)


@pytest.mark.netns
def test_an_ipv6_host_is_counted_from_its_first_packet() -> None:
    """The engine counts the packet that made the host known; after that the kernel does, both directions."""
    inside, outside = "2001:db8:100::7", "2001:db8:9999::1"
    frames = [Sent(outside, inside, protocol=TCP, tcp_flags=SYN, ip_bytes=60).frame()] * 5
    frames += [Sent(inside, outside, protocol=TCP, tcp_flags=SYN | ACK, ip_bytes=60).frame()] * 3
    frames += [Sent(inside, "2001:db8:100::8", protocol=ICMPV6, ip_bytes=60).frame()] * 2
    kernel = compared(frames, *NETWORKS, count_internal=True)
    assert census.health(kernel.engine).ipv6_refused == 0


@pytest.mark.netns
def test_a_full_ipv6_table_keeps_the_victim() -> None:
    """Strangers of one network push each other out; a place that changes its host begins at zero on every CPU."""
    kernel = KernelLane("2001:db8:100::/48", sizes=EngineSizes(ipv6_hosts=64))
    outside, victim = "2001:db8:9999::1", "2001:db8:100::7"
    flood = [Sent(outside, victim).frame()] * 20
    for number in range(1, 101):
        strangers = [Sent(outside, f"2001:db8:100::{number:x}:{low:x}").frame() for low in range(20)]
        kernel.put(flood + strangers)
        kernel.tick()
    totals = kernel.totals()
    health = census.health(kernel.engine)
    assert totals[victim][0].packets[1] == 2000
    assert health.ipv6_evicted > 1000
    assert {side.packets[1] for host, (side, _) in totals.items() if host != victim} == {1}
    assert len(totals) <= 64


@pytest.mark.netns
def test_what_finds_no_place_is_counted() -> None:
    """More new IPv6 hosts than a CPU may ask for between two looks: the rest counts in the course and as refused."""
    kernel = KernelLane("2001:db8:100::/48")
    program = kernel.worker.tables().program
    for number in range(1, 2 * MISS_LIMIT + 1):
        program.run(Sent("2001:db8:9999::1", f"2001:db8:100::{number:x}").frame())
    kernel.worker.drain()
    kernel.tick()
    assert census.courses(kernel.engine)[1].packets == 2 * MISS_LIMIT
    seen, refused = len(kernel.totals()), census.health(kernel.engine).ipv6_refused
    assert seen + refused == 2 * MISS_LIMIT
    assert seen >= MISS_LIMIT


@pytest.mark.netns
@pytest.mark.parametrize(("role", "action"), [("mirror", DROP), ("router", PASS)])
def test_the_role_says_what_becomes_of_a_frame(role: str, action: int) -> None:
    """Whatever it is, also when it cannot be parsed."""
    kernel = KernelLane(*NETWORKS, role=role)
    kernel.put(GOLDEN)
    assert kernel.actions == {action}


@pytest.mark.netns
def test_a_crossing_comes_from_the_kernels_counts() -> None:
    """Rates and thresholds work on the tables of the kernel as on those of a thread; a silent host decays."""
    kernel = KernelLane("203.0.113.0/24", incoming=((0, 100.0),))
    kernel.put([Sent(protocol=UDP).frame()] * 200)
    (crossing,) = kernel.tick()
    assert crossing.rate == 200
    for _ in range(25):
        assert kernel.tick() == []
    kernel.engine.release(*host("203.0.113.7"), False)
    assert kernel.tick() == []
    assert census.health(kernel.engine).windows == 0


@pytest.mark.netns
def test_what_is_cut_off_is_not_read() -> None:
    """Bytes behind `snaplen` are as absent as behind a packet socket's."""
    kernel = KernelLane(*NETWORKS, snaplen=64)
    long = Sent("2001:db8:9999::1", "2001:db8:100::7", protocol=TCP, tcp_flags=SYN).frame()
    kernel.put([long])
    kernel.tick()
    assert kernel.totals()["2001:db8:100::7"][0].packets == (1, 0, 0, 0, 0, 0)


def test_the_object_tells_nothing_of_the_machine_that_built_it() -> None:
    """No path of the builder is in it, so that the bytes are the same on every machine."""
    content = OBJECT.read_bytes()
    assert content[:4] == b"\x7fELF"
    assert [word for word in (b"/home", b"/root", b"/work", b"/tmp", b"/build", b"/usr") if word in content] == []


@pytest.mark.parametrize(
    ("number", "log", "release", "text"),
    [
        (errno.EPERM, "", "6.1.0", "needs CAP_BPF and CAP_NET_ADMIN: run as root, or give the service"),
        (errno.EINVAL, "unknown func 189", "5.10.0-28-amd64", "needs Linux 5.18 or later, this is 5.10.0-28-amd64"),
        (errno.ENOMEM, "", "6.1.0", "no memory for its 77 entries"),
        (errno.EACCES, "first\nR1 is bad", "6.1.0", "the kernel's verifier refuses the program: R1 is bad"),
        (errno.ENOSPC, "", "6.1.0", "No space left on device"),
    ],
)
def test_a_refusal_names_its_reason(number: int, log: str, release: str, text: str) -> None:
    """The operator is told what is missing, not what the kernel calls it."""
    error = load_error(number, 77, log, release)
    assert error.errno == number
    assert str(error.strerror).startswith(text)


def test_without_libbpf() -> None:
    """What is missing is named, with the package that has it."""
    with pytest.raises(OSError, match="install Debian's package libbpf1") as caught:
        LibBpf("libnothere.so.9")
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(OSError, match=r"libc.so.6 has no bpf_object__open_mem"):
        LibBpf("libc.so.6")


@pytest.mark.parametrize(("online", "slices"), [("0\n", 1), ("0-3", 4), ("0-1,4-7,63", 64), ("0,2", 3)])
def test_a_slice_for_every_cpu(online: str, slices: int) -> None:
    """CPUs are numbered; the highest that runs decides."""
    assert slices_needed(online) == slices
