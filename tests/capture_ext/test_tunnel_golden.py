"""The golden frames with tunnels, and every piece of them, with each set of switches."""

import json
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from capture_ext.frame import REASONS, parse, parse_frames
from capture_ext.tunnel import TUNNELS
from frames import golden, oracle
from frames.tunnel_cases import cases
from frames.tunnel_oracle import ALL, Opener

if TYPE_CHECKING:
    from scapy.packet import Packet

BATCH = 32
FRAMES = golden.load_tunnels()
NAMES = [f"{frame.link_type}-{frame.line['frame']}" for frame in FRAMES]
SWITCHES = [(), ALL, *((kind,) for kind in ALL), *(tuple(kind for kind in ALL if kind != off) for off in ALL)]
INNER = {"192.0.2.1", "2001:db8:aaaa::1"}


def pieces(frame: bytes) -> list[list[bytes]]:
    """Give every beginning of a frame, in batches."""
    found = [frame[:size] for size in range(len(frame) + 1)]
    return [found[start : start + BATCH] for start in range(0, len(found), BATCH)]


def test_the_switches_are_those_of_the_oracle() -> None:
    """Both readings know the same encapsulations by the same names."""
    assert TUNNELS == ALL


@pytest.mark.parametrize("case", FRAMES, ids=NAMES)
def test_a_golden_frame_gives_what_its_line_says(case: golden.Golden) -> None:
    """The reviewed line is what comes out with everything switched on."""
    packet = parse(case.frame, case.link_type, decapsulate=ALL)
    assert golden.line(str(case.line["frame"]), packet) == case.line


@pytest.mark.parametrize("case", FRAMES, ids=NAMES)
def test_every_piece_reads_as_the_oracle_says(case: golden.Golden) -> None:
    """However a frame is cut and whatever is switched on, the same packet counts in both readings."""
    for kinds in SWITCHES:
        opener = Opener(kinds)
        for some in pieces(case.frame):
            found = parse_frames(some, case.link_type, decapsulate=kinds)
            assert found == [opener.read(piece, case.link_type) for piece in some], kinds


@pytest.mark.parametrize("case", FRAMES, ids=NAMES)
def test_with_everything_off_nothing_is_looked_into(case: golden.Golden) -> None:
    """Off is the reading without tunnels: the outer packet, or the reason why there is none."""
    for some in pieces(case.frame):
        assert parse_frames(some, case.link_type) == [oracle.read(piece, case.link_type) for piece in some]


@pytest.mark.parametrize("case", golden.load_all(), ids=lambda case: case.line["frame"])
def test_frames_without_tunnels_read_the_same_with_everything_on(case: golden.Golden) -> None:
    """What is no tunnel is not touched, however it is cut; what was PPPoE or a pseudowire is read."""
    for some in pieces(case.frame):
        found = parse_frames(some, case.link_type, decapsulate=ALL)
        assert found == [Opener().read(piece, case.link_type) for piece in some]


def readable_by_scapy(case: golden.Golden) -> bool:
    """Say whether scapy can tell: it knows no lie about a length, and guesses pseudowires by less."""
    others = ("second inner packet a lie", "control word with reserved bits", "no control word, to a virtual router")
    return case.link_type == 1 and "from" in case.line and case.line["frame"] not in others


def packets_of(frame: bytes) -> list[tuple[int, int, int]]:
    """Give length and addresses of every packet that scapy finds in a frame, the outer one first."""
    found = []
    layer: Packet = Ether(frame)
    while layer:
        data = bytes(layer)
        if isinstance(layer, IP):
            found.append((layer.len, int.from_bytes(data[12:16]), int.from_bytes(data[16:20])))
        elif isinstance(layer, IPv6):
            found.append((40 + layer.plen, int.from_bytes(data[8:24]), int.from_bytes(data[24:40])))
        layer = layer.payload
    return found


@pytest.mark.parametrize(
    "case", [case for case in FRAMES if readable_by_scapy(case)], ids=lambda case: case.line["frame"]
)
def test_scapy_finds_the_same_packet(case: golden.Golden) -> None:
    """An independent reading: what counts is in the frame, and if it is the inner packet, nothing is further inside."""
    packet = parse(case.frame, case.link_type, decapsulate=ALL)
    packets = packets_of(case.frame)
    assert (packet.ip_bytes, packet.source, packet.destination) in packets
    if any(source in str(case.line["from"]) for source in INNER):
        assert (packet.ip_bytes, packet.source, packet.destination) == packets[-1]


def test_every_reason_has_a_golden_frame() -> None:
    """A reason that no frame has is none; the link type's own is a test of its own."""
    found = {case.line.get("reason", "") for case in [*golden.load_all(), *FRAMES]}
    assert found | {"link_type"} == set(REASONS)


def test_the_golden_files_are_those_of_the_cases() -> None:
    """`make golden` was run after the last change of a case."""
    assert {path.stem for path in golden.TUNNELS.glob("*.json")} == set(cases())
    for name, (link_type, frames) in cases().items():
        path = golden.TUNNELS / f"{name}.pcap"
        assert path.read_bytes() == golden.pcap(link_type, [frame for _, frame in frames])
        assert [line["frame"] for line in json.loads(path.with_suffix(".json").read_text())] == [w for w, _ in frames]
