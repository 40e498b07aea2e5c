"""What the capture is told, and what it tells beyond the values of the core."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netaddr import IPAddress

    from fnm_guard.core.model import Direction

__all__ = [
    "AuditSpec",
    "CaptureError",
    "Decapsulation",
    "DirectionTotals",
    "Health",
    "HostTotals",
    "SideTotals",
    "SourceKind",
    "SourceSpec",
    "SourceState",
    "TopOrder",
    "Traffic",
]


class CaptureError(Exception):
    """The capture cannot start; one line that says what to do."""


class SourceKind(StrEnum):
    """Where frames come from."""

    AUTO = "auto"
    """PF_RING if its library and module are there, AF_PACKET otherwise."""
    AF_PACKET = "af_packet"
    PF_RING = "pf_ring"
    XDP = "xdp"
    """Counted in the kernel."""


class TopOrder(StrEnum):
    """What the busiest hosts are sorted by."""

    PACKETS = "packets"
    BYTES = "bytes"
    FLOWS = "flows"


@dataclass(frozen=True, slots=True)
class Decapsulation:
    """Encapsulations in which the inner packet counts instead of the outer one.

    Attributes:
        kinds: Names: gre, ipip, 6in4, vxlan, pppoe, pseudowire.
        vxlan_port: UDP port of VXLAN.
    """

    kinds: tuple[str, ...] = ()
    vxlan_port: int = 4789


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One interface to read.

    Attributes:
        threads: Capture threads that share it.
        cpus: Processors they are pinned to, one each; empty: none.
        fanout: What AF_PACKET threads share frames by: `queue`, `cpu` or `hash`.
        snaplen: Bytes read from each frame.
        count_internal: Whether packets between two of our hosts also count at both of them.
        cluster: PF_RING cluster of the threads; None: chosen.
        ring_bytes: Size of each thread's AF_PACKET ring.
        decapsulation: What is looked into.
        role: What becomes of a frame that XDP counted: `mirror` drops it, `router` lets it go on.
    """

    interface: str
    kind: SourceKind = SourceKind.AUTO
    threads: int = 1
    cpus: tuple[int, ...] = ()
    fanout: str = "queue"
    snaplen: int = 192
    promiscuous: bool = True
    count_internal: bool = False
    cluster: int | None = None
    ring_bytes: int = 32 << 20
    decapsulation: Decapsulation = Decapsulation()
    role: str = "mirror"


@dataclass(frozen=True, slots=True)
class AuditSpec:
    """What is kept of an attack.

    Attributes:
        packets: Frames from the crossing on.
        before: Frames from before it, at the most.
        frame_bytes: Bytes of each.
        hosts: Audits that are under way at once.
    """

    packets: int = 100
    before: int = 10
    frame_bytes: int = 128
    hosts: int = 256


@dataclass(frozen=True, slots=True)
class SideTotals:
    """What one host received, or sent, since the start.  `bytes` are of the IP layer, header included.

    A fragment counts under its protocol and under `fragments`; `syn` are TCP with SYN and without ACK.
    """

    packets: int = 0
    bytes: int = 0
    tcp: int = 0
    syn: int = 0
    udp: int = 0
    icmp: int = 0
    other: int = 0
    fragments: int = 0


@dataclass(frozen=True, slots=True)
class HostTotals:
    """Both directions of one host since the start."""

    host: "IPAddress"
    incoming: SideTotals
    outgoing: SideTotals


@dataclass(frozen=True, slots=True)
class DirectionTotals:
    """All traffic of a direction: `packets` and `bytes` since the start, the rates over the window."""

    packets: int
    bytes: int
    pps: float
    bps: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Everything that was seen.

    Attributes:
        directions: Every `Direction` has an entry.
        frames: Frames read, parsed or not.
        unparsed: Frames that could not be parsed, by reason.
    """

    directions: "Mapping[Direction, DirectionTotals]"
    frames: int
    unparsed: "Mapping[str, int]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceState:
    """One thread that reads frames; the counts are since the start, reopenings included.

    What an interface lost stands at the first of its threads, so that it may be added up.

    Attributes:
        description: Backend and interface, why it was chosen if it was `auto`.
        state: `running`, `failed` (waits to be opened again) or `stopped`.
        failure: Why it failed, "" if it runs.
        dropped_ring: Frames for which the ring had no room.
        dropped_interface: Frames the interface lost before the kernel had them.
        dropped_kernel: Frames the kernel counts as dropped: it had no room for them, or they were read here and no
            protocol of this machine had a use for them, as with QinQ on a mirror.
        warnings: What is wrong although it runs, a line each.
    """

    description: str
    interface: str
    state: str
    failure: str
    received: int
    dropped_ring: int
    dropped_interface: int
    dropped_kernel: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What is in use, and what did not fit or was late; all but the first and `audits` ever-growing.

    Attributes:
        windows: Hosts and directions with traffic in the window, or watched.
        windows_refused: Lines that found no window and were counted in blocks.
        crossings_postponed: Crossings that waited a tick because the queue was full.
        crossings_windowless: Crossings that waited a tick because there was no window to watch the host in.
        audits: Audits under way.
        audits_refused: Crossings without an audit, because all were in use.
        ipv6_entered, ipv6_evicted, ipv6_refused: IPv6 hosts: entered; evicted for others; packets without a place.
        flows_missed: Packets whose flow was not counted, because the table was full of live ones.
        tunnels_opened: Frames that count by the packet inside an encapsulation.
        tunnels_unread: Tunnel packets that count themselves, because what is inside could not be read.
        tunnels_too_deep: The same, because it lies more than 4 encapsulations deep.
        clock_stopped: Ticks without time.
        ticks_late_5ms, ticks_late_50ms, ticks_late_500ms: Ticks that came so late at least.
        lateness_seconds: Latest tick so far.
    """

    windows: int
    windows_refused: int
    crossings_postponed: int
    crossings_windowless: int
    audits: int
    audits_refused: int
    ipv6_entered: int
    ipv6_evicted: int
    ipv6_refused: int
    flows_missed: int
    tunnels_opened: int
    tunnels_unread: int
    tunnels_too_deep: int
    clock_stopped: int
    ticks_late_5ms: int
    ticks_late_50ms: int
    ticks_late_500ms: int
    lateness_seconds: float
