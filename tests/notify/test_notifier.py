"""Rules of the notifications as a whole, against a real mail server, a real script and the real store."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
from netaddr import IPAddress

from fnm_guard.core.events import BanRefused, Refusal, RemovalCause
from fnm_guard.core.policy import Mode
from fnm_guard.notify import MailSettings, Notice, Notifier, NotifyPolicy, Pace, ScriptSettings
from fnm_guard.notify import notifier as notifying
from fnm_guard.notify.preparer import SPARE_ROOM
from fnm_guard.store import Store
from notify.mailserver import MailServer
from store.values import attack, audit, ban, hand_ban, host_rates

BANNED = Notice(ban(17), 100.0, attack(), host_rates())
DETAILED = Notice(ban(17), 101.0, attack(), host_rates(), audit(100))
ENDED = Notice(ban(17), 1900.0, attack(), cause=RemovalCause.EXPIRED, by="guard")
SOON = Pace(0.02, 0.1)


def wall(at: float) -> datetime:
    """Give a wall time that passes like the event loop's."""
    return datetime.fromtimestamp(1_404_478_800.0 + at, UTC)


async def until(claim: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something to become true at all."""
    async with asyncio.timeout(seconds):
        while not claim():  # noqa: ASYNC110  # what is waited for happens in the server and in files too
            await asyncio.sleep(0.01)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an open store."""
    opened = Store(tmp_path / "guard.db", wall)
    opened.start()
    yield opened
    opened.close()


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """Give a mail server without encryption that takes everything."""
    listening = MailServer()
    await listening.start()
    yield listening
    await listening.stop()


def mail(server: MailServer, **others: Any) -> MailSettings:
    """Give settings that lead to a server."""
    values: dict[str, Any] = {"to": ("noc@example.net",), "timeout_seconds": 10.0, "helo": "guard.example.net"}
    return MailSettings("127.0.0.1", "guard@example.net", port=server.port, **values | others)


def notifier(store: Store, settings: MailSettings | None, script: ScriptSettings | None = None) -> Notifier:
    """Give a notifier that tries again soon."""
    return Notifier(NotifyPolicy(instance="guard.example.net"), settings, script, store.outbox, wall, SOON)


def subjects(server: MailServer) -> list[str]:
    """Give what the server got, shortened to what differs."""
    return [f"{message['Subject']}|{message['Message-ID']}".split("IP ")[1] for message in server.mails]


async def test_three_mails_in_order_and_threaded(store: Store, server: MailServer) -> None:
    """An attack gives three mails, in order, the second and third under the first, and nothing stays behind."""
    telling = notifier(store, mail(server))
    telling.start()
    telling.banned(BANNED)
    telling.detailed(DETAILED)
    telling.unbanned(ENDED)
    await until(lambda: len(server.mails) == 3)
    await telling.close()
    first, second, third = server.mails
    assert first.get_content() == ""
    assert len(second.get_content().splitlines()) == 8 + 1 + 100
    assert second["References"] == third["References"] == first["Message-ID"]
    assert second["Subject"] == first["Subject"]
    assert third["Subject"] == "Myflower Guard: IP 203.0.113.7 unblocked"
    assert store.outbox.pending() == {}
    assert telling.status().counters["mail_sent"] == 3


async def test_telling_returns_before_anything_is_sent(store: Store) -> None:
    """A ban never waits: telling does nothing but append, even with a server that never answers."""
    silent = MailServer(silent=True)
    await silent.start()
    telling = notifier(store, mail(silent, timeout_seconds=1.0))
    telling.start()
    telling.banned(BANNED)
    assert store.outbox.pending() == {}
    assert telling.status().waiting == 1
    await until(lambda: telling.status().state == "failing")
    assert telling.status().waiting == 1
    await telling.close()
    await silent.stop()
    assert "no answer" in telling.status().text or "imed out" in telling.status().text


async def test_temporary_refusal_keeps_the_order(store: Store, server: MailServer) -> None:
    """A mail that gets a 451 is tried again, and the next of its thread does not overtake it."""
    server.at_data.extend(["451 try later", "452 no room"])
    telling = notifier(store, mail(server))
    telling.start()
    telling.banned(BANNED)
    telling.detailed(DETAILED)
    await until(lambda: len(server.mails) == 2)
    await telling.close()
    assert [message["In-Reply-To"] is None for message in server.mails] == [True, False]
    assert telling.status().counters["mail_tries"] == 2


async def test_final_refusal_is_not_tried_again(store: Store, server: MailServer) -> None:
    """A mail that gets a 554 is logged, counted and kept as failed; the next one goes out."""
    server.at_data.append("554 we do not like you\r\n")
    telling = notifier(store, mail(server))
    telling.start()
    with structlog.testing.capture_logs() as lines:
        telling.banned(BANNED)
        telling.detailed(DETAILED)
        await until(lambda: len(server.mails) == 1)
        await telling.close()
    assert server.mails[0]["In-Reply-To"]
    assert store.outbox.counts("mail").failed == 1
    assert [line["reason"] for line in lines if line["event"] == "message given up"] == [
        f"127.0.0.1 port {server.port}: 554 we do not like you"
    ]


async def test_line_cut_in_the_middle_of_a_mail(store: Store, server: MailServer) -> None:
    """A server that hangs up before it has taken a mail gets it again, and those behind it after that."""
    server.at_data.append("HANG UP")
    telling = notifier(store, mail(server))
    telling.start()
    telling.banned(BANNED)
    telling.detailed(DETAILED)
    await until(lambda: len(server.mails) == 2)
    await telling.close()
    assert [message["In-Reply-To"] is None for message in server.mails] == [True, False]
    assert server.connections >= 2


async def test_unreadable_mail_is_given_up(store: Store, server: MailServer) -> None:
    """A damaged row of the outbox does not stop the mails behind it."""
    store.outbox.put("mail", "ban-1", b"garbage", 0.0)
    telling = notifier(store, mail(server))
    telling.start()
    telling.banned(BANNED)
    await until(lambda: server.mails and store.outbox.counts("mail").failed)
    await telling.close()
    assert store.outbox.pending() == {}


async def test_test_message_that_some_refuse(store: Store, server: MailServer) -> None:
    """`notify-test` names the recipient that the server does not take."""
    server.at_recipient = {"gone@example.net": deque(["550 no such user"])}
    telling = notifier(store, mail(server, to=("noc@example.net", "gone@example.net")))
    [report] = await telling.test()
    server.at_data.append("554 no")
    [refused] = await telling.test()
    assert not report.sent
    assert "gone@example.net (550 no such user)" in report.text
    assert (refused.sent, refused.text[-6:]) == (False, "554 no")


async def test_server_down_then_up(store: Store, server: MailServer) -> None:
    """While the server is away everything waits; when it is back everything goes out in order."""
    await server.stop()
    telling = notifier(store, mail(server))
    telling.start()
    with structlog.testing.capture_logs() as lines:
        telling.banned(BANNED)
        telling.detailed(DETAILED)
        await until(lambda: telling.status().state == "failing")
        assert telling.status().waiting == 2
        await server.start()
        await until(lambda: len(server.mails) == 2)
    await until(lambda: telling.status().state == "running")
    await telling.close()
    assert [message["In-Reply-To"] is None for message in server.mails] == [True, False]
    assert lines[0]["event"] == "channel is down, what waits is tried again"
    assert f"127.0.0.1 port {server.port}" in lines[0]["reason"]


async def test_given_up_when_its_time_has_passed(store: Store, server: MailServer) -> None:
    """A mail is not tried for ever: after `retry_for` it is kept as failed, and those behind it too."""
    await server.stop()
    telling = notifier(store, mail(server, retry_seconds=0.1))
    telling.start()
    telling.banned(BANNED)
    telling.detailed(DETAILED)
    await until(lambda: store.outbox.counts("mail").failed == 2)
    assert store.outbox.pending() == {}
    await telling.close()


async def test_queue_survives_the_process(tmp_path: Path, server: MailServer) -> None:
    """What could not be sent is sent by the next process, in order, in the same thread."""
    await server.stop()
    first_store = Store(tmp_path / "restart.db", wall)
    first_store.start()
    first = notifier(first_store, mail(server))
    first.start()
    first.banned(BANNED)
    first.detailed(DETAILED)
    await until(lambda: first.status().state == "failing")
    await first.close()
    first_store.close()
    await server.start()
    second_store = Store(tmp_path / "restart.db", wall)
    second_store.start()
    second = notifier(second_store, mail(server))
    second.start()
    second.unbanned(ENDED)
    await until(lambda: len(server.mails) == 3)
    await second.close()
    second_store.close()
    ids = [message["Message-ID"].split("@")[0] for message in server.mails]
    assert ids == ["<ban-17", "<ban-17.attack-1", "<ban-17.end"]


async def test_what_was_told_last_is_in_the_queue_after_closing(store: Store, server: MailServer) -> None:
    """Closing right after telling loses nothing: it is sent or it waits in the outbox."""
    await server.stop()
    telling = notifier(store, mail(server))
    telling.start()
    telling.banned(BANNED)
    await telling.close()
    await telling.close()
    assert store.outbox.pending() == {"mail": 1}


async def test_some_recipients_later(store: Store, server: MailServer) -> None:
    """Who can take a mail gets it once and at once; who cannot yet gets it later; who never can is not asked again."""
    server.at_recipient = {}
    for address, replies in {
        "slow@example.net": ["450 greylisted"],
        "gone@example.net": ["550 no such user"] * 9,
    }.items():
        server.at_recipient.setdefault(address, deque(replies))
    telling = notifier(store, mail(server, to=("noc@example.net", "slow@example.net", "gone@example.net")))
    telling.start()
    telling.banned(BANNED)
    await until(lambda: len(server.mails) == 2)
    await telling.close()
    assert server.recipients == [["noc@example.net"], ["slow@example.net"]]
    assert len(server.at_recipient["gone@example.net"]) == 8
    assert store.outbox.pending() == {}


async def test_all_recipients_refused(store: Store, server: MailServer) -> None:
    """If nobody takes a mail it is tried again when one may take it later, and given up when none will."""
    server.at_recipient = {"slow@example.net": deque(["450 wait"]), "gone@example.net": deque(["550 no"] * 9)}
    telling = notifier(store, mail(server, to=("gone@example.net", "slow@example.net")))
    telling.start()
    telling.banned(BANNED)
    await until(lambda: len(server.mails) == 1)
    await telling.configure(NotifyPolicy(), mail(server, to=("gone@example.net",)), None)
    telling.banned(BANNED)
    await until(lambda: store.outbox.counts("mail").failed == 1)
    await telling.close()
    assert server.recipients == [["slow@example.net"]]


# aiosmtpd warns of itself whenever somebody logs in.
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")
class TestEncryption:
    """STARTTLS, TLS and login."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        return context, path

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_encrypted_with_login(
        self, store: Store, authority: tuple[ssl.SSLContext, Path], security: str
    ) -> None:
        """With STARTTLS and with TLS the login and the mail are encrypted."""
        context, path = authority
        server = MailServer(tls=context, implicit=security == "tls", password="secret")
        await server.start()
        telling = notifier(store, mail(server, security=security, user="guard", password="secret", ca_file=path))
        telling.start()
        telling.banned(BANNED)
        await until(lambda: server.mails)
        await telling.close()
        await server.stop()
        assert server.secured == [True]
        assert server.users == ["guard"]

    async def test_wrong_password_waits_for_a_right_one(
        self, store: Store, authority: tuple[ssl.SSLContext, Path]
    ) -> None:
        """A 535 is said in one line; nothing is lost, and with the right password what waits goes out."""
        context, path = authority
        server = MailServer(tls=context, password="secret")
        await server.start()
        wrong = mail(server, security="starttls", user="guard", password="wrong", ca_file=path)
        telling = notifier(store, wrong)
        telling.start()
        telling.banned(BANNED)
        await until(lambda: telling.status().state == "failing")
        text = telling.status().text
        await telling.configure(NotifyPolicy(), replace(wrong, password="secret"), None)
        await until(lambda: server.mails)
        await telling.close()
        await server.stop()
        assert "login of guard refused: 535" in text
        assert "wrong" not in text
        assert len(server.mails) == 1

    async def test_unknown_authority_gets_no_mail(self, store: Store, authority: tuple[ssl.SSLContext, Path]) -> None:
        """A certificate that nobody vouches for ends the try before the password is sent."""
        server = MailServer(tls=authority[0], password="secret")
        await server.start()
        telling = notifier(store, mail(server, security="starttls", user="guard", password="secret"))
        telling.start()
        telling.banned(BANNED)
        await until(lambda: telling.status().state == "failing")
        await telling.close()
        await server.stop()
        assert "certificate verify failed" in telling.status().text
        assert server.users == []

    async def test_server_without_starttls_gets_no_mail(self, store: Store, server: MailServer) -> None:
        """Where STARTTLS is wanted and not offered, nothing is sent in clear."""
        telling = notifier(store, mail(server, security="starttls"))
        telling.start()
        telling.banned(BANNED)
        await until(lambda: telling.status().state == "failing")
        await telling.close()
        assert "STARTTLS" in telling.status().text
        assert server.mails == []

    async def test_missing_ca_file_is_named(self, store: Store, server: MailServer, tmp_path: Path) -> None:
        """A file of certificates that is not there is trouble of the channel, not the end of it."""
        telling = notifier(store, mail(server, security="tls", ca_file=tmp_path / "missing.pem"))
        telling.start()
        telling.banned(BANNED)
        await until(lambda: telling.status().state == "failing")
        await telling.close()
        assert "No such file" in telling.status().text


SCRIPT = """#!/bin/sh
echo "$1 $2 $3 $4 $(cat | wc -l)" >> {log}
"""


def script_at(path: Path, log: Path, text: str = SCRIPT) -> ScriptSettings:
    """Write a script that notes its calls."""
    path.write_text(text.format(log=log))
    path.chmod(0o755)
    return ScriptSettings(path, 10.0)


async def test_script_gets_the_three_calls_in_order(store: Store, tmp_path: Path) -> None:
    """The script is called as FastNetMon calls it: report, report with packets, nothing."""
    log = tmp_path / "log"
    telling = notifier(store, None, script_at(tmp_path / "script", log))
    telling.start()
    telling.banned(BANNED)
    telling.detailed(DETAILED)
    telling.unbanned(ENDED)
    await until(lambda: telling.status().counters.get("script_sent") == 3)
    await telling.close()
    assert log.read_text().splitlines() == [
        "203.0.113.7 incoming 120613 ban 8",
        "203.0.113.7 incoming 120613 attack_details 109",
        "203.0.113.7 incoming 120613 unban 0",
    ]


async def test_script_is_never_called_in_monitor_mode(store: Store, tmp_path: Path, server: MailServer) -> None:
    """What was only decided is told by mail alone: a script may act."""
    log = tmp_path / "log"
    telling = notifier(store, mail(server), script_at(tmp_path / "script", log))
    telling.start()
    watched = replace(ban(17), mode=Mode.MONITOR, announce=False)
    for notice, tell in ((BANNED, telling.banned), (DETAILED, telling.detailed), (ENDED, telling.unbanned)):
        tell(replace(notice, ban=watched))
    await until(lambda: len(server.mails) == 3)
    await telling.close()
    assert not log.exists()
    assert "would be blocked" in server.mails[0]["Subject"]


async def test_missing_script_is_said_once(store: Store, tmp_path: Path) -> None:
    """A script that is not there gives one line at start, and a count for each call."""
    with structlog.testing.capture_logs() as lines:
        telling = notifier(store, None, ScriptSettings(tmp_path / "missing"))
        telling.start()
        telling.banned(BANNED)
        telling.unbanned(ENDED)
        await until(lambda: telling.status().counters.get("script_failed") == 2)
        await telling.close()
    assert [line["event"] for line in lines] == ["script of notifications"]
    assert "no such file" in lines[0]["problem"]


async def test_calls_of_one_host_never_overlap(store: Store, tmp_path: Path) -> None:
    """`unban` is not called while `ban` of the same host runs; other hosts do not wait for it."""
    log = tmp_path / "log"
    text = '#!/bin/sh\necho "start $1 $4" >> {log}\n[ "$1$4" = 203.0.113.7ban ] && sleep 1\necho "end $1 $4" >> {log}\n'
    telling = notifier(store, None, script_at(tmp_path / "script", log, text))
    telling.start()
    telling.banned(BANNED)
    telling.unbanned(ENDED)
    telling.banned(Notice(ban(18, "203.0.113.8"), 100.0, attack(2, "203.0.113.8")))
    await until(lambda: telling.status().counters.get("script_sent") == 3)
    await telling.close()
    lines = log.read_text().splitlines()
    assert [line for line in lines if ".7 " in line] == [
        "start 203.0.113.7 ban",
        "end 203.0.113.7 ban",
        "start 203.0.113.7 unban",
        "end 203.0.113.7 unban",
    ]
    assert lines.index("end 203.0.113.8 ban") < lines.index("end 203.0.113.7 ban")


async def test_ban_by_hand_is_called_as_incoming_zero(store: Store, tmp_path: Path, server: MailServer) -> None:
    """A ban by hand gives one mail, and a call that every script understands."""
    log = tmp_path / "log"
    telling = notifier(store, mail(server), script_at(tmp_path / "script", log))
    telling.start()
    telling.banned(Notice(hand_ban(3), 100.0))
    telling.detailed(Notice(hand_ban(3), 100.0))
    await until(lambda: server.mails and telling.status().counters.get("script_sent"))
    await telling.close()
    assert log.read_text() == "203.0.113.7 incoming 0 ban 3\n"
    assert [message["Subject"] for message in server.mails] == [
        "Myflower Guard: IP 203.0.113.7 blocked by hand: customer asked"
    ]


def refusal(number: int, at: float, kind: Refusal = Refusal.TOO_MANY) -> BanRefused:
    """Give an attack that led to no ban."""
    return BanRefused(at, IPAddress("203.0.113.7"), kind, "100 bans are active", "detector", attack(number))


async def test_refusals_are_told_at_a_limited_rate(store: Store, server: MailServer) -> None:
    """In a storm only some of the hosts that were not blocked are told of, the rest is counted; later ones are told."""
    telling = notifier(store, mail(server))
    telling.start()
    for number in range(30):
        telling.refused(refusal(number, 100.0))
    telling.refused(refusal(77, 161.0))
    await until(lambda: len(server.mails) == notifying.REFUSALS_LIMIT + 1)
    await telling.close()
    assert telling.status().counters["refusals_untold"] == 20
    assert "not blocked because 100 bans are active: incoming attack" in server.mails[0]["Subject"]


async def test_refused_orders_are_not_told(store: Store, server: MailServer) -> None:
    """An operator got his answer; a host that is banned already needs no mail."""
    telling = notifier(store, mail(server))
    telling.start()
    telling.refused(replace(refusal(1, 100.0), attack=None))
    telling.refused(refusal(1, 100.0, Refusal.ALREADY))
    telling.banned(BANNED)
    await until(lambda: server.mails)
    await telling.close()
    assert len(server.mails) == 1
    assert server.mails[0]["Message-ID"].startswith("<ban-17@")


async def test_details_give_way_first(store: Store, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """When notices pile up, details are dropped at half the bound, bans at the whole of it, and both are counted."""
    monkeypatch.setattr(notifying, "NOTICE_LIMIT", 4)
    telling = notifier(store, mail(server))
    telling.start()
    for _ in range(3):
        telling.detailed(DETAILED)
    for _ in range(3):
        telling.banned(BANNED)
    assert telling.status().waiting == 4
    assert telling.status().counters["notices_dropped"] == 2
    await telling.close()


async def test_full_outbox_drops_and_counts(store: Store, server: MailServer) -> None:
    """With the outbox full a ban is not told, which shows in the counters."""
    await server.stop()
    while store.outbox.put("mail", "ban-1", b"{}", 9e12) is not None:
        pass
    telling = notifier(store, mail(server))
    telling.start()
    telling.banned(BANNED)
    await until(lambda: telling.status().counters.get("mail_dropped") == 1)
    await telling.close()


async def test_half_of_the_outbox_is_kept_free_of_details(store: Store, server: MailServer) -> None:
    """With half of the outbox used, bans and unbans still find room, details do not."""
    await server.stop()
    while store.outbox.room("mail") > SPARE_ROOM:
        store.outbox.put("mail", "ban-1", b"{}", 9e12)
    telling = notifier(store, mail(server))
    telling.start()
    telling.detailed(DETAILED)
    telling.banned(BANNED)
    await until(lambda: store.outbox.room("mail") == SPARE_ROOM - 1)
    await telling.close()
    assert telling.status().counters["mail_dropped"] == 1


async def test_notice_that_cannot_be_rendered_silences_no_other(
    store: Store, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in one notice is logged and counted; the next notice is told."""
    telling = notifier(store, mail(server))
    telling.start()
    with structlog.testing.capture_logs():
        telling.banned(replace(BANNED, ban=None))  # type: ignore[arg-type]  # a fault on purpose
        telling.banned(BANNED)
        await until(lambda: server.mails)
        await telling.close()
    assert telling.status().counters["notices_failed"] == 1


async def test_test_messages_go_past_the_queue(store: Store, server: MailServer, tmp_path: Path) -> None:
    """`notify-test` says of each channel whether it works, while the queue may be stuck."""
    log = tmp_path / "log"
    telling = notifier(store, mail(server), script_at(tmp_path / "script", log))
    telling.start()
    good = await telling.test()
    await server.stop()
    (tmp_path / "script").write_text("#!/bin/sh\nexit 3\n")
    bad = await telling.test()
    await telling.close()
    assert [(report.channel, report.sent) for report in good] == [("mail", True), ("script", True)]
    assert good[0].text == f"noc@example.net by 127.0.0.1 port {server.port}"
    assert log.read_text() == "192.0.2.1 incoming 0 test 1\n"
    assert server.mails[0]["Subject"] == "Myflower Guard: test message"
    assert [(report.channel, report.sent) for report in bad] == [("mail", False), ("script", False)]
    assert bad[1].text.endswith("exit 3")
    assert store.outbox.pending() == {}


async def test_broken_template_is_said_at_start_and_counted(store: Store, server: MailServer, tmp_path: Path) -> None:
    """An operator's broken template costs no mail."""
    (tmp_path / "banned.subject.j2").write_text("{{ nonsense }}")
    with structlog.testing.capture_logs() as lines:
        policy = NotifyPolicy(templates=tmp_path)
        telling = Notifier(policy, mail(server), None, store.outbox, wall, SOON)
        telling.start()
        telling.banned(BANNED)
        await until(lambda: server.mails)
        await telling.close()
    assert "banned.subject.j2" in lines[0]["problem"]
    assert server.mails[0]["Subject"].startswith("Myflower Guard: IP 203.0.113.7 blocked")
    assert telling.status().counters["template_fallbacks"] == 1


async def test_counters_survive_new_settings(store: Store, server: MailServer) -> None:
    """A reload does not set the counters back."""
    telling = notifier(store, mail(server))
    telling.start()
    telling.banned(BANNED)
    await until(lambda: server.mails)
    await telling.configure(NotifyPolicy(), mail(server), None)
    telling.unbanned(ENDED)
    await until(lambda: len(server.mails) == 2)
    await telling.close()
    assert telling.status().counters["mail_sent"] == 2
