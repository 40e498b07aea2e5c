"""Frame sources from their descriptions: one for each thread."""

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from capture_ext.afpacket import AfPacket
from capture_ext.pfring import PfRing
from capture_ext.xdp import Xdp
from capture_ext.xdp_links import XdpLinks
from capture_ext.xdp_worker import add_xdp
from fnm_guard.capture.choose import choose
from fnm_guard.capture.model import Decapsulation, SourceKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from capture_ext.engine import Engine
    from capture_ext.source import FrameSource
    from capture_ext.worker import Worker
    from fnm_guard.capture.choose import Choice
    from fnm_guard.capture.model import SourceSpec

__all__ = ["BuiltSource", "XdpLinks", "build_sources", "ring_blocks"]

_BLOCKS = 64
_BLOCK_UNIT = 1 << 14
_BLOCK_LIMIT = 1 << 20
_BLOCK_MS = 8
_GROUP_LIMIT = 65_535
_CLUSTER_LIMIT = 255
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BuiltSource:
    """A source that is not open yet.

    Attributes:
        note: Why its backend was chosen, "" if it was asked for.
        cpu: Processor its thread is pinned to, None: none.
        facts: What the log tells of it at the start; the same for all threads of an interface.
        decapsulation: What is looked into.
        thread: Its number among the threads of the interface; what the interface itself lost is the first one's.
    """

    source: "FrameSource"
    interface: str
    count_internal: bool
    note: str = ""
    cpu: int | None = None
    facts: "Mapping[str, object]" = field(default_factory=dict)
    decapsulation: Decapsulation = field(default_factory=Decapsulation)
    thread: int = 0

    def describe(self) -> str:
        """Name the source for people, with why it was chosen."""
        name = self.source.describe()
        return f"{name} ({self.note})" if self.note else name

    def try_open(self) -> str:
        """Open the source; give why it cannot be opened, "" if it is open."""
        try:
            self.source.open()
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or str(error)
        except Exception as error:  # noqa: BLE001  # a fault of ours must not end the thread that tries again
            _log.exception("source fault", source=self.describe())
            return f"{self.source.describe()}: fault: {error!r}"
        return ""

    def join(self, engine: "Engine") -> "Worker":
        """Make the engine count this source; before it is opened.

        Raises:
            ValueError: If the engine has no place left for its threads.
        """
        if isinstance(self.source, Xdp):
            return add_xdp(engine, self.source, self.count_internal)
        kinds, vxlan_port = self.decapsulation.kinds, self.decapsulation.vxlan_port
        return engine.add_worker(self.source, self.count_internal, kinds, vxlan_port)

    @property
    def counts_alone(self) -> bool:
        """Whether no frame that it counts can have been counted by the engine before it, too."""
        return isinstance(self.source, Xdp) and self.source.counts_alone


def build_sources(specs: "Sequence[SourceSpec]", links: XdpLinks | None = None) -> list[BuiltSource]:
    """Build the sources of all threads.

    Threads of one interface share its frames: an AF_PACKET fanout group, a PF_RING cluster by flow.  Their numbers are
    drawn anew each time: another daemon, or the capture that this one replaces, must not be given a part by mistake.

    Args:
        specs: The interfaces.
        links: Who counts by XDP in this process, one object for all captures that follow each other; None: nobody yet.

    Raises:
        ValueError: If a value is out of the range of its backend.
    """
    known = links or XdpLinks()
    return [built for spec in specs for built in _build(spec, secrets.randbelow(_GROUP_LIMIT), known)]


def _build(spec: "SourceSpec", number: int, links: XdpLinks) -> "list[BuiltSource]":
    choice = choose(spec.kind)
    facts = _facts(spec, choice)
    if choice.kind is SourceKind.XDP:
        return [BuiltSource(_xdp(spec, links), spec.interface, spec.count_internal, facts=facts)]
    make = _pf_ring if choice.kind is SourceKind.PF_RING else _af_packet
    return [
        BuiltSource(
            make(spec, number),
            spec.interface,
            spec.count_internal,
            choice.reason,
            cpu,
            facts,
            spec.decapsulation,
            thread,
        )
        for thread, cpu in enumerate(spec.cpus or [None] * spec.threads)
    ]


def _facts(spec: "SourceSpec", choice: "Choice") -> dict[str, object]:
    """Give what an operator may want to see of a source that starts; what does not apply is left out."""
    is_af_packet = choice.kind is SourceKind.AF_PACKET
    is_shared = is_af_packet and spec.threads > 1
    facts: dict[str, object] = {"backend": choice.kind.value, "interface": spec.interface, "threads": spec.threads}
    facts |= {"fanout": spec.fanout} if is_shared else {}
    facts |= {"ring_mib": spec.ring_bytes >> 20} if is_af_packet else {}
    facts |= {"role": spec.role} if choice.kind is SourceKind.XDP else {}
    facts |= {"snaplen": spec.snaplen, "promiscuous": spec.promiscuous}
    facts |= {"cpus": list(spec.cpus)} if spec.cpus else {}
    return facts | ({"why": choice.reason} if choice.reason else {})


def ring_blocks(ring_bytes: int) -> tuple[int, int]:
    """Give the size of a block and the number of blocks of an AF_PACKET ring.

    The kernel hands a block over every 8 ms however little is in it, so that a ring of few blocks is soon used up when
    the thread waits for a processor: 64 blocks hold half a second.  Blocks above 1 MB save nothing any more.
    """
    block_bytes = min(max(ring_bytes // _BLOCKS // _BLOCK_UNIT, 1) * _BLOCK_UNIT, _BLOCK_LIMIT)
    return block_bytes, max(ring_bytes // block_bytes, _BLOCKS)


def _af_packet(spec: "SourceSpec", number: int) -> "FrameSource":
    block_bytes, blocks = ring_blocks(spec.ring_bytes)
    return AfPacket(
        spec.interface,
        snaplen=spec.snaplen,
        block_bytes=block_bytes,
        blocks=blocks,
        timeout_ms=_BLOCK_MS,
        promiscuous=spec.promiscuous,
        fanout_group=number + 1 if spec.threads > 1 else 0,
        fanout_mode=spec.fanout,
    )


def _pf_ring(spec: "SourceSpec", number: int) -> "FrameSource":
    chosen = number % _CLUSTER_LIMIT + 1 if spec.threads > 1 else 0
    return PfRing(
        spec.interface,
        snaplen=spec.snaplen,
        promiscuous=spec.promiscuous,
        cluster=chosen if spec.cluster is None else spec.cluster,
    )


def _xdp(spec: "SourceSpec", links: XdpLinks) -> "FrameSource":
    return Xdp(spec.interface, links, role=spec.role, snaplen=spec.snaplen, promiscuous=spec.promiscuous)
