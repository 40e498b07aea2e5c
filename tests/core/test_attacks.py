"""When an attack begins, what is learned of it, and when it ends."""

from dataclasses import replace

import pytest
from netaddr import IPAddress

from core.make import HOST, IN, OTHER_HOST, OUT, attack, audit, audit_packet, crossing, reading
from fnm_guard.core.attacks import Attacks, is_quiet
from fnm_guard.core.model import AttackType, Metric, Rates, Thresholds
from fnm_guard.core.policy import AttackPolicy

POLICY = AttackPolicy(release=0.8, hold_seconds=10)


def _running() -> Attacks:
    attacks = Attacks(POLICY)
    attacks.begin(crossing())
    return attacks


def test_crossing_starts_an_attack() -> None:
    """An attack carries what crossed, and a type by the rates at the crossing."""
    attacks = Attacks(POLICY, next_number=17)
    expected = attack(17, started=4.7, detected=5.0, type=AttackType.UDP_FLOOD)
    assert attacks.begin(crossing(at=5.0)) == expected
    assert attacks.all() == (expected,)
    assert attacks.get(HOST, IN) == expected


def test_one_attack_for_a_host_and_direction() -> None:
    """A crossing of a running attack starts no second one, and raises the peak at most."""
    attacks = _running()
    assert attacks.begin(crossing(at=1, power=50_000)) is None
    assert attacks.begin(crossing(at=2, power=120_000)) is None
    assert [(running.number, running.power, running.peak) for running in attacks.all()] == [(1, 100_000, 120_000)]


def test_directions_and_hosts_are_apart() -> None:
    """Each direction of each host has its own attack, given oldest first."""
    attacks = _running()
    attacks.begin(crossing(OTHER_HOST))
    attacks.begin(crossing(direction=OUT))
    assert [(running.number, running.host, running.direction) for running in attacks.all()] == [
        (1, HOST, IN),
        (2, OTHER_HOST, IN),
        (3, HOST, OUT),
    ]
    assert [running.number for running in attacks.of(HOST)] == [1, 3]
    assert [running.number for running in attacks.of(HOST, but=1)] == [3]
    assert attacks.of(IPAddress("198.51.100.99")) == ()
    assert attacks.get(OTHER_HOST, OUT) is None


def test_readings_raise_peak_and_packets() -> None:
    """The peak never falls; the packets are the last ones read."""
    attacks = _running()
    attacks.observe(reading(at=1, peak=130_000, packets=(0, 500, 0, 0, 0, 0)))
    attacks.observe(reading(at=2, peak=90_000, packets=(0, 700, 0, 0, 0, 0)))
    found = attacks.get(HOST, IN)
    assert found is not None
    assert (found.peak, found.packets) == (130_000, (0, 700, 0, 0, 0, 0))


def test_few_packets_leave_the_type_of_the_crossing() -> None:
    """Below 100 packets since the crossing its rates are the better witness."""
    attacks = _running()
    attacks.observe(reading(at=1, packets=(99, 0, 0, 0, 0, 99)))
    found = attacks.get(HOST, IN)
    assert found is not None
    assert found.type is AttackType.UDP_FLOOD
    attacks.observe(reading(at=2, packets=(100, 0, 0, 0, 0, 100)))
    assert attacks.of(HOST)[0].type is AttackType.SYN_FLOOD


def test_traffic_after_the_flood_does_not_rename_it() -> None:
    """What is counted while the host is quiet is not the attack."""
    attacks = _running()
    attacks.observe(reading(at=1, packets=(0, 5000, 0, 0, 0, 0)))
    attacks.observe(reading(at=2, pps=900, packets=(90_000, 5000, 0, 0, 0, 0)))
    ended = attacks.observe(reading(at=12, pps=900, packets=(99_000, 5000, 0, 0, 0, 0)))
    assert ended is not None
    assert (ended.type, ended.packets[0]) == (AttackType.UDP_FLOOD, 99_000)


def test_audit_packets_refine_the_type() -> None:
    """The type and port of an amplification come from the audit packets and stay with the attack."""
    attacks = _running()
    found = attacks.examine(audit(*[audit_packet(source_port=123)] * 100))
    assert found is not None
    assert (found.type, found.port) == (AttackType.AMPLIFICATION, 123)
    attacks.observe(reading(at=1, packets=(0, 9000, 0, 0, 0, 0)))
    assert attacks.of(HOST)[0].port == 123


def test_audit_of_no_attack_gives_none() -> None:
    """Audit packets of an attack that is over find nobody."""
    assert Attacks(POLICY).examine(audit(audit_packet())) is None


def test_attack_ends_after_the_hold_time() -> None:
    """It ends once it was quiet for the hold time, and the end is when the quiet began."""
    attacks = _running()
    assert attacks.observe(reading(at=1)) is None
    assert attacks.observe(reading(at=2, pps=100)) is None
    assert attacks.observe(reading(at=11.9, pps=0)) is None
    ended = attacks.observe(reading(at=12, pps=0))
    assert ended is not None
    assert ended.ended == 2
    assert attacks.all() == ()
    assert attacks.of(HOST) == ()


def test_a_loud_reading_starts_the_hold_time_again() -> None:
    """Quiet counts only without a break."""
    attacks = _running()
    for at, pps in ((1, 100), (6, 24_000), (7, 100), (12, 100), (16.9, 100)):
        assert attacks.observe(reading(at=at, pps=pps)) is None
    ended = attacks.observe(reading(at=17, pps=100))
    assert ended is not None
    assert ended.ended == 7


def test_a_crossing_ends_the_quiet() -> None:
    """A crossing of a running attack is as loud as a reading."""
    attacks = _running()
    attacks.observe(reading(at=1, pps=100))
    assert not attacks.is_visible(HOST, IN)
    attacks.begin(crossing(at=2))
    assert attacks.is_visible(HOST, IN)
    assert attacks.observe(reading(at=11, pps=100)) is None


def test_no_readings_no_end() -> None:
    """A gap in the readings proves nothing: after one as long as the hold time, that time starts again."""
    attacks = _running()
    assert attacks.observe(reading(at=1, pps=100)) is None
    assert attacks.observe(reading(at=500, pps=100)) is None
    assert attacks.observe(reading(at=505, pps=100)) is None
    ended = attacks.observe(reading(at=510, pps=100))
    assert ended is not None
    assert ended.ended == 500


def test_no_hold_time_ends_with_the_first_quiet_reading() -> None:
    """A hold time of zero is allowed."""
    attacks = Attacks(AttackPolicy(hold_seconds=0))
    attacks.begin(crossing())
    ended = attacks.observe(reading(at=3, pps=0))
    assert ended is not None
    assert ended.ended == 3


def test_old_and_unknown_readings_are_passed_over() -> None:
    """A reading from before the crossing, or of a host without an attack, changes nothing."""
    attacks = Attacks(POLICY)
    attacks.begin(crossing(at=5))
    assert attacks.observe(reading(at=4.9, peak=900_000)) is None
    assert attacks.observe(reading(OTHER_HOST, at=6)) is None
    assert attacks.of(HOST)[0].peak == 100_000


def test_full_table_drops_the_crossing_and_counts_it() -> None:
    """Running attacks are never dropped for new ones; a place that became free is used again."""
    attacks = Attacks(AttackPolicy(hold_seconds=0), limit=2)
    attacks.begin(crossing())
    attacks.begin(crossing(direction=OUT))
    assert attacks.begin(crossing(OTHER_HOST)) is None
    assert attacks.dropped == 1
    assert attacks.begin(crossing(direction=OUT)) is None
    assert attacks.dropped == 1
    attacks.observe(reading(at=1, pps=0))
    started = attacks.begin(crossing(OTHER_HOST))
    assert started is not None
    assert started.number == 3


def test_end_by_order_carries_what_was_learned() -> None:
    """An attack ended from outside has its last figures."""
    attacks = _running()
    attacks.observe(reading(at=1, peak=130_000))
    ended = attacks.end(attack(), 4.0)
    assert ended == replace(attack(), peak=130_000, ended=4.0, type=AttackType.UDP_FLOOD)


@pytest.mark.parametrize(
    ("thresholds", "rates", "quiet"),
    [
        (Thresholds(pps=1000), Rates(pps=799), True),
        (Thresholds(pps=1000), Rates(pps=800), False),
        (Thresholds(pps=1000), Rates(), True),
        (Thresholds(mbps=100), Rates(bps=79.9e6), True),
        (Thresholds(mbps=100), Rates(bps=80e6), False),
        (Thresholds(pps=1000, syn_pps=100), Rates(pps=100, syn_pps=80), False),
        (Thresholds(pps=1000, flows=100), Rates(pps=100, flows=79), True),
        (Thresholds(pps=1000), Rates(pps=100, bps=1e12, flows=1e6), True),
        (Thresholds(), Rates(pps=1e6), True),
        (Thresholds(pps=0), Rates(), True),
    ],
)
def test_quiet(thresholds: Thresholds, rates: Rates, quiet: bool) -> None:
    """Quiet is below the release level in every metric with a threshold; silence always is."""
    assert is_quiet(rates, thresholds, 0.8) is quiet


@pytest.mark.parametrize("metric", Metric)
def test_every_metric_keeps_an_attack_alive(metric: Metric) -> None:
    """Each metric with a threshold is looked at."""
    field = metric.value.replace("mbps", "bps")
    scale = 1e6 if metric.value.endswith("mbps") else 1
    assert not is_quiet(Rates(**{field: 90 * scale}), Thresholds(**{metric.value: 100}), 0.8)
    assert is_quiet(Rates(**{field: 70 * scale}), Thresholds(**{metric.value: 100}), 0.8)


def test_release_levels_are_kept_for_so_many_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threshold sets come by, a reading is judged by its own."""
    monkeypatch.setattr("fnm_guard.core.attacks.LEVELS_LIMIT", 2)
    attacks = Attacks(POLICY)
    attacks.begin(crossing())
    for number in range(6):
        loud = reading(at=number, pps=900, thresholds=Thresholds(pps=1000 + number))
        assert attacks.observe(loud) is None
        assert attacks.is_visible(HOST, IN)
    attacks.observe(reading(at=7, pps=799, thresholds=Thresholds(pps=1000)))
    assert not attacks.is_visible(HOST, IN)
