"""What an operator reads when a session is down."""

import pytest

from fnm_guard.announcer.reasons import explain_down, is_telling, missing_families, no_session


@pytest.mark.parametrize(
    ("reason", "message", "text"),
    [
        (
            "notification received (6,1)",
            "",
            "refused by the peer: max-prefix reached: the peer takes fewer routes than are announced "
            "(NOTIFICATION 6/1)",
        ),
        (
            "notification sent (2,2)",
            "ASN in OPEN (64501) did not match ASN expected (64500)",
            "refused by us: wrong AS number: compare `as` and `local_as` with the peer's configuration "
            "(NOTIFICATION 2/2): ASN in OPEN (64501) did not match ASN expected (64500)",
        ),
        ("notification received (4,0)", "", "refused by the peer: hold timer expired (NOTIFICATION 4/0)"),
        ("notification received (3,11)", "", "refused by the peer: UPDATE refused (NOTIFICATION 3/11)"),
        ("notification received (99,1)", "", "refused by the peer: ended (NOTIFICATION 99/1)"),
        ("closing connection", "", "the peer closed the connection"),
        ("something new", "", "something new"),
        ("", "", "the session ended"),
    ],
)
def test_reasons(reason: str, message: str, text: str) -> None:
    """Every code that a peer may send has words; one that nobody knows is told by its number."""
    assert explain_down(reason, message) == text


def test_a_peers_text_cannot_leave_its_place() -> None:
    """Of what a peer says only printable ASCII is shown, 128 characters of it: no escapes, no line breaks."""
    text = explain_down("notification received (6,2)", "\x1b[2J\x00back\nat \u202esix" + "x" * 500)
    assert "[2Jbackat six" in text
    assert text.isprintable()
    assert text.isascii()
    assert len(text) < 256


def test_what_tells_something() -> None:
    """A NOTIFICATION is a reason; a connection that ended is none."""
    assert is_telling("notification received (6,1)")
    assert not is_telling("closing connection")


def test_the_other_reasons() -> None:
    """Where nothing is said, the text says where to look."""
    assert no_session("198.51.100.1") == (
        "no session within 30 s: MD5 password, TTL security, ACL or routing to 198.51.100.1?"
    )
    assert missing_families(("ipv6 unicast",)) == "family ipv6 unicast not negotiated: enable it at the peer"
    assert missing_families(()) == ""
