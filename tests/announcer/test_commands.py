"""Routes as ExaBGP text.  `commands.txt` beside this is what a network engineer reviews."""

from dataclasses import replace
from pathlib import Path

import pytest
from netaddr import IPAddress, IPNetwork

from announcer.stage import route
from fnm_guard.announcer import commands
from fnm_guard.core.model import Route

PEER, PEER6 = IPAddress("198.51.100.193"), IPAddress("2001:db8:51:3::1")
HOST, HOST6 = "203.0.113.7/32", "2001:db8:113::7/128"
GOLDEN = Path(__file__).with_name("commands.txt")


def _announce(*routes: Route) -> str:
    return commands.announce(PEER, commands.attributes(routes[0]), routes)


def _texts() -> list[str]:
    plain = route(HOST, "65535:666")
    rich = replace(
        route(HOST, "65535:666", "64500:1", "no-export", large=("64512:666:1", "64512:4294967295:0")),
        local_preference=200,
    )
    names = ("blackhole", "graceful-shutdown", "no-advertise", "no-export", "no-export-subconfed", "no-peer")
    alike = [route(f"203.0.113.{n}/32", "65535:666") for n in (1, 5, 9)]
    texts = [
        _announce(plain),
        _announce(rich),
        _announce(route(HOST6, "65535:666")),
        commands.announce(PEER6, commands.attributes(plain), [plain]),
        _announce(route(HOST, *names)),
        _announce(replace(plain, communities=())),
        _announce(*alike),
        *map(_announce, [route(HOST, "65535:666"), route("203.0.113.8/32", "64500:1"), route(HOST6)]),
        commands.withdraw(PEER, commands.attributes(rich), [rich]),
        commands.withdraw(PEER, commands.attributes(plain), [alike[0], alike[2]]),
    ]
    texts.append(commands.withdraw_unknown(PEER, IPNetwork(HOST6)))
    return [*texts, commands.end_of_rib(PEER, 4), commands.end_of_rib(PEER6, 6)]


def test_texts_are_as_reviewed() -> None:
    """Every form of a command reads as in the golden file, to the letter."""
    assert _texts() == GOLDEN.read_text("ascii").splitlines()


def test_texts_are_ascii_on_one_line() -> None:
    """A byte that is not ASCII would end the bridge, and a line break would be a second command."""
    assert all(text.isascii() and text.isprintable() for text in _texts())


def test_a_group_is_short() -> None:
    """A command with as many prefixes as there may be stays far below ExaBGP's 1 MiB a line, in either family."""
    many = [route(f"2001:db8:ffff:ffff:ffff:ffff:ffff:{n:x}/128") for n in range(commands.GROUP_LIMIT)]
    assert len(_announce(*many)) < 16_384


@pytest.mark.parametrize(
    "bad",
    [
        replace(route(HOST), next_hop=IPAddress("100::1")),
        route(HOST, "65536:1"),
        route(HOST, "1:2:3"),
        route(HOST, "-1:2"),
        route(HOST, "blackhole]; shutdown"),
        route(HOST, "\uff11:2"),
        route(HOST, large=("1:2",)),
        route(HOST, large=("4294967296:0:0",)),
        replace(route(HOST), local_preference=1 << 32),
        replace(route(HOST), local_preference=-1),
    ],
)
def test_what_cannot_be_said_is_an_error(bad: Route) -> None:
    """A value that is none never becomes text, whoever let it through."""
    with pytest.raises(ValueError, match=r"community|next hop|preference"):
        commands.attributes(bad)


def test_kept_texts_are_those_of_the_route() -> None:
    """However many sets of attributes come by, each route gets its own, and one that cannot be said never gets any."""
    kept = commands.Attributes()
    routes = [route(host, f"64500:{number}") for number in range(100) for host in (HOST, HOST6)]
    assert [kept.of(item) for item in routes * 2] == [commands.attributes(item) for item in routes] * 2
    for _ in range(2):
        with pytest.raises(ValueError, match="community"):
            kept.of(route(HOST, "65536:1"))


if __name__ == "__main__":
    GOLDEN.write_text("".join(f"{text}\n" for text in _texts()), encoding="ascii")
