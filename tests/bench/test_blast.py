"""The load generator: what it says it sent is what arrives, and every frame is a right one."""

import json
import subprocess
import time
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from bench.blast import build
from capture_ext.afpacket import AfPacket
from capture_ext.reading import read_frames
from capture_ext.source import CapturedFrame
from lab.namespaces import Lab

MAC = "02:00:00:00:00:99"
DEADLINE = 20.0


def parsed(frame: CapturedFrame) -> Any:
    """Give the frame as scapy reads it; by the port, what it carries may look like something, and is nothing."""
    packet = Ether(frame.data)
    transport = packet.payload.payload
    content = getattr(transport.payload, "original", b"")
    transport.remove_payload()
    return packet / Raw(content) if content else packet


def checksums_hold(frame: CapturedFrame) -> bool:
    """Tell whether scapy would have written the same checksums."""
    packet = parsed(frame)
    for layer in packet.layers():
        for name in ("chksum", "cksum"):
            if name in packet[layer].fields:
                delattr(packet[layer], name)
    return bytes(packet) == frame.data


Flood = tuple[list[dict[str, Any]], list[CapturedFrame]]


def flood(folder: Path, *words: str) -> Flood:
    """Run blast over a silent wire; give its lines and what arrived."""
    with Lab(folder) as lab:
        near, far = lab.namespace("near"), lab.namespace("far")
        for namespace in (near, far):
            namespace.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        lab.link(near, "cap0", far, "gen0")
        near.run("ip", "link", "set", "cap0", "address", MAC)
        far.run("ip", "link", "set", "gen0", "address", "02:00:00:00:00:11")
        near.run("ethtool", "-K", "cap0", "gro", "on")  # NAPI, without which no XDP frame can be taken
        source = AfPacket("cap0", snaplen=9100, timeout_ms=100)  # nobody reads before the end: a ring of some seconds
        with near.entered():
            source.open()
        try:
            printed = far.run(build(), "--interface", "gen0", "--mac", MAC, *words)
            lines = [json.loads(line) for line in printed.splitlines()]
            frames = read_frames(source, lines[-1]["sent"], DEADLINE)
            return lines, frames + read_frames(source, 1, 0.2)
        finally:
            source.close()


def test_content_is_not_read() -> None:
    """A frame from a port of VXLAN is a UDP packet like any other."""
    data = bytes(Ether() / IPv6() / UDP(sport=8472, dport=9) / Raw(bytes(28)))
    assert VXLAN in Ether(data)
    assert checksums_hold(CapturedFrame(data, 0, len(data), 1, 0))


@pytest.mark.netns
@pytest.mark.parametrize("protocol", ["udp", "tcp-syn", "icmp"])
@pytest.mark.parametrize(
    ("source", "destination"),
    [("198.18.0.0/15", "203.0.113.4-203.0.113.7"), ("2001:db8::/64", "2001:db8:1::fffe-2001:db8:1::1:1")],
)
def test_frames(tmp_path: Path, protocol: str, source: str, destination: str) -> None:
    """Frames have the length, addresses and protocol asked for, and checksums that hold."""
    (_, end), frames = flood(
        tmp_path,
        *("--source", source, "--destination", destination, "--protocol", protocol),
        *("--count", "400", "--pps", "20000", "--length", "90", "--sources", "7", "--destination-port", "53"),
    )
    assert (end["state"], end["sent"], end["refused"], end["frame_bytes"]) == ("finished", 400, 0, 90)
    assert len(frames) == 400
    assert {len(frame.data) for frame in frames} == {90}
    assert all(checksums_hold(frame) for frame in frames)
    packets = [parsed(frame) for frame in frames]
    assert {type(packet.payload) for packet in packets} == {IPv6 if ":" in source else IP}
    assert {packet.dst for packet in packets} == {MAC}
    destinations = Counter(ip_address(packet.payload.dst) for packet in packets)
    first = ip_address(destination.partition("-")[0])
    assert destinations == {first + offset: 100 for offset in range(4)}
    assert len({packet.payload.src for packet in packets}) == 7
    if protocol == "tcp-syn":
        assert {str(packet["TCP"].flags) for packet in packets} == {"S"}
    if protocol != "icmp":
        assert {packet.payload.payload.dport for packet in packets} == {53}
        assert len({packet.payload.payload.sport for packet in packets}) > 300


@pytest.mark.netns
def test_time_of_the_first_frame(tmp_path: Path) -> None:
    """Both clocks are read just before the first frame; the first line says the same as the last."""
    before = time.time_ns(), time.monotonic_ns()
    (start, end), frames = flood(
        tmp_path, "--source", "198.51.100.1", "--destination", "203.0.113.7", "--count", "10", "--pps", "100"
    )
    assert before < (start["wall_ns"], start["monotonic_ns"])
    assert (start["state"], start["wall_ns"], start["monotonic_ns"]) == ("started", end["wall_ns"], end["monotonic_ns"])
    assert start["wall_ns"] <= frames[0].timestamp_ns < start["wall_ns"] + 10**9
    assert end["seconds"] >= 0.09


@pytest.mark.netns
@pytest.mark.parametrize("protocol", ["udp", "tcp-syn", "icmp"])
@pytest.mark.parametrize("choice", [(), ("--random", "--sources", "9"), ("--destination-port", "53")])
def test_frames_of_the_kernel_are_the_same(tmp_path: Path, protocol: str, choice: tuple[str, ...]) -> None:
    """With `--xdp` the same seed gives the same frames, byte for byte, and as many."""
    words = ["--source", "198.18.0.0/15", "--destination", "203.0.113.3-203.0.113.9", "--protocol", protocol]
    words += ["--count", "300", "--pps", "20000", "--length", "71", "--seed", "5", *choice]
    (start, end), made = flood(tmp_path / "xdp", *words, "--xdp")
    _, sent = flood(tmp_path / "socket", *words)
    assert [frame.data for frame in made] == [frame.data for frame in sent]
    assert (start["state"], end["state"], end["sent"], len(made)) == ("started", "finished", 300, 300)
    assert start["wall_ns"] <= made[0].timestamp_ns < start["wall_ns"] + 10**9
    assert len({parsed(frame).payload.dst for frame in made}) == 7


@pytest.mark.netns
def test_frames_of_the_kernel_are_bounded_by_seconds(tmp_path: Path) -> None:
    """With `--xdp` and no count the run ends by its time, at no more than the rate asked for."""
    words = ("--source", "198.51.100.1", "--destination", "203.0.113.7", "--seconds", "0.5", "--pps", "2000")
    (_, end), frames = flood(tmp_path, *words, "--xdp")
    assert end["sent"] == len(frames)
    assert 1 < end["sent"] <= 2000 * end["seconds"] + 2
    assert 0.5 <= end["seconds"] < 10


@pytest.mark.netns
def test_destinations_at_random(tmp_path: Path) -> None:
    """With `--random` destinations are drawn, all of the range, and not in turn."""
    words = ("--source", "198.51.100.1", "--destination", "203.0.113.0/28", "--count", "400", "--pps", "20000")
    _, frames = flood(tmp_path, *words, "--random")
    counts = Counter(parsed(frame).payload.dst for frame in frames)
    assert len(counts) == 16
    assert len(set(counts.values())) > 1


@pytest.mark.netns
def test_bounded_by_seconds(tmp_path: Path) -> None:
    """Without a count the run ends by its time, at about the rate asked for."""
    (_, end), frames = flood(
        tmp_path, *("--source", "198.51.100.1", "--destination", "203.0.113.7", "--seconds", "0.5", "--pps", "2000")
    )
    assert end["sent"] == len(frames)
    assert 1 < end["sent"] <= 2000 * end["seconds"] + 2
    assert 0.5 <= end["seconds"] < 5


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "--interface, --mac, --source and --destination are needed"),
        (["--source", "198.51.100"], "range: 198.51.100"),
        (["--source", "198.51.100.9-198.51.100.1"], "range"),
        (["--source", "198.51.100.0/33"], "range: 33"),
        (["--source", "2001:db8::1"], "different families"),
        (["--sources", "5", "--source", "198.51.100.0/30"], "--sources above the range"),
        (["--mac", "02:00:00:00:00"], "--mac"),
        (["--seconds", "601"], "--seconds: 601"),
        (["--seconds", "nan"], "--seconds: nan"),
        (["--pps", "-1"], "--pps: -1"),
        (["--count", "1x"], "--count: 1x"),
        (["--length", "41"], "--length below the headers"),
        (["--length", "9015"], "--length: 9015"),
        (["--protocol", "gre"], "--protocol: gre"),
        (["--xdp", "--source", "2001:db8::1", "--destination", "2001:db8::2"], "--xdp is for IPv4"),
        (["more"], "unknown argument: more"),
    ],
)
def test_bad_arguments(words: list[str], text: str) -> None:
    """A wrong argument is named, and the usage shown; nothing is sent."""
    whole = (
        ["--interface", "lo", "--mac", MAC, "--source", "198.51.100.1", "--destination", "203.0.113.7"] if words else []
    )
    done = subprocess.run([build(), *whole, *words], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


def test_no_such_interface() -> None:
    """What the kernel refuses is one line with the interface."""
    words = ["--interface", "fnm-none", "--mac", MAC, "--source", "198.51.100.1", "--destination", "203.0.113.7"]
    done = subprocess.run([build(), *words], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("blast: fnm-none: ")
