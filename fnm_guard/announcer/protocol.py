"""What the daemon and the bridge say to each other: one JSON object a line, both ways.

The bridge begins with `hello`.  Then the daemon sends commands with growing numbers, and the bridge gives each one's
output, if any, and its answer, in the order of the commands; ExaBGP's events come in between.  Fields that one end does
not know are passed over, so a command may later carry how long each of its routes may outlive the daemon (`leases`).
`exabgp/bridge.py` is the other end and cannot import this: it runs on the standard library alone.
"""

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["PROTOCOL", "Answer", "Event", "Hello", "Output", "ProtocolError", "command", "parse"]

PROTOCOL = 1


class ProtocolError(Exception):
    """The other end said what no bridge of ours says."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a connection.

    Attributes:
        exabgp, exabgp_started: Which ExaBGP: its pid and its start in clock ticks since boot (proc(5)).
        digest: Of the configuration it was started with.
        hangups: How often this bridge hung up because the daemon was slow.
    """

    protocol: int
    instance: str
    digest: str
    exabgp: int
    exabgp_started: int
    hangups: int


@dataclass(frozen=True, slots=True)
class Event:
    """An event of ExaBGP's, as its JSON encoder gives it."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """One line that a command gave."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended; `done` says only that ExaBGP understood it, never that a peer heard of it."""

    number: int
    done: bool


def command(number: int, text: str) -> bytes:
    """Give the line that asks the bridge to pass a command on."""
    return json.dumps({"type": "command", "number": number, "text": text}).encode("ascii") + b"\n"


def parse(line: bytes) -> Hello | Event | Output | Answer | None:
    """Give the message of a line; None for a kind that this version does not know.

    Raises:
        ProtocolError: If it is no message.
    """
    try:
        message = json.loads(line)
        return _build(message)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"the bridge said {line[:80]!r}: {type(error).__name__}") from error


def _build(message: dict[str, Any]) -> Hello | Event | Output | Answer | None:
    match message["type"]:
        case "hello":
            return Hello(
                protocol=int(message["protocol"]),
                instance=str(message["instance"]),
                digest=str(message["digest"]),
                exabgp=int(message["exabgp"]),
                exabgp_started=int(message["exabgp_started"]),
                hangups=int(message.get("hangups", 0)),
            )
        case "event":
            return Event(event=_event(str(message["text"])))
        case "output":
            return Output(number=int(message["number"]), text=str(message["text"]))
        case "answer":
            return Answer(number=int(message["number"]), done=message["result"] == "done")
        case _:
            return None


def _event(text: str) -> dict[str, Any]:
    """Give ExaBGP's event; {} for one that is no JSON: it is ExaBGP's slip, not the bridge's, and tells nothing."""
    try:
        event = json.loads(text)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
