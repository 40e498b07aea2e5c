"""Rules of the messages, letter by letter: what people and scripts get is under review.

After a wanted change: `FNM_GOLDEN=write .venv/bin/pytest tests/notify/test_golden.py`, then look at the difference.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress

from fnm_guard.core.events import BanRefused, Refusal, RemovalCause
from fnm_guard.core.model import Audit, Direction, HostRates, Rates
from fnm_guard.core.policy import Mode
from fnm_guard.notify import Composer, Kind, MailSettings, Notice, NotifyPolicy, Templates
from fnm_guard.notify.calls import CallWriter, ScriptCall
from store.values import attack, audit, ban, hand_ban, host_rates, packet, wall

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

GOLDEN = Path(__file__).parent / "golden"
POLICY = NotifyPolicy(instance="1f3a9b2c.guard.example.net")
MAIL = MailSettings("127.0.0.1", "guard@example.net", ("noc@example.net", "abuse@example.net"))
COMPOSER = Composer(POLICY, MAIL, Templates(), wall)
CALLS = CallWriter(POLICY, Templates(), wall)

ATTACK = replace(attack(9), peak=131_002.4)
BAN = replace(ban(17), attack=9, power=120_613.0)
BANNED = Notice(BAN, 100.0, ATTACK, host_rates())
DETAILED = Notice(BAN, 100.9, ATTACK, host_rates(), audit(3))
EXPIRED = Notice(BAN, 1900.0, ATTACK, cause=RemovalCause.EXPIRED, by="guard", reason="due")
ORDERED = Notice(BAN, 700.0, ATTACK, cause=RemovalCause.OPERATOR, by="anna", reason="customer called")
MONITOR = replace(BAN, mode=Mode.MONITOR, announce=False)

OUTGOING_ATTACK = replace(attack(9, "2001:db8:100::7"), direction=Direction.OUTGOING)
OUTGOING_BAN = replace(ban(17, "2001:db8:100::7"), direction=Direction.OUTGOING, attack=9)
ICMP = replace(packet(0, "2001:db8::1", "2001:db8:100::7"), protocol=58, source_port=0, destination_port=0)
OUTGOING = Notice(
    OUTGOING_BAN,
    100.9,
    OUTGOING_ATTACK,
    HostRates(IPAddress("2001:db8:100::7"), Rates(), Rates(pps=120_613.0, bps=999_999_999.9)),
    Audit(IPAddress("2001:db8:100::7"), Direction.OUTGOING, (ICMP, replace(ICMP, protocol=254)), True),
)
HAND = Notice(hand_ban(18), 100.0)
HAND_ENDED = Notice(hand_ban(18), 400.0, cause=RemovalCause.OPERATOR, by="anna")
REFUSED = BanRefused(100.0, ATTACK.host, Refusal.TOO_MANY, "100 bans are active, the limit", "detector", ATTACK)

MAILS: "dict[str, Callable[[], EmailMessage]]" = {
    "banned": lambda: COMPOSER.render(BANNED, Kind.BANNED),
    "detailed": lambda: COMPOSER.render(DETAILED, Kind.DETAILED),
    "unbanned-expired": lambda: COMPOSER.render(EXPIRED, Kind.UNBANNED),
    "unbanned-ordered": lambda: COMPOSER.render(ORDERED, Kind.UNBANNED),
    "monitor-banned": lambda: COMPOSER.render(replace(BANNED, ban=MONITOR), Kind.BANNED),
    "monitor-unbanned": lambda: COMPOSER.render(replace(EXPIRED, ban=MONITOR), Kind.UNBANNED),
    "outgoing-banned": lambda: COMPOSER.render(OUTGOING, Kind.BANNED),
    "outgoing-detailed": lambda: COMPOSER.render(OUTGOING, Kind.DETAILED),
    "outgoing-told-banned": lambda: COMPOSER.render(
        replace(OUTGOING, ban=replace(OUTGOING_BAN, announce=False)), Kind.BANNED
    ),
    "hand-banned": lambda: COMPOSER.render(HAND, Kind.BANNED),
    "hand-unbanned": lambda: COMPOSER.render(HAND_ENDED, Kind.UNBANNED),
    "hand-joined-detailed": lambda: COMPOSER.render(replace(DETAILED, ban=hand_ban(18)), Kind.DETAILED),
    "refused": lambda: COMPOSER.refused(REFUSED),
    "test": lambda: COMPOSER.test(100.0),
}
CALLED: "dict[str, Callable[[], ScriptCall]]" = {
    "banned": lambda: CALLS.call(BANNED, Kind.BANNED),
    "detailed": lambda: CALLS.call(DETAILED, Kind.DETAILED),
    "unbanned": lambda: CALLS.call(EXPIRED, Kind.UNBANNED),
    "outgoing-detailed": lambda: CALLS.call(OUTGOING, Kind.DETAILED),
    "hand-banned": lambda: CALLS.call(HAND, Kind.BANNED),
    "hand-unbanned": lambda: CALLS.call(HAND_ENDED, Kind.UNBANNED),
    "test": lambda: CALLS.test(100.0),
}


def compare(name: str, found: str) -> None:
    """Compare with the golden file, or write it when told to."""
    path = GOLDEN / name
    if os.environ.get("FNM_GOLDEN") == "write":
        path.write_text(found)
    assert found == path.read_text()


@pytest.mark.parametrize("name", MAILS)
def test_mail(name: str) -> None:
    """A mail is, header by header and line by line, what was reviewed."""
    compare(f"{name}.eml", MAILS[name]().as_bytes().decode("ascii").replace("\r\n", "\n"))


@pytest.mark.parametrize("name", CALLED)
def test_call(name: str) -> None:
    """A script gets the arguments and the input that were reviewed."""
    call = CALLED[name]()
    compare(f"{name}.call", f"{' '.join(call.words())}\n---\n{call.text}")


def test_no_golden_file_is_forgotten() -> None:
    """Every file under review belongs to a message that is tested."""
    wanted = {f"{name}.eml" for name in MAILS} | {f"{name}.call" for name in CALLED}
    assert {path.name for path in GOLDEN.iterdir()} == wanted
