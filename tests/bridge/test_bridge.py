"""The bridge as ExaBGP runs it: a process between two pipes and a socket."""

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from bridge.rig import Rig
from fnm_guard.announcer.child import start_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANNOUNCE = "neighbor 198.51.100.1 announce route 203.0.113.7/32 next-hop 192.0.2.1 community [65535:666]"
EVENT = '{ "exabgp": "5.0.0", "type": "state" }'


@pytest.fixture
def rig(tmp_path: "Path") -> "Iterator[Rig]":
    """A bridge that has just been started."""
    with Rig(tmp_path) as made:
        yield made


def test_greets_with_who_it_is(rig: Rig) -> None:
    """The greeting names the instance, the configuration and the ExaBGP by pid and start time."""
    rig.listen()
    rig.pass_barrier()
    assert rig.accept().read() == {
        "type": "hello",
        "protocol": 1,
        "instance": "test",
        "digest": "d1",
        "exabgp": os.getpid(),
        "exabgp_started": start_time(os.getpid()),
        "hangups": 0,
    }


def test_greets_when_it_knows_whose_answers_come(rig: Rig) -> None:
    """Answers to a bridge that was killed are let pass before the daemon is greeted."""
    rig.listen()
    daemon = rig.accept()
    assert rig.said() == "show neighbor json"
    rig.say("done", "error", "198.51.100.1 ipv4 unicast 203.0.113.7/32 next-hop 192.0.2.1", "done")
    assert daemon.is_silent()
    rig.say("[]", "done")
    assert daemon.read()["type"] == "hello"
    daemon.command(1, ANNOUNCE)
    assert rig.said() == ANNOUNCE
    rig.say("error")
    assert daemon.read() == {"type": "answer", "number": 1, "result": "error"}


def test_gives_each_answer_its_number(rig: Rig) -> None:
    """Answers belong to the commands in the order in which they were written; events come in between."""
    daemon = rig.greeted()
    for number in (7, 8, 9):
        daemon.command(number, ANNOUNCE)
        assert rig.said() == ANNOUNCE
    rig.say("done", EVENT, "error", "done")
    assert daemon.read() == {"type": "answer", "number": 7, "result": "done"}
    assert daemon.read() == {"type": "event", "text": EVENT}
    assert daemon.read() == {"type": "answer", "number": 8, "result": "error"}
    assert daemon.read() == {"type": "answer", "number": 9, "result": "done"}


def test_gives_the_output_of_a_listing(rig: Rig) -> None:
    """Each line of a listing carries the number of the command that asked for it."""
    daemon = rig.greeted()
    daemon.command(3, "show adj-rib out")
    assert rig.said() == "show adj-rib out"
    rig.say("a line", "done", "a line that nobody asked for")
    assert daemon.read() == {"type": "output", "number": 3, "text": "a line"}
    assert daemon.read() == {"type": "answer", "number": 3, "result": "done"}
    assert daemon.is_silent()


def test_a_field_it_does_not_know_is_no_harm(rig: Rig) -> None:
    """A daemon that says more than this bridge knows is understood all the same."""
    daemon = rig.greeted()
    daemon.write(b'{"type": "welcome", "news": true}\n')
    daemon.command(1, "version", leases={"203.0.113.7/32": 60})
    assert rig.said() == "version"


@pytest.mark.parametrize(
    "text",
    [
        "shutdown",
        "restart",
        "announce route 203.0.113.7/32 next-hop 192.0.2.1",
        "neighbor * announce route 203.0.113.7/32 next-hop 192.0.2.1",
        "neighbor 198.51.100.1 teardown 2",
        "neighbor 198.51.100.1 announce flow route 203.0.113.7/32",
        "neighbor 198.51.100.1 announce route 203.0.113.7/32\nshutdown",
        "neighbor 198.51.100.1 announce route 203.0.113.7/32; shutdown",
        "neighbor 198.51.100.1 announce route 203.0.113.\uff17/32",
        "show neighbor configuration",
        "disable-ack",
        "",
    ],
)
def test_passes_on_its_own_verbs_only(rig: Rig, text: str) -> None:
    """What the daemon has no need of is refused and never reaches ExaBGP."""
    daemon = rig.greeted()
    daemon.command(1, text)
    assert daemon.read() == {"type": "answer", "number": 1, "result": "refused"}
    assert rig.says_nothing()


@pytest.mark.parametrize("data", [b"what\n", b"[]\n", b"null\n", b'{"type": "command", "number": "x"}\n', b"\xff\n"])
def test_hangs_up_on_nonsense(rig: Rig, data: bytes) -> None:
    """A daemon that speaks another language is hung up on, and the next connection is a fresh one."""
    daemon = rig.greeted()
    daemon.write(data)
    assert daemon.read() == {}
    assert rig.accept().read()["type"] == "hello"


def test_hangs_up_when_too_much_is_asked(rig: Rig) -> None:
    """The commands without an answer have a bound."""
    daemon = rig.greeted()
    with contextlib.suppress(BrokenPipeError):
        for number in range(1100):
            daemon.command(number, "version")
    assert daemon.read() == {}
    assert [rig.said() for _ in range(1024)] == ["version"] * 1024


def test_reads_on_while_the_daemon_is_away(rig: Rig) -> None:
    """ExaBGP never has to wait: without a daemon what it says is dropped."""
    rig.pass_barrier()
    rig.say_bytes((EVENT + "\n").encode() * 100_000)
    rig.listen()
    daemon = rig.accept()
    assert daemon.read()["type"] == "hello"
    late = 0
    while not daemon.is_silent():
        late += len(daemon.read()["text"])
    assert late <= 1 << 16, "no more than the pipe itself held"


def test_waits_for_a_daemon_for_ever(rig: Rig) -> None:
    """The bridge outlives any number of daemons."""
    daemon = rig.greeted()
    for _ in range(6):
        rig.stop_listening()
        daemon.close()
        rig.say(EVENT)
        rig.listen()
        daemon = rig.accept()
        assert daemon.read()["type"] == "hello"
    assert rig.process.poll() is None


def test_hangs_up_on_a_slow_daemon(rig: Rig) -> None:
    """ExaBGP never waits for a daemon that does not read: it is hung up on, and the next greeting counts it."""
    daemon = rig.greeted()
    rig.say_bytes((EVENT + "\n").encode() * 150_000)
    count = 0
    while message := daemon.read():
        count += message["type"] == "event"
    assert 0 < count < 150_000
    assert rig.accept().read()["hangups"] == 1


def test_answers_for_a_daemon_that_went_away_go_nowhere(rig: Rig) -> None:
    """What a daemon asked before it died is never answered to the next one."""
    daemon = rig.greeted()
    daemon.command(1, "show adj-rib out")
    assert rig.said() == "show adj-rib out"
    daemon.close()
    following = rig.accept()
    assert rig.said() == "show neighbor json"
    rig.say("a line", "done")
    assert following.is_silent()
    rig.say("[]", "done")
    assert following.read()["type"] == "hello"
    following.command(1, ANNOUNCE)
    assert rig.said() == ANNOUNCE
    rig.say("done")
    assert following.read() == {"type": "answer", "number": 1, "result": "done"}


def test_one_barrier_at_a_time(rig: Rig) -> None:
    """Daemons that come and go while ExaBGP is busy do not pile up questions."""
    rig.listen()
    assert rig.said() == "show neighbor json"
    for _ in range(3):
        rig.accept().close()
    daemon = rig.accept()
    assert rig.says_nothing()
    rig.say("[]", "done")
    assert daemon.read()["type"] == "hello"


def test_the_barrier_of_a_bridge_before_this_one(rig: Rig) -> None:
    """A listing that nobody asked for, and its answer, are passed over wherever they come."""
    daemon = rig.greeted()
    daemon.command(1, ANNOUNCE)
    rig.said()
    rig.say("[]", "done", "error")
    assert daemon.read() == {"type": "answer", "number": 1, "result": "error"}


def test_garbage_from_exabgp(rig: Rig) -> None:
    """Whatever ExaBGP says, in whatever size, the bridge goes on and memory stays bounded."""
    daemon = rig.greeted()
    rig.say_bytes(b"\xff\xfe\x00garbage\n" + b"x" * (3 << 20))
    rig.say_bytes(b"\n{" + b"y" * (3 << 20) + b"}\n" + b"\n\n")
    daemon.command(1, "version")
    assert rig.said() == "version"
    rig.say("\u00e9xabgp 5.0.15", "done")
    assert daemon.read() == {"type": "output", "number": 1, "text": "??xabgp 5.0.15"}
    assert daemon.read() == {"type": "answer", "number": 1, "result": "done"}
    status = dict(line.split(":", 1) for line in _status(rig.process.pid) if ":" in line)
    assert int(status["VmHWM"].split()[0]) < 64 * 1024


def _status(pid: int) -> list[str]:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - not a path of ours
        return file.read().splitlines()


def test_ends_with_exabgp(rig: Rig) -> None:
    """When ExaBGP closes its end the bridge ends, without a word."""
    rig.pass_barrier()
    assert rig.process.stdin is not None
    rig.process.stdin.close()
    assert rig.process.wait(10) == 0


def test_interrupt_is_for_others(rig: Rig) -> None:
    """Ctrl-C in a terminal does not end the bridge."""
    daemon = rig.greeted()
    rig.process.send_signal(signal.SIGINT)
    daemon.command(1, "version")
    assert rig.said() == "version"


def test_commands_reach_a_slow_exabgp(rig: Rig) -> None:
    """Commands that ExaBGP does not take yet wait, whole and in order."""
    daemon = rig.greeted()
    prefixes = " ".join(f"10.0.{number}.1/32" for number in range(100))
    text = f"neighbor 198.51.100.1 announce attributes next-hop 192.0.2.1 nlri {prefixes}"
    for number in range(200):
        daemon.command(number, text)
    assert [rig.said() for _ in range(200)] == [text] * 200
    rig.say(*["done"] * 200)
    assert [daemon.read()["number"] for _ in range(200)] == list(range(200))


def test_events_are_passed_on_as_they_are(rig: Rig) -> None:
    """An event is text to the bridge: what is in it is the daemon's business."""
    daemon = rig.greeted()
    event = json.dumps({"type": "notification", "message": 'a "quoted" \\ text'})
    rig.say(event, '{ "broken')
    assert daemon.read() == {"type": "event", "text": event}
    assert daemon.read() == {"type": "event", "text": '{ "broken'}
