"""What the log says of events and of peers."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import structlog.testing
from netaddr import IPAddress

from core import make
from fnm_guard.announcer.peers import PeerState, SessionState
from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanExtended,
    BanJoined,
    BanRefused,
    BanRemoved,
    Refusal,
    RemovalCause,
)
from fnm_guard.core.policy import Mode
from fnm_guard.journal import Journal, PeerJournal

if TYPE_CHECKING:
    from fnm_guard.core.events import Event

ATTACK, BAN = make.attack(3), make.ban(5)
PEER = PeerState("upstream", IPAddress("198.51.100.1"), 64511, SessionState.DOWN, 0.0)

EVENTS: "list[tuple[Event, str, dict[str, object]]]" = [
    (AttackStarted(1.0, ATTACK), "attack started", {"attack": 3, "metric": "pps", "power_pps": 100_000}),
    (AttackEnded(1.0, ATTACK), "attack ended", {"attack": 3, "peak_pps": round(ATTACK.peak)}),
    (BanAdded(1.0, BAN, ATTACK), "host banned", {"ban": 5, "mode": "act"}),
    (
        BanAdded(1.0, replace(BAN, mode=Mode.MONITOR, announce=False), None),
        "host would be banned",
        {"ban": 5, "mode": "monitor"},
    ),
    (BanJoined(1.0, BAN, ATTACK), "ban joined by a further attack", {"ban": 5, "joined": 3}),
    (BanExtended(1.0, BAN, "alice"), "ban extended", {"extended_by": "alice"}),
    (
        BanRemoved(1.0, BAN, RemovalCause.OPERATOR, "bob", "over"),
        "host unbanned",
        {"cause": "operator", "unbanned_by": "bob", "unban_reason": "over"},
    ),
    (
        BanRefused(1.0, make.HOST, Refusal.TOO_MANY, "no place", "detector", ATTACK),
        "host not banned",
        {"refusal": "too_many", "why": "no place"},
    ),
]


@pytest.mark.parametrize(("event", "text", "fields"), EVENTS)
def test_every_event_is_one_line(event: "Event", text: str, fields: dict[str, object]) -> None:
    """One event, one line: constant text, the host, and what matters as fields."""
    with structlog.testing.capture_logs() as lines:
        Journal().record(event)
    (line,) = lines
    assert line["event"] == text
    assert line["host"] == str(make.HOST)
    assert fields.items() <= line.items()


def test_running_figures_are_not_logged() -> None:
    """What comes four times a second is no log line; that the evidence is there is one."""
    with structlog.testing.capture_logs() as lines:
        Journal().record_update(ATTACK, 1.0)
        Journal().record_audit(3, make.audit(make.audit_packet()))
    assert [(line["event"], line["packets"]) for line in lines] == [("audit taken", 1)]


def test_a_session_is_logged_when_it_changes() -> None:
    """State and reason are logged when they are new; routes that come and go are no change."""
    journal = PeerJournal()
    up = replace(PEER, state=SessionState.UP)
    with structlog.testing.capture_logs() as lines:
        for state in (PEER, replace(PEER, announced=7), up, replace(up, wanted=3), replace(up, reason="no ipv6"), PEER):
            journal.record(state)
    assert [(line["state"], line["reason"]) for line in lines] == [
        ("down", ""),
        ("up", ""),
        ("up", "no ipv6"),
        ("down", ""),
    ]
