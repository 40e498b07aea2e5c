"""Sections about what is captured, counted and kept."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

from netaddr import IPNetwork
from pydantic import Field

from fnm_guard.config import kinds
from fnm_guard.config.section import Contradiction, Loc, Section
from fnm_guard.config.values import BadValueError, read_number, write_duration
from fnm_guard.core.model import Thresholds

__all__ = [
    "AuditSettings", "CaptureSettings", "DetectionSettings", "DirectionSettings", "GroupSettings", "Interface", "Name",
    "OurPrefix", "ThresholdSettings",
]  # fmt: skip

SHORTEST_IPV4 = 8
SHORTEST_IPV6 = 16
POWER_TICKS = 4
TICKS_LIMIT = 1200

OurPrefix = Annotated[IPNetwork, kinds.prefix(SHORTEST_IPV4, SHORTEST_IPV6)]
Name = Annotated[str, kinds.text(r"[A-Za-z0-9_.-]{1,64}", "not a name", "1 to 64 letters, digits, and _ . -")]
Interface = Annotated[
    str,
    kinds.text(
        r"(?!\.{1,2}$)[!-.0-9;-~]{1,15}|(?:[a-z]{2,7}:)?[!-.0-9;-?A-~]{1,15}(?:@[0-9]{1,3}(?:,[0-9]{1,3})*)?",
        "not an interface name",
        "1 to 15 characters without / : and spaces, or for PF_RING zc:NAME, NAME@QUEUE",
    ),
]


Encapsulation = Annotated[str, kinds.choice("gre", "ipip", "6in4", "vxlan", "pppoe", "pseudowire")]


def _read_threshold(value: object) -> float | None:
    if value is None or value is False or (isinstance(value, str) and value.lower() in {"off", "no", "false"}):
        return None
    try:
        return read_number(value, 0.001, 1e12)
    except BadValueError as error:
        raise BadValueError(error.what, "a number above 0, or off") from None


Threshold = Annotated[
    float | None,
    kinds.Kind(
        _read_threshold,
        {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"enum": ["off", False, None]}],
            "x-values": "number or off",
        },
    ),
]


class CaptureSettings(Section):
    """One set of interfaces that are read the same way."""

    source: Annotated[
        Literal["auto", "af_packet", "pf_ring", "xdp"], kinds.choice("auto", "af_packet", "pf_ring", "xdp")
    ] = "auto"
    """Where frames come from; `auto` takes PF_RING when its library and module are there, AF_PACKET otherwise.  `xdp`
    counts in the kernel: the least CPU by far, but no flows, and 128 bytes of memory for each host and CPU."""
    role: Annotated[Literal["mirror", "router"], kinds.choice("mirror", "router")] = "mirror"
    """What XDP does with a frame that it has counted: `mirror` drops it, for a port that gets copies; `router` lets it
    go on.  A port that is used for anything else than copies goes silent with `mirror`."""
    interfaces: Annotated[tuple[Interface, ...], Field(min_length=1, max_length=64)]
    """Interfaces to read; a packet must pass one of them only, and only once.  Names with a driver or a receive queue,
    zc:eth3 or zc:eth3@1, are PF_RING's and are handed to it as they are."""
    threads: Annotated[int, kinds.whole(1, 64)] = 1
    """Capture threads for each interface; unless set, as many as there are `cpus`."""
    cpus: Annotated[tuple[Annotated[int, kinds.whole(0, 4095)], ...], Field(max_length=64)] = ()
    """Processors that the threads of each interface are pinned to, one for each thread; empty: the kernel chooses."""
    fanout: Annotated[Literal["queue", "cpu", "hash"], kinds.choice("queue", "cpu", "hash")] = "queue"
    """What AF_PACKET shares frames out to several threads by: the receive queue of the NIC, the processor that took the
    frame from it, or a hash of the flow.  The first two cost nothing but need a NIC with several queues (RSS); a hash
    costs the kernel 10 to 20 % more for each frame.  A thread that cannot keep up is helped by the others."""
    promiscuous: Annotated[bool, kinds.switch()] = True
    """Whether frames to foreign MAC addresses are taken too, as a mirror port needs it."""
    snaplen: Annotated[int, kinds.whole(96, 9216)] = 192
    """Bytes read from each frame; lengths are taken from the IP header, so cutting costs no accuracy."""
    count_internal: Annotated[bool, kinds.switch()] = False
    """Whether traffic between two of our hosts also counts as incoming and outgoing; true on a mirror of an uplink,
    where a flood with sources forged out of our own networks looks internal."""
    decapsulate: Annotated[tuple[Encapsulation, ...], Field(max_length=6)] = ("pppoe",)
    """Encapsulations in which the packet inside is counted instead of the one around it, nested at most 4 deep: gre,
    ipip (IPv4 in IPv4 or IPv6), 6in4 (IPv6 in IPv4 or IPv6), vxlan, pppoe, pseudowire (Ethernet below MPLS labels).
    XDP looks into none of them."""
    vxlan_port: Annotated[int, kinds.whole(1, 65_535)] = 4789
    """UDP port that VXLAN is sent to; 8472 where Linux's own default is in use."""
    cluster: Annotated[int, kinds.whole(1, 255)] | None = None
    """PF_RING cluster through which the threads of one interface share its frames; empty: one is chosen."""
    ring_mib: Annotated[int, kinds.whole(1, 1024)] = 32
    """Size of each thread's AF_PACKET ring in MiB."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        yield from self._foreign_names()
        yield from self._threads_that_do_not_fit()
        yield from self._foreign_keys()
        if self.cluster is not None and len(self.interfaces) > 1:
            text = f"shared by {len(self.interfaces)} interfaces: {self.cluster}; allowed: one interface a cluster"
            yield Contradiction(("cluster",), text, (("interfaces",),))
        for index, kind in enumerate(self.decapsulate):
            if kind in self.decapsulate[:index]:
                yield Contradiction(("decapsulate", index), f"stands twice: {kind}; allowed: once")
        if "vxlan_port" in self.model_fields_set and "vxlan" not in self.decapsulate:
            text = "vxlan is not decapsulated; allowed: with vxlan in decapsulate"
            yield Contradiction(("vxlan_port",), text, (("decapsulate",),))

    def _foreign_keys(self) -> Iterator[Contradiction]:
        """Give the keys that are for other backends than this one."""
        if "fanout" in self.model_fields_set and self.source in {"pf_ring", "xdp"}:
            yield Contradiction(("fanout",), f"only for AF_PACKET, but source is {self.source}", (("source",),))
        if self.cluster is not None and self.source in {"af_packet", "xdp"}:
            yield Contradiction(("cluster",), f"only for PF_RING, but source is {self.source}", (("source",),))
        if "role" in self.model_fields_set and self.source != "xdp":
            yield Contradiction(("role",), f"only for XDP, but source is {self.source}", (("source",),))
        if self.source == "xdp" and self.decapsulate and "decapsulate" in self.model_fields_set:
            text = "only for other sources: XDP looks into nothing"
            yield Contradiction(("decapsulate",), text, (("source",),))
        if self.source == "xdp" and (self.threads > 1 or self.cpus):
            key = "cpus" if self.cpus else "threads"
            text = "only for other sources: XDP counts on every CPU by itself"
            yield Contradiction((key,), text, (("source",),))

    def _foreign_names(self) -> Iterator[Contradiction]:
        for position, name in enumerate(self.interfaces):
            if self.source not in {"auto", "pf_ring"} and _is_pf_ring_name(name):
                text = f"a name that only PF_RING knows: {name!r}, but source is {self.source}"
                yield Contradiction(("interfaces", position), text, (("source",),))

    def source_of(self, interface: str) -> str:
        """Give the source of one of the interfaces: `auto` is PF_RING where only that knows the name."""
        return "pf_ring" if self.source == "auto" and _is_pf_ring_name(interface) else self.source

    def _threads_that_do_not_fit(self) -> Iterator[Contradiction]:
        if len(set(self.cpus)) < len(self.cpus):
            text = f"one stands twice: {', '.join(map(str, self.cpus))}; allowed: each once"
            yield Contradiction(("cpus",), text)
        if self.cpus and len(self.cpus) != self.thread_count:
            text = f"{len(self.cpus)} given, but threads is {self.threads}; allowed: one for each thread"
            yield Contradiction(("cpus",), text, (("threads",),))

    @property
    def thread_count(self) -> int:
        """How many threads read each interface."""
        return self.threads if "threads" in self.model_fields_set else len(self.cpus) or self.threads


def _is_pf_ring_name(name: str) -> bool:
    return ":" in name or re.search(r"@[0-9,]+$", name) is not None


class ThresholdSettings(Section):
    """Thresholds of one direction; what is left out is inherited."""

    pps: Threshold = None
    """Packets per second; 30000 unless set."""
    mbps: Threshold = None
    """Traffic in 10^6 bit/s at the IP layer."""
    flows: Threshold = None
    """Distinct flows within the window; a flow is one source, destination, both ports and protocol."""
    tcp_pps: Threshold = None
    """TCP packets per second."""
    udp_pps: Threshold = None
    """UDP packets per second."""
    icmp_pps: Threshold = None
    """ICMP and ICMPv6 packets per second."""
    other_pps: Threshold = None
    """Packets per second of all other protocols."""
    fragment_pps: Threshold = None
    """Fragments per second, of whatever protocol."""
    syn_pps: Threshold = None
    """TCP packets with SYN and without ACK per second."""
    tcp_mbps: Threshold = None
    """TCP traffic in 10^6 bit/s."""
    udp_mbps: Threshold = None
    """UDP traffic in 10^6 bit/s."""
    icmp_mbps: Threshold = None
    """ICMP and ICMPv6 traffic in 10^6 bit/s."""

    def over(self, inherited: Thresholds) -> Thresholds:
        """Give the thresholds set here, `off` included, over those inherited."""
        return replace(inherited, **{name: getattr(self, name) for name in self.model_fields_set})


class DirectionSettings(Section):
    """Thresholds of both directions."""

    incoming: ThresholdSettings = ThresholdSettings()
    """Traffic to our hosts."""
    outgoing: ThresholdSettings = ThresholdSettings()
    """Traffic from our hosts."""

    def uses_flows(self) -> Iterator[str]:
        """Give the directions in which flows are watched."""
        for direction in ("incoming", "outgoing"):
            if getattr(self, direction).flows is not None:
                yield direction


class GroupSettings(Section):
    """Hosts with thresholds of their own."""

    networks: Annotated[tuple[OurPrefix, ...], Field(min_length=1, max_length=65_536)]
    """Prefixes or addresses of the group, inside `networks`; the most specific prefix wins, then the first group."""
    thresholds: DirectionSettings = DirectionSettings()
    """Thresholds of these hosts; what is left out is taken from `detection.thresholds`, `off` switches one off."""


class DetectionSettings(Section):
    """When a host is under attack."""

    window: Annotated[float, kinds.duration(0.04, 60)] = 1.0
    """Length of the sliding window over which rates are taken; a whole number of ticks, 4 to 1200."""
    tick: Annotated[float, kinds.duration(0.01, 1)] = 0.05
    """How often the window moves and thresholds are compared."""
    thresholds: DirectionSettings = DirectionSettings()
    """Rates above which a host is under attack; pps is 30000 each way unless set or `off`, the others are off."""
    groups: Annotated[dict[Name, GroupSettings], Field(max_length=1024)] = Field(default_factory=dict)
    """Groups of hosts with thresholds of their own, by name."""
    release: Annotated[float, kinds.number(0.01, 1)] = 0.8
    """Share of each threshold that every rate must stay under for an attack to end."""
    hold: Annotated[float, kinds.duration(0, 3600)] = 10.0
    """How long every rate must stay under it."""
    flows: Annotated[bool, kinds.switch()] = True
    """Whether distinct flows are counted."""
    ipv6_hosts: Annotated[int, kinds.whole(1024, 16_777_216)] = 65_536
    """How many IPv6 hosts are kept at once."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        ticks, rest = divmod(round(self.window * 1e9), round(self.tick * 1e9))
        if rest or not POWER_TICKS <= ticks <= TICKS_LIMIT:
            window, tick = write_duration(self.window), write_duration(self.tick)
            text = f"not in whole ticks: {window} of {tick}; allowed: {POWER_TICKS} to {TICKS_LIMIT} ticks"
            yield Contradiction(("window",), text, (("tick",),))
        if self.flows:
            return
        for place in self.flow_thresholds():
            text = "flows are not counted; allowed: with detection.flows: true"
            yield Contradiction(place, text, (("flows",),))

    def flow_thresholds(self) -> Iterator[Loc]:
        """Give the places of all thresholds for flows."""
        for direction in self.thresholds.uses_flows():
            yield ("thresholds", direction, "flows")
        for name, group in self.groups.items():
            for direction in group.thresholds.uses_flows():
                yield ("groups", name, "thresholds", direction, "flows")


class AuditSettings(Section):
    """The frames that are kept of an attack."""

    packets: Annotated[int, kinds.whole(1, 1000)] = 100
    """Frames kept from the crossing on."""
    before: Annotated[int, kinds.whole(0, 100)] = 10
    """Frames kept from before the crossing."""
    frame_bytes: Annotated[int, kinds.whole(64, 256)] = 128
    """Bytes kept of each frame."""
