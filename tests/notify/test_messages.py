"""Rules of mails: threads hold, nothing forges a header, text survives the way."""

from dataclasses import replace
from datetime import timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from netaddr import IPAddress

from fnm_guard.core.events import BanRefused, Refusal, RemovalCause
from fnm_guard.core.model import Direction
from fnm_guard.notify import Composer, Kind, MailSettings, Notice, NotifyPolicy, Templates
from fnm_guard.notify.facts import one_line
from fnm_guard.notify.mail import pack_mail
from store.values import attack, audit, ban, hand_ban, host_rates, wall

MAIL = MailSettings("127.0.0.1", "guard@example.net", ("noc@example.net",))


def composer(policy_: NotifyPolicy | None = None) -> Composer:
    """Give a composer with our templates."""
    return Composer(policy_ or NotifyPolicy(), MAIL, Templates(), wall)


def arrived(message: EmailMessage) -> EmailMessage:
    """Give a mail as its reader gets it."""
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def test_thread_is_the_same_after_a_restart() -> None:
    """Another process, with another clock, names the first mail as the first process did."""
    first = composer().render(Notice(ban(5), 100.0, attack()), Kind.BANNED)
    later = Composer(NotifyPolicy(), MAIL, Templates(), lambda at: wall(at + 3600.4))
    second = later.render(Notice(replace(ban(5), started=-50.0), 3.0, attack(), audit=audit(1)), Kind.DETAILED)
    third = later.render(Notice(ban(5), 3.0), Kind.UNBANNED)
    assert first["Message-ID"] == second["In-Reply-To"] == second["References"]
    assert first["Message-ID"] == third["In-Reply-To"] == third["References"]
    assert second["Subject"] == first["Subject"]
    assert len({mail["Message-ID"] for mail in (first, second, third)}) == 3


@pytest.mark.parametrize("instance", ["very-long-name." * 12 + "example.net", "my guard", "a..b", "", "x>\r\nBcc: y"])
def test_thread_survives_any_instance_name(instance: str) -> None:
    """References arrive as plain message ids; Python would encode longer ones, and threads would break."""
    mail = composer(NotifyPolicy(instance=instance)).render(Notice(ban(10**9), 100.0, attack(10**9)), Kind.DETAILED)
    raw = mail.as_bytes().decode().replace("\r\n ", " ")
    [line] = [line for line in raw.split("\r\n") if line.startswith("References:")]
    assert line.startswith("References: <ban-1000000000@")
    assert "=?" not in line
    assert "Bcc" not in raw


def test_other_instance_has_another_thread() -> None:
    """Two guards, or two databases, never share a Message-ID."""
    notice = Notice(ban(5), 100.0, attack())
    ids = {composer(NotifyPolicy(instance=name)).render(notice, Kind.BANNED)["Message-ID"] for name in ("a", "b", "é")}
    assert len(ids) == 3


def test_reason_forges_no_header() -> None:
    """An operator's reason with line ends stays in the subject, on one line."""
    evil = replace(hand_ban(), reason="x\r\nBcc: all@example.org\r\n\r\nbody \x00\u202eabc")
    mail = arrived(composer().render(Notice(evil, 100.0), Kind.BANNED))
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Myflower Guard: IP 203.0.113.7 blocked by hand: x Bcc: all@example.org body abc"
    assert mail.get_content() == ""


def test_settings_forge_no_header() -> None:
    """Whatever stands in the settings, a header stays one header."""
    settings = MailSettings("x", "guard@example.net\r\nBcc: a@example.org", ("noc@example.net\nCc: b@example.org",))
    evil = Composer(NotifyPolicy(brand="B\r\nX-Evil: 1"), settings, Templates(), wall)
    mail = arrived(evil.render(Notice(ban(), 100.0, attack()), Kind.BANNED))
    assert (mail["Bcc"], mail["Cc"], mail["X-Evil"]) == (None, None, None)


def test_many_recipients_fit_the_lines() -> None:
    """A long list of recipients is folded, and arrives whole."""
    everybody = tuple(f"person-{number}@example.net" for number in range(100))
    settings = MailSettings("x", "guard@example.net", everybody)
    mail = Composer(NotifyPolicy(), settings, Templates(), wall).render(Notice(ban(), 100.0, attack()), Kind.BANNED)
    assert max(len(line) for line in mail.as_bytes().splitlines()) <= 78
    assert tuple(address.addr_spec for address in arrived(mail)["To"].addresses) == everybody


def test_reason_forges_no_line_of_the_body() -> None:
    """Text of others stays in its line of the body."""
    mail = arrived(composer().render(Notice(hand_ban(), 400.0, by="a\nIP: 1.2.3.4", reason="b\nc"), Kind.UNBANNED))
    assert [line for line in mail.get_content().splitlines() if line.startswith("IP:")] == ["IP: 203.0.113.7"]


def test_first_body_is_empty() -> None:
    """The first mail has no body at all."""
    raw = composer().render(Notice(ban(), 100.0, attack()), Kind.BANNED).as_bytes()
    assert raw.endswith(b"\r\n\r\n")
    assert arrived(composer().render(Notice(ban(), 100.0, attack()), Kind.BANNED)).get_content() == ""


def test_other_letters_arrive() -> None:
    """Subjects and bodies hold any letters, and the mail on the wire is ASCII all the same."""
    reason = "Kunde rief an: Überlast, 過負荷 " * 6
    named = replace(hand_ban(), reason=reason)
    ordered = Notice(named, 400.0, cause=RemovalCause.OPERATOR, by="jürgen")
    first = composer().render(Notice(named, 100.0), Kind.BANNED)
    last = composer().render(ordered, Kind.UNBANNED)
    assert arrived(first)["Subject"] == f"Myflower Guard: IP 203.0.113.7 blocked by hand: {reason.strip()}"
    assert "Because: jürgen ordered it" in arrived(last).get_content()
    assert all(mail.as_bytes().isascii() for mail in (first, last))
    assert max(len(line) for line in first.as_bytes().splitlines()) <= 78
    pack_mail(first, ["noc@example.net"])
    pack_mail(last, ["noc@example.net"])


def test_times_are_in_the_zone_of_the_settings() -> None:
    """Packets and times are shown in the configured zone; the Date header is the same instant either way."""
    zone = timezone(timedelta(hours=2))
    notice = Notice(ban(), 100.0, attack(), host_rates(), audit(1))
    mail = composer(NotifyPolicy(timezone=zone)).render(notice, Kind.DETAILED)
    assert "2014-07-04 15:59:54.778872 203.0.113.9:80" in mail.get_content()
    assert mail["Date"] == composer().render(notice, Kind.DETAILED)["Date"]


def test_mbps_are_rounded_down() -> None:
    """999,999 bit/s are 0 mbps, 58,894,249.9 are 58."""
    body = composer().render(Notice(ban(), 100.0, attack(), host_rates(), audit(0)), Kind.DETAILED).get_content()
    assert body.splitlines()[4:6] == ["Incoming traffic: 58 mbps", "Outgoing traffic: 0 mbps"]


def test_without_rates_those_of_the_crossing_stand() -> None:
    """A notice without rates shows those of the crossing, in the attack's direction."""
    outgoing = replace(attack(), direction=Direction.OUTGOING)
    body = composer().render(Notice(ban(), 100.0, outgoing, audit=audit(0)), Kind.DETAILED).get_content()
    assert "Outgoing traffic: 14 mbps" in body
    assert "Incoming pps: 0 packets" in body


def test_ban_by_hand_has_no_details() -> None:
    """Details of a ban that no attack led to are a mistake of the caller."""
    with pytest.raises(ValueError, match="no details"):
        composer().render(Notice(hand_ban(), 100.0), Kind.DETAILED)


def test_refusal_without_attack_can_be_rendered() -> None:
    """A refusal always gives a mail."""
    event = BanRefused(1.0, IPAddress("203.0.113.7"), Refusal.NEVER_BAN, "on the never-ban list", "x", None)
    assert "not blocked because on the never-ban list" in composer().refused(event)["Subject"]


def test_one_line_is_bounded() -> None:
    """What others wrote is cut, so that no subject is longer than a mail may have."""
    assert len(one_line("x" * 10_000)) == 500
    assert one_line(" a \t\r\n b\u2028c\ud800d ") == "a b c d"
