"""Routes at a real BIRD, by a real ExaBGP."""

from typing import TYPE_CHECKING

import pytest

from announcer.peers import Bird, Neighbour
from announcer.stage import GUARD, PEER, eventually, routes

if TYPE_CHECKING:
    from announcer.stage import Stage

pytestmark = pytest.mark.netns

HOST, HOST6 = "203.0.113.7/32", "2001:db8:113::7/128"


async def test_routes_follow_what_is_wanted(stage: "Stage") -> None:
    """What is wanted becomes a blackhole in the peer's kernel, for both families; what is not wanted goes."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST, HOST6))
        await eventually(lambda: bird.kernel_routes() == {HOST, HOST6})
        announcer.want(routes(HOST6))
        await eventually(lambda: bird.kernel_routes() == {HOST6})
        (state,) = announcer.peers()
        assert (state.state, state.reason, state.wanted, state.announced) == ("up", "", 1, 1)
        assert state.families == ("ipv4 unicast", "ipv6 unicast")
    await eventually(lambda: bird.kernel_routes() == set())
