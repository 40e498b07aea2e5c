"""A bridge with an ExaBGP behind it that does exactly what a test wants."""

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from announcer.stage import PEER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HELLO", "FakeBridge", "FakeExabgp"]

HELLO = {"type": "hello", "protocol": 1, "instance": "fnm-guard", "digest": "d", "exabgp": 5, "exabgp_started": 6}


class FakeExabgp:
    """Understands the commands of the announcer.

    Attributes:
        up: Addresses of its neighbors, and whether the session is established.
        routes: Prefix to attributes, by neighbor.
        asked: Every command, in order.
        refused: A command with one of these words is answered with `error`.
        silent: Whether it answers nothing.
        delay: Seconds between understanding a command and saying so.
    """

    def __init__(self) -> None:
        self.up = {PEER: True}
        self.routes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.refused: set[str] = set()
        self.silent = False
        self.delay = 0.0
        self.neighbors_text: str | None = None

    def answer(self, text: str) -> tuple[list[str], bool]:
        """Give the lines and whether it was understood."""
        self.asked.append(text)
        words = text.split()
        if self.refused.intersection(words):
            return [], False
        if words[0] == "neighbor":
            return [], self._obey(words)
        return self._show(words)

    def _show(self, words: list[str]) -> tuple[list[str], bool]:
        match words:
            case ["version"]:
                return ["exabgp 5.0.15"], True
            case ["show", "neighbor", "json"]:
                return [self.neighbors_text or json.dumps([self._listed(address) for address in self.up])], True
            case ["show", "adj-rib", "out"]:
                return [f"{a} ipv4 unicast {p} next-hop x" for a, held in self.routes.items() for p in held], True
        return [], False

    def _obey(self, words: list[str]) -> bool:
        match words:
            case ["neighbor", address, "announce", "eor", *_]:
                return self.up.get(address, False)
            case ["neighbor", address, verb, "route" | "attributes", *rest]:
                self._change(self.routes.setdefault(address, {}), verb, rest)
                return True
        return False

    def routing(self) -> list[str]:
        """Give the commands that were about routes."""
        return [text for text in self.asked if text.startswith("neighbor")]

    def _change(self, held: dict[str, str], verb: str, rest: list[str]) -> None:
        prefixes = [word for word in rest if "/" in word]
        attributes = " ".join(word for word in rest if "/" not in word and word != "nlri")
        for prefix in prefixes:
            held.pop(prefix, None)
            if verb == "announce":
                held[prefix] = attributes

    def _listed(self, address: str) -> dict[str, Any]:
        up = self.up[address]
        families = ["ipv4 unicast", "ipv6 unicast"] if up else []
        return {
            "fsm": "ESTABLISHED" if up else "IDLE",
            "duration": 5,
            "peer": {"address": address},
            "families": families,
        }


class FakeBridge:
    """Connects to the daemon's socket, greets, and lets an ExaBGP answer."""

    def __init__(self, exabgp: FakeExabgp) -> None:
        self.exabgp = exabgp
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self, path: "Path", **hello: Any) -> None:
        """Connect and greet."""
        reader, self._writer = await asyncio.open_unix_connection(path)
        self.say({**HELLO, **hello})
        self._task = asyncio.create_task(self._serve(reader))

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()

    @property
    def hung_up(self) -> bool:
        """Whether the daemon has hung up."""
        return self._task is not None and self._task.done()

    def say(self, message: "dict[str, Any]") -> None:
        """Say anything."""
        self.say_bytes(json.dumps(message).encode() + b"\n")

    def say_bytes(self, data: bytes) -> None:
        """Say anything at all."""
        assert self._writer is not None
        self._writer.write(data)

    def tell(self, **neighbor: Any) -> None:
        """Pass an event of ExaBGP's on."""
        event = {"type": "state", "neighbor": {"address": {"peer": PEER}, **neighbor}}
        self.say({"type": "event", "text": json.dumps(event)})

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                message = json.loads(line)
                lines, done = self.exabgp.answer(message["text"])
                if self.exabgp.silent:
                    continue
                await asyncio.sleep(self.exabgp.delay)
                for text in lines:
                    self.say({"type": "output", "number": message["number"], "text": text})
                result = "done" if done else "error"
                self.say({"type": "answer", "number": message["number"], "result": result})
