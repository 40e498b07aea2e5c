"""The words that leave the process: they stand in the database, the API, templates and scripts, and do not change."""

from enum import StrEnum

import pytest

from fnm_guard.core.events import Refusal, RemovalCause
from fnm_guard.core.model import AttackType, BanOrigin, Direction, Metric, Thresholds
from fnm_guard.core.policy import Mode, OutgoingPolicy

WORDS: list[tuple[type[StrEnum], dict[str, str]]] = [
    (Direction, {"INCOMING": "incoming", "OUTGOING": "outgoing", "INTERNAL": "internal", "OTHER": "other"}),
    (Mode, {"ACT": "act", "MONITOR": "monitor"}),
    (OutgoingPolicy, {"ANNOUNCE": "announce", "TELL": "tell"}),
    (BanOrigin, {"AUTOMATIC": "automatic", "MANUAL": "manual"}),
    (RemovalCause, {"EXPIRED": "expired", "OPERATOR": "operator", "CONFIGURATION": "configuration"}),
    (
        Refusal,
        {
            "NEVER_BAN": "never_ban",
            "NOT_OURS": "not_ours",
            "TOO_MANY": "too_many",
            "HELD_OFF": "held_off",
            "ALREADY": "already",
            "BAD_DURATION": "bad_duration",
        },
    ),
    (
        AttackType,
        {
            "SYN_FLOOD": "syn flood",
            "SYN_ACK_REFLECTION": "syn-ack reflection",
            "TCP_FLOOD": "tcp flood",
            "UDP_FLOOD": "udp flood",
            "ICMP_FLOOD": "icmp flood",
            "FRAGMENT_FLOOD": "fragment flood",
            "AMPLIFICATION": "amplification",
            "OTHER_FLOOD": "other protocol flood",
            "MIXED": "mixed",
            "UNKNOWN": "unknown",
        },
    ),
    (
        Metric,
        {
            "PPS": "pps",
            "MBPS": "mbps",
            "FLOWS": "flows",
            "TCP_PPS": "tcp_pps",
            "UDP_PPS": "udp_pps",
            "ICMP_PPS": "icmp_pps",
            "OTHER_PPS": "other_pps",
            "FRAGMENT_PPS": "fragment_pps",
            "SYN_PPS": "syn_pps",
            "TCP_MBPS": "tcp_mbps",
            "UDP_MBPS": "udp_mbps",
            "ICMP_MBPS": "icmp_mbps",
        },
    ),
]


@pytest.mark.parametrize(("kind", "words"), WORDS, ids=[kind.__name__ for kind, _ in WORDS])
def test_words_are_stable(kind: type[StrEnum], words: dict[str, str]) -> None:
    """A stored word still means the same after an upgrade; a new one is added here."""
    assert {member.name: member.value for member in kind} == words


def test_metrics_are_the_fields_of_thresholds() -> None:
    """A threshold is found by the value of its metric, in the same order."""
    every = Thresholds(**{metric.value: 1.0 for metric in Metric})
    assert [metric for metric, _ in every.items()] == list(Metric)
