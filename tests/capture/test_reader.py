"""The engine's figures as values of the core."""

from dataclasses import replace
from pathlib import Path

import pytest
from netaddr import IPAddress, IPNetwork

from capture.frames import Sent, pcap
from fnm_guard.capture.model import TopOrder
from fnm_guard.capture.replay import Replay
from fnm_guard.core.model import Direction, HostRates, Metric, Rates, Thresholds
from fnm_guard.core.policy import DetectionPolicy, ThresholdGroup

NETWORKS = (IPNetwork("203.0.113.0/24"), IPNetwork("2001:db8:100::/48"))
GROUP = ThresholdGroup("web", (IPNetwork("203.0.113.7/32"),), Thresholds(mbps=0.1), Thresholds(pps=50))
POLICY = DetectionPolicy(NETWORKS, incoming=Thresholds(pps=100), groups=(GROUP,))


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Give a replay that has seen 200 packets to three hosts within a tick, and has just ended."""
    hosts = [("192.0.2.1", "203.0.113.7"), ("192.0.2.1", "203.0.113.8"), ("2001:db8::1", "2001:db8:100::5")]
    frames = [
        (10**9 * 1000 + number, Sent(*hosts[number % 3], ip_bytes=100 + 100 * (number % 3)).frame())
        for number in range(600)
    ]
    file = tmp_path / "file.pcap"
    file.write_bytes(pcap(frames))
    made = Replay(POLICY)
    for _ in made.run([file]):
        pass
    return made


def test_crossings_name_metric_and_group(replay: Replay) -> None:
    """A crossing carries its metric's unit, its group's name and threshold, and seconds."""
    found = {str(crossing.host): crossing for crossing in replay.crossings()}
    assert set(found) == {"203.0.113.7", "203.0.113.8", "2001:db8:100::5"}
    web = found["203.0.113.7"]
    assert (web.metric, web.threshold, web.group) == (Metric.MBPS, 0.1, "web")
    assert web.rate == pytest.approx(0.16)
    assert web.started == 1000.0
    assert web.at == pytest.approx(1000.05)
    assert found["203.0.113.8"].rates.udp_bps == 200 * 200 * 8
    assert (found["203.0.113.8"].metric, found["203.0.113.8"].group) == (Metric.PPS, "")


def test_readings_carry_the_thresholds_of_the_group(replay: Replay) -> None:
    """A watched host is told with the thresholds that apply to it now."""
    readings = {str(reading.host): reading for reading in replay.readings(5.0)}
    assert readings["203.0.113.7"].thresholds == GROUP.incoming
    assert readings["203.0.113.8"].thresholds == POLICY.incoming
    assert readings["203.0.113.8"].rates.pps == 200
    replay.set_policy(replace(POLICY, incoming=Thresholds(pps=999), groups=()))
    assert {reading.thresholds for reading in replay.readings(5.0)} == {Thresholds(pps=999)}


def test_rates_and_the_busiest(replay: Replay) -> None:
    """`rates` gives both directions, zero for silence; `top` the busiest first."""
    assert replay.rates(IPAddress("203.0.113.99")) == HostRates(IPAddress("203.0.113.99"), Rates(), Rates())
    assert replay.rates(IPAddress("198.51.100.1")).incoming == Rates()
    assert replay.rates(IPAddress("2001:db8:100::5")).incoming.bps == 200 * 300 * 8
    order = [str(rates.host) for rates in replay.top(TopOrder.BYTES, Direction.INCOMING, 2)]
    assert order == ["2001:db8:100::5", "203.0.113.8"]
    assert replay.top("packets", Direction.OUTGOING, 2) == []


def test_watch_and_release(replay: Replay) -> None:
    """A host can be watched by order, and let go."""
    host = IPAddress("203.0.113.42")
    assert replay.watch(host, Direction.OUTGOING)
    assert not replay.watch(IPAddress("198.51.100.1"), Direction.OUTGOING)
    reading = next(reading for reading in replay.readings(1.0) if reading.host == host)
    assert (reading.direction, reading.thresholds) == (Direction.OUTGOING, POLICY.outgoing)
    replay.release(host, Direction.OUTGOING)
    assert host not in {reading.host for reading in replay.readings(1.0)}


def test_audits_are_values_of_the_core(replay: Replay) -> None:
    """A partial audit of a watched host has what there is, one of a stranger nothing."""
    audit = replay.audit(IPAddress("203.0.113.7"), Direction.INCOMING)
    assert not audit.full
    assert {packet.destination for packet in audit.packets} <= {IPAddress("203.0.113.7")}
    assert all(packet.before for packet in audit.packets)
    assert replay.audit(IPAddress("198.51.100.1"), Direction.INCOMING).packets == ()


def test_only_thresholds_change_at_run_time(replay: Replay) -> None:
    """A policy with other networks or times needs a new engine, and is refused by name."""
    with pytest.raises(ValueError, match="networks"):
        replay.set_policy(replace(POLICY, networks=NETWORKS[:1]))
    with pytest.raises(ValueError, match="window_seconds"):
        replay.set_policy(replace(POLICY, window_seconds=2.0))


def test_health_is_told(replay: Replay) -> None:
    """What is in use is counted."""
    health = replay.health()
    assert (health.windows, health.audits, health.ipv6_entered) == (3, 3, 1)
    assert health.windows_refused == health.flows_missed == 0
