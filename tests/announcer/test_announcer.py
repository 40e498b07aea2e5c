"""Routes at real peers, by a real ExaBGP."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress, IPNetwork

from announcer.peers import Bird, Frr, Gobgp, Neighbour
from announcer.stage import GUARD, GUARD6, OTHER, OTHER_GUARD, PEER, PEER6, eventually, profile, route, routes
from fnm_guard.core.wanted import Change

if TYPE_CHECKING:
    from announcer.stage import Stage

pytestmark = pytest.mark.netns

HOST, HOST6 = "203.0.113.7/32", "2001:db8:113::7/128"


@pytest.mark.parametrize("speaker", [Bird, Frr])
async def test_routes_follow_what_is_wanted(stage: "Stage", speaker: "type[Bird | Frr]") -> None:
    """What is wanted becomes a blackhole in the peer's kernel, for both families; what is not wanted goes."""
    peer = speaker(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    peer.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST, HOST6))
        await eventually(lambda: peer.kernel_routes() == {HOST, HOST6})
        announcer.want(routes(HOST6))
        await eventually(lambda: peer.kernel_routes() == {HOST6})
        (state,) = announcer.peers()
        assert (state.state, state.reason, state.wanted, state.announced) == ("up", "", 1, 1)
        assert state.families == ("ipv4 unicast", "ipv6 unicast")
    await eventually(lambda: peer.kernel_routes() == set(), "a stop takes back what was announced")


async def test_routes_wanted_before_the_start_are_announced(stage: "Stage") -> None:
    """What is wanted when nothing runs yet is the first thing that is announced."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: announcer.announced() == routes(HOST))
        bird.start()
        await eventually(lambda: bird.kernel_routes() == {HOST})


async def test_session_over_ipv6(stage: "Stage") -> None:
    """A peer that is spoken to over IPv6 hears of both families."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER6, GUARD6))
    bird.start()
    async with stage.announcer(profile(address=IPAddress(PEER6))) as announcer:
        announcer.want(routes(HOST, HOST6))
        await eventually(lambda: bird.kernel_routes() == {HOST, HOST6})


async def test_inner_session(stage: "Stage") -> None:
    """A peer of our own AS gets the local preference of its profile, and the session may ask for TTL security."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD, local_as=64512, ttl_security=True))
    bird.start()
    wanted = route(HOST)
    wanted = type(wanted)(wanted.prefix, wanted.next_hop, wanted.communities, (), local_preference=200)
    async with stage.announcer(profile(remote_as=64512, ttl_security=True)) as announcer:
        announcer.want({"upstream": frozenset({wanted})})
        await eventually(lambda: "BGP.local_pref: 200" in bird.attributes(HOST))


async def test_communities_as_received(stage: "Stage") -> None:
    """Standard, large and well-known communities and the next hop arrive exactly as the route has them."""
    gobgp = Gobgp(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    gobgp.start()
    wanted = route(HOST, "65535:666", "64500:1", "no-export", large=("64512:666:1", "64512:4294967295:0"))
    async with stage.announcer() as announcer:
        announcer.want({"upstream": frozenset({wanted, route(HOST6)})})
        await eventually(lambda: set(gobgp.routes()) == {HOST, HOST6})
        attributes = {item["type"]: item for item in gobgp.routes()[HOST]}
        assert attributes[3]["nexthop"] == "192.0.2.1"
        values = {65535 << 16 | 666, 64500 << 16 | 1, 65535 << 16 | 65281}
        assert set(attributes[8]["communities"]) == values
        large = [(item["ASN"], item["LocalData1"], item["LocalData2"]) for item in attributes[32]["value"]]
        assert sorted(large) == [(64512, 666, 1), (64512, 4294967295, 0)]
        reach = next(item for item in gobgp.routes()[HOST6] if item["type"] == 14)
        assert reach["nexthop"] == "100::1"


async def test_other_communities_replace_the_first(stage: "Stage") -> None:
    """A route that is wanted with other communities replaces the one before, without a hole."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: "(65535,65281)" in bird.attributes(HOST))
        announcer.want({"upstream": frozenset({route(HOST, "65535:666", "64500:2")})})
        await eventually(lambda: "(64500,2)" in bird.attributes(HOST))
        assert "(65535,65281)" not in bird.attributes(HOST)


async def test_changes_come_without_the_rest(stage: "Stage") -> None:
    """Bans that begin and end one by one, quicker than ExaBGP answers, end up in the peer's kernel as wanted."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    hosts = [f"203.0.113.{number}/32" for number in range(200)]
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST6))
        await eventually(lambda: announcer.announced() == routes(HOST6))
        for host in hosts:
            announcer.change({"upstream": Change(added=(route(host),))})
            await asyncio.sleep(0.001)
        for host in hosts[::2]:
            announcer.change({"upstream": Change(removed=(route(host),))})
        await eventually(lambda: announcer.announced() == routes(HOST6, *hosts[1::2]))
        await eventually(lambda: bird.kernel_routes() == {HOST6, *hosts[1::2]})
        assert announcer.holds(IPNetwork(hosts[1])) == ("upstream",)
        assert announcer.holds(IPNetwork(hosts[0])) == ()


async def test_two_peers_have_their_own_routes(stage: "Stage") -> None:
    """Each peer hears its own routes with its own communities, and nothing of the other's."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    second = Bird(stage.lab, stage.other(), Neighbour(OTHER, OTHER_GUARD, local_as=64501))
    bird.start()
    second.start()
    other = profile("second", address=IPAddress(OTHER), remote_as=64501)
    async with stage.announcer(profile(), other) as announcer:
        announcer.want(
            {
                "upstream": frozenset({route(HOST, "65535:666", "64500:1"), route(HOST6)}),
                "second": frozenset({route(HOST, "65535:666", "64501:2")}),
            }
        )
        await eventually(lambda: bird.kernel_routes() == {HOST, HOST6} and second.kernel_routes() == {HOST})
        assert "(64500,1)" in bird.attributes(HOST)
        assert "(64501,2)" not in bird.attributes(HOST)
        assert "(64501,2)" in second.attributes(HOST)


async def test_a_dead_peer_delays_nobody(stage: "Stage") -> None:
    """A peer that is not there has its routes waiting; another hears of them at once."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    dead = profile("dead", address=IPAddress("198.51.100.200"), remote_as=64501)
    async with stage.announcer(dead, profile()) as announcer:
        announcer.want({"dead": routes(HOST)["upstream"], **routes(HOST)})
        await eventually(lambda: bird.kernel_routes() == {HOST})
        states = {state.name: state for state in announcer.peers()}
        assert states["upstream"].state == "up"
        assert (states["dead"].state, states["dead"].wanted) == ("connecting", 1)


async def test_a_peer_that_restarts_hears_all_again(stage: "Stage") -> None:
    """After its own restart a peer has every route again, and the state says how it went."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST, HOST6))
        await eventually(lambda: bird.kernel_routes() == {HOST, HOST6})
        bird.stop()
        await eventually(lambda: announcer.peers()[0].state == "down")
        assert announcer.peers()[0].reason
        stage.peer.ip("route", "flush", "type", "blackhole")
        bird.start()
        await eventually(lambda: bird.kernel_routes() >= {HOST} and announcer.peers()[0].state == "up")
        await eventually(lambda: bird.routes() == {HOST, HOST6})


async def test_a_thousand_routes_at_once(stage: "Stage") -> None:
    """A thousand bans arrive whole, and a thousand unbans leave nothing."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    hosts = [f"10.0.{number >> 8}.{number & 255}/32" for number in range(1000)]
    async with stage.announcer() as announcer:
        announcer.want(routes(*hosts))
        await eventually(lambda: len(bird.kernel_routes()) == 1000)
        announcer.want({})
        await eventually(lambda: bird.kernel_routes() == set())
        assert announcer.announced() == {"upstream": frozenset()}
