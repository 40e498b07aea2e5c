"""The socket of the bridge: who may connect, and what is asked over it."""

import asyncio
import contextlib
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from announcer.fake import HELLO, FakeBridge, FakeExabgp
from announcer.stage import eventually
from fnm_guard.announcer.door import CONNECTION_LIMIT, LINE_LIMIT, Door
from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.link import Link, LinkLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fnm_guard.announcer.protocol import Hello


class Entrance:
    """An open door, and what came through it."""

    def __init__(self, folder: "Path") -> None:
        self.path = folder / "bridge.sock"
        self.links: list[Link] = []
        self.admits = True
        self.exabgp = FakeExabgp()
        self.bridge = FakeBridge(self.exabgp)
        self.door = Door(self.path, "", self._admit, self.links.append)

    def _admit(self, hello: "Hello") -> bool:
        return self.admits and hello.instance == "fnm-guard"

    async def link(self) -> Link:
        """Let a bridge in."""
        await self.bridge.connect(self.path)
        await eventually(lambda: self.links)
        return self.links[-1]


@pytest.fixture
async def entrance(tmp_path: "Path") -> "AsyncIterator[Entrance]":
    """A door that is open."""
    made = Entrance(tmp_path)
    await made.door.open()
    yield made
    await made.bridge.close()
    await made.door.close()
    await made.door.close()
    assert not made.path.exists()


async def test_the_socket_is_ours_alone(entrance: Entrance) -> None:
    """Without another user nobody but we (and root) may connect."""
    assert stat.S_IMODE(entrance.path.stat().st_mode) == 0o600


async def test_a_socket_left_behind_is_replaced(tmp_path: "Path") -> None:
    """The socket of a daemon that was killed is in nobody's way."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as old:
        old.bind(str(tmp_path / "bridge.sock"))
    made = Entrance(tmp_path)
    await made.door.open()
    assert await made.link()
    await made.bridge.close()
    await made.door.close()


async def test_a_socket_that_cannot_be_made(tmp_path: "Path") -> None:
    """The error names the path: a path may be too long for a socket."""
    made = Entrance(tmp_path)
    made.door = Door(tmp_path / ("x" * 120), "", lambda _: True, made.links.append)
    with pytest.raises(AnnouncerError, match="xxx: AF_UNIX path too long"):
        await made.door.open()


async def test_another_user_is_turned_away(entrance: Entrance) -> None:
    """The kernel says who calls."""
    entrance.door._uids = {4_294_967_294}
    await entrance.bridge.connect(entrance.path)
    await eventually(lambda: entrance.bridge.hung_up)
    assert not entrance.links


@pytest.mark.parametrize(
    "first", [b"what\n", b'{"type": "output", "number": 1, "text": ""}\n', b"x" * (LINE_LIMIT + 9)]
)
async def test_whoever_does_not_greet_is_turned_away(entrance: Entrance, first: bytes) -> None:
    """The first message is a greeting."""
    reader, writer = await asyncio.open_unix_connection(entrance.path)
    writer.write(first)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert not entrance.links


async def test_whoever_says_nothing_is_turned_away(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that does not greet in time is closed."""
    monkeypatch.setattr("fnm_guard.announcer.door.HELLO_SECONDS", 0.05)
    reader, writer = await asyncio.open_unix_connection(entrance.path)
    assert await reader.read() == b""
    writer.close()


async def test_whoever_is_not_admitted_is_turned_away(entrance: Entrance) -> None:
    """A bridge of another instance is hung up on."""
    await entrance.bridge.connect(entrance.path, instance="other")
    await eventually(lambda: entrance.bridge.hung_up)
    assert not entrance.links


async def test_connections_have_a_bound(entrance: Entrance) -> None:
    """Those above it are closed at once."""
    held = [await asyncio.open_unix_connection(entrance.path) for _ in range(CONNECTION_LIMIT)]
    reader, writer = await asyncio.open_unix_connection(entrance.path)
    assert await reader.read() == b""
    for _, each in (*held, (reader, writer)):
        each.close()


async def test_answers_come_in_order(entrance: Entrance) -> None:
    """Each command gets its own answer and its own output."""
    link = await entrance.link()
    entrance.exabgp.refused = {"198.51.100.9"}
    texts = ["version", "neighbor 198.51.100.9 announce route 203.0.113.7/32 next-hop 192.0.2.1", "show adj-rib out"]
    posted = [link.post(text) for text in texts]
    await link.answered(posted[-1])
    assert [(item.done, item.lines) for item in posted] == [(True, ["exabgp 5.0.15"]), (False, []), (True, [])]
    assert entrance.exabgp.asked == texts
    await link.answered(posted[0])


async def test_events_come_through(entrance: Entrance) -> None:
    """An event of ExaBGP's is given on whenever it comes."""
    link = await entrance.link()
    heard: list[object] = []
    link.on_event = heard.append
    entrance.bridge.tell(state="up")
    entrance.bridge.say({"type": "tomorrow"})
    await link.ask("version")
    assert heard == [{"type": "state", "neighbor": {"address": {"peer": "198.51.100.193"}, "state": "up"}}]


async def test_no_answer(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that does not come ends the link, and says that it was silence."""
    monkeypatch.setattr("fnm_guard.announcer.link.ANSWER_SECONDS", 0.05)
    link = await entrance.link()
    entrance.exabgp.silent = True
    with pytest.raises(LinkLostError) as caught:
        await link.ask("version")
    assert caught.value.silent
    await eventually(lambda: entrance.bridge.hung_up)
    with pytest.raises(LinkLostError, match="no answer within"):
        await link.ask("version")


async def test_the_bridge_hangs_up(entrance: Entrance) -> None:
    """A link that ends is told once, and whoever waits for an answer hears of it at once."""
    link = await entrance.link()
    entrance.exabgp.silent = True
    lost: list[int] = []
    link.on_lost = lambda: lost.append(1)
    asking = asyncio.create_task(link.ask("version"))
    await eventually(lambda: entrance.exabgp.asked)
    await entrance.bridge.close()
    with pytest.raises(LinkLostError) as caught:
        await asking
    assert not caught.value.silent
    assert link.lost
    link.close()
    assert lost == [1]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "answer", "number": 99, "result": "done"},
        {"type": "output", "number": 99, "text": ""},
        HELLO,
        {"type": 3},
        {"type": "answer"},
    ],
)
async def test_nonsense_ends_the_link(entrance: Entrance, message: dict[str, object]) -> None:
    """An answer to what was not asked, or no message at all: nothing is known any more."""
    link = await entrance.link()
    if message.get("type") == 3:
        entrance.bridge.say_bytes(b"nonsense\n")
    else:
        entrance.bridge.say(message)
    await eventually(lambda: link.lost)


async def test_a_line_without_an_end(entrance: Entrance) -> None:
    """What is longer than any message of a bridge ends the link."""
    link = await entrance.link()
    entrance.bridge.say_bytes(b"x" * (LINE_LIMIT + 100_000))
    await eventually(lambda: link.lost)
