"""What the bridge says, and what it cannot say."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fnm_guard.announcer.protocol import Answer, Event, Hello, Output, ProtocolError, command, parse


def test_a_command_is_one_line() -> None:
    """A line break in a text cannot make two messages."""
    line = command(7, "a\nb")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"type": "command", "number": 7, "text": "a\nb"}


def test_every_kind_of_message() -> None:
    """Each message becomes its value; fields that are not known are passed over."""
    hello = {"type": "hello", "protocol": 1, "instance": "x", "digest": "d", "exabgp": 5, "exabgp_started": 6, "new": 1}
    assert parse(json.dumps(hello).encode()) == Hello(1, "x", "d", 5, 6, 0)
    assert parse(b'{"type": "output", "number": 1, "text": "t"}') == Output(1, "t")
    assert parse(b'{"type": "answer", "number": 1, "result": "done"}') == Answer(1, done=True)
    assert parse(b'{"type": "answer", "number": 1, "result": "error"}') == Answer(1, done=False)
    assert parse(b'{"type": "answer", "number": 1, "result": "refused"}') == Answer(1, done=False)
    assert parse(b'{"type": "event", "text": "{\\"type\\": \\"state\\"}"}') == Event({"type": "state"})
    assert parse(b'{"type": "tomorrow"}') is None


@pytest.mark.parametrize("text", ["{broken", "[]", "3", ""])
def test_an_event_that_is_none_tells_nothing(text: str) -> None:
    """A slip of ExaBGP's in an event does not end the link."""
    assert parse(json.dumps({"type": "event", "text": text}).encode()) == Event({})


@settings(deadline=None)
@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_anything_else_is_a_protocol_error(line: bytes) -> None:
    """Whatever comes in gives a message or the one documented error."""
    with pytest.raises(ProtocolError):
        parse(line)
