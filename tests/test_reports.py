"""Who is told what, and when."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from netaddr import IPAddress, IPSet

from fnm_guard.core.events import AttackEnded, BanRefused
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import Audit, AuditPacket, Crossing, Direction, HostRates, Metric, Rates
from fnm_guard.core.policy import AttackPolicy, BanPolicy
from fnm_guard.reports import Reports

if TYPE_CHECKING:
    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack
    from fnm_guard.notify import Notice

HOST = IPAddress("203.0.113.7")
FULL = Audit(HOST, Direction.INCOMING, (), full=True)
PARTIAL = Audit(HOST, Direction.INCOMING, (), full=False)


class Figures:
    """Evidence that says the same whenever asked."""

    def rates(self, host: IPAddress) -> HostRates:
        return HostRates(host, Rates(pps=90_000), Rates())

    def audit(self, host: IPAddress, direction: Direction) -> Audit:
        return PARTIAL


@dataclass
class Voice:
    """Writes down what it is to tell."""

    told: list[tuple[str, "Notice"]] = field(default_factory=list)
    refusals: list[BanRefused] = field(default_factory=list)

    def banned(self, notice: "Notice") -> None:
        self.told.append(("banned", notice))

    def detailed(self, notice: "Notice") -> None:
        self.told.append(("detailed", notice))

    def unbanned(self, notice: "Notice") -> None:
        self.told.append(("unbanned", notice))

    def refused(self, event: BanRefused) -> None:
        self.refusals.append(event)

    def words(self) -> list[str]:
        return [word for word, _ in self.told]


def start(never_ban: str = "") -> tuple[Guard, Reports, Voice, "Attack"]:
    """Give the parts just after a crossing at 1.0 s, with a deadline of 10 s."""
    policy = BanPolicy(networks=IPSet(["203.0.113.0/24"]), never_ban=IPSet([never_ban] if never_ban else []))
    guard = Guard(AttackPolicy(), policy)
    voice = Voice()
    reports = Reports(Figures(), voice, 10.0)
    crossing = Crossing(HOST, Direction.INCOMING, Metric.PPS, 40e3, 30e3, 90e3, "", 0.5, 1.0, Rates(pps=9e4))
    tell(reports, guard.receive([crossing], 1.0))
    return guard, reports, voice, guard.attacks()[0]


def tell(reports: Reports, events: "list[Event]") -> None:
    """Hand events to the reports."""
    for event in events:
        reports.record(event)


def test_the_first_word_comes_at_the_ban_and_the_evidence_with_the_full_audit() -> None:
    """Two messages: at the ban without packets, then with the audit."""
    _, reports, voice, attack = start()
    assert voice.words() == ["banned"]
    assert voice.told[0][1].audit is None
    reports.record_audit(attack.number, FULL)
    assert voice.words() == ["banned", "detailed"]
    assert voice.told[1][1].audit == FULL


def test_the_evidence_goes_out_at_its_deadline_with_what_there_is() -> None:
    """An audit that does not fill in 10 s is sent as it is, with the newest peak, and only once."""
    _, reports, voice, attack = start()
    reports.record_update(attack, 10.9)
    assert voice.words() == ["banned"]
    reports.record_update(replace(attack, peak=123_000), 11.0)
    reports.record_audit(attack.number, FULL)
    assert voice.words() == ["banned", "detailed"]
    notice = voice.told[1][1]
    assert notice.audit == PARTIAL
    assert notice.attack is not None
    assert notice.attack.peak == 123_000


def packet(at: int, *, before: bool) -> AuditPacket:
    """Give a kept packet to the host."""
    return AuditPacket(at, IPAddress("192.0.2.1"), HOST, 7, 9, 17, 46, 0, False, before, 1, 60, b"")


def test_packets_from_before_the_crossing_are_told_only_if_none_came_after_it() -> None:
    """Those before may be somebody else's; but when the route cut the flood off at once they are all the evidence."""
    before, after = packet(9, before=True), packet(11, before=False)
    for kept, told in [((before, after), (after,)), ((before,), (before,)), ((), ())]:
        _, reports, voice, attack = start()
        reports.record_audit(attack.number, replace(FULL, packets=kept))
        audit = voice.told[1][1].audit
        assert audit is not None
        assert audit.packets == told


def test_the_evidence_goes_out_when_the_attack_is_over() -> None:
    """Nothing will be added to the audit of an attack that has ended."""
    _, reports, voice, attack = start()
    reports.record(AttackEnded(5.0, replace(attack, ended=4.0)))
    assert voice.words() == ["banned", "detailed"]


def test_the_unban_comes_last_and_knows_the_attack() -> None:
    """An unban before the audit is full sends the evidence first; its own message has the attack's newest figures."""
    guard, reports, voice, attack = start()
    reports.record_update(replace(attack, peak=123_000), 1.5)
    tell(reports, guard.order_unban(HOST, 2.0, by="alice", reason="customer called"))
    assert voice.words() == ["banned", "detailed", "unbanned"]
    notice = voice.told[2][1]
    assert notice.attack is not None
    assert (notice.by, notice.reason, notice.attack.peak) == ("alice", "customer called", 123_000)


def test_a_ban_by_hand_has_no_evidence() -> None:
    """A ban by hand is told once, and once more when it ends."""
    guard, reports, voice, _ = start()
    voice.told.clear()
    tell(reports, guard.order_ban(IPAddress("203.0.113.9"), 2.0, by="alice", reason="test"))
    reports.flush(3.0)
    tell(reports, guard.order_unban(IPAddress("203.0.113.9"), 4.0, by="alice"))
    assert [word for word, notice in voice.told if notice.ban.host != HOST] == ["banned", "unbanned"]


def test_a_refused_ban_is_told_with_its_attack() -> None:
    """People are told that an attack did not lead to a ban, and get no evidence mail for a ban that is none."""
    _, reports, voice, attack = start(never_ban="203.0.113.7")
    reports.record_audit(attack.number, FULL)
    assert voice.words() == []
    assert [refusal.attack for refusal in voice.refusals] == [attack]


def test_flush_sends_everything_that_waits() -> None:
    """At the end of a capture no more time passes: what waits goes out."""
    _, reports, voice, _ = start()
    reports.flush(1.5)
    assert voice.words() == ["banned", "detailed"]


def test_other_parts_take_over() -> None:
    """After a reload the new teller speaks, also for what waited."""
    _, reports, _, attack = start()
    other = Voice()
    reports.attach(Figures(), other, 5.0)
    reports.record_audit(attack.number, FULL)
    assert other.words() == ["detailed"]
