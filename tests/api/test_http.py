import json
import os
import pwd
from typing import TYPE_CHECKING, Any

import pytest

from api.paperdesk import PaperDesk
from fnm_guard.api import records
from fnm_guard.api.client import Client, RequestRefusedError, path_of
from fnm_guard.notify import facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netaddr import IPAddress

ME = pwd.getpwuid(os.getuid()).pw_name


def read(client: Client, path: str, **parameters: object) -> Any:
    """Read something and decode it."""
    return json.loads(client.get(path, **parameters))


def order(client: Client, method: str, path: str, body: "Mapping[str, object] | None" = None) -> Any:
    """Give an order and decode the answer."""
    return json.loads(client.send(method, path, body))


def refusal(client: Client, method: str, path: str, body: "Mapping[str, object] | None" = None) -> RequestRefusedError:
    """Give an order that is refused in one line."""
    with pytest.raises(RequestRefusedError) as caught:
        client.send(method, path, body)
    assert "\n" not in caught.value.text
    return caught.value


def test_traffic_has_four_directions_and_the_loss(client: Client) -> None:
    """Every direction carries packets, bytes, pps, bps and mbps; the loss is a share of all frames that came."""
    traffic = read(client, "/v1/traffic")
    assert traffic["incoming"] == {
        "packets": 8_000_000,
        "bytes": 7_000_000_000,
        "pps": 121_553.0,
        "bps": 973_470_000.0,
        "mbps": 973.47,
    }
    assert set(traffic) == {
        *("incoming", "outgoing", "internal", "other"),
        *("received", "dropped", "dropped_percent", "unparsed"),
    }
    assert traffic["dropped_percent"] == pytest.approx(100 * 1_000 / 9_001_000, abs=0.001)


def test_top_sorts_as_asked(client: Client) -> None:
    """`by`, `direction` and `count` choose the list; the figures are those of the direction."""
    assert [host["host"] for host in read(client, "/v1/top")["hosts"]] == [
        "203.0.113.7",
        "203.0.113.80",
        "2001:db8:100::7",
    ]
    top = read(client, "/v1/top", by="flows", direction="outgoing", count=1)
    assert top == {
        "by": "flows",
        "direction": "outgoing",
        "hosts": [{"host": "203.0.113.80", "pps": 14_000.0, "bps": 160_500_000.0, "mbps": 160.5, "flows": 900.0}],
    }


def test_the_screen_comes_in_one_answer(desk: PaperDesk, client: Client) -> None:
    """One request gives what the terminal screen shows: totals, both lists, the loss, the bans and the peers."""
    desk.with_attack_ban()
    screen = read(client, "/v1/screen", by="bytes", count=2)
    assert screen["at"] == "2026-03-29T13:23:20Z"
    assert screen["traffic"] == read(client, "/v1/traffic")
    for direction in ("incoming", "outgoing"):
        assert screen[direction] == read(client, "/v1/top", by="bytes", direction=direction, count=2)["hosts"]
    assert screen["bans"] == read(client, "/v1/bans")["bans"]
    assert screen["bans"][0]["announced_to"] == ["upstream-a"]
    assert (screen["peers_up"], screen["peers"], screen["mode"], screen["attacks"]) == (1, 2, "act", 1)


def test_status_says_what_is_wrong(desk: PaperDesk, client: Client) -> None:
    """The status carries sources with their loss, unparsed frames by reason, peers, services, health and warnings."""
    desk.warnings = ("ring of eth3 drops frames",)
    status = read(client, "/v1/status")
    assert status["started"] == "2026-03-29T12:11:18.500000Z"
    assert status["uptime_seconds"] == 4321.5
    assert [source["dropped_percent"] for source in status["sources"]] == [0.011, 0.0]
    losses = ("dropped", "dropped_ring", "dropped_interface", "dropped_kernel")
    assert [status["sources"][0][name] for name in losses] == [1_000, 600, 400, 70_000]
    assert [source["warnings"] for source in status["sources"]] == [["eth3: no carrier"], []]
    assert status["sources"][1]["failure"] == "eth4: no such interface"
    assert status["unparsed"] == {"truncated": 7, "not ip": 120}
    assert (status["bans"], status["bans_limit"], status["attacks"]) == (0, 100, 1)
    assert status["notifications"] == {
        "state": "failed",
        "text": "mail: connection refused",
        "waiting": 2,
        "failures": 5,
    }
    assert status["health"] == {"clock_jumps": 0, "sink_failures": 1}
    assert status["warnings"] == ["ring of eth3 drops frames"]


def test_peers_show_state_and_reason(client: Client) -> None:
    """A peer that is down says why, and since when if that is known."""
    up, down = read(client, "/v1/peers")["peers"]
    assert (up["state"], up["since"]) == ("up", "2026-03-29T12:16:40Z")
    assert (down["state"], down["reason"], down["since"]) == ("down", "connection refused", None)
    assert (down["address"], down["remote_as"]) == ("2001:db8::1", 64_497)


def test_attacks_and_their_evidence(client: Client) -> None:
    """A list of attacks, and one attack with its kept packets, dated to the nanosecond."""
    (attack,) = read(client, "/v1/attacks", limit=5)["attacks"]
    assert (attack["number"], attack["type"], attack["port"], attack["ended"]) == (17, "amplification", 53, None)
    assert attack["power_pps"] == 120_613.4
    assert attack["detected"] == "2026-03-29T13:22:20Z"
    assert attack["packets"]["udp"] == 7_000_000
    report = read(client, "/v1/attacks/17")
    assert report["attack"] == attack
    assert report["audit_full"] is False
    assert report["audit"][1] == {
        "time": "2026-03-29T13:22:20.000008001Z",
        "source": "198.51.100.54",
        "source_port": 53,
        "destination": "203.0.113.7",
        "destination_port": 46_804,
        "protocol": "udp",
        "bytes": 1_001,
        "tcp_flags": 0,
        "fragment": False,
        "before": False,
    }


def test_protocols_have_the_names_of_the_mails() -> None:
    """The same packet reads the same on the command line and in a mail."""
    assert records._PROTOCOL_NAMES == facts._PROTOCOLS


def test_a_ban_is_made_and_ended_in_the_name_of_the_connected_user(desk: PaperDesk, client: Client) -> None:
    """An order carries the user that the kernel vouches for, its reason and its duration."""
    body = {"host": "203.0.113.9/32", "for": "1.5h", "reason": "  bot   net "}
    made = order(client, "POST", "/v1/bans", body)
    assert (made["host"], made["by"], made["reason"]) == ("203.0.113.9", ME, "bot net")
    assert (made["started"], made["expires"]) == ("2026-03-29T13:23:20Z", "2026-03-29T14:53:20Z")
    assert (made["power_pps"], made["direction"], made["origin"]) == (0.0, None, "manual")
    assert read(client, "/v1/bans")["bans"] == [made]
    ended = order(client, "DELETE", path_of("bans", "203.0.113.9/32"), {"reason": "clean"})
    assert [ban["host"] for ban in ended["unbanned"]] == ["203.0.113.9"]
    assert desk.orders == [(ME, "ban 203.0.113.9 5400.0 False bot net"), (ME, "unban 203.0.113.9 clean")]


def test_a_permanent_ban_never_expires(client: Client) -> None:
    """Without an end, `expires` is null; and nobody can ask for both."""
    assert order(client, "POST", "/v1/bans", {"host": "203.0.113.9", "permanent": True})["expires"] is None
    both = {"host": "203.0.113.9", "permanent": True, "for": "1h"}
    assert refusal(client, "POST", "/v1/bans", both).status == 400


def test_unban_all_gives_what_was_banned(desk: PaperDesk, client: Client) -> None:
    """All bans end at once; none is no error."""
    desk.with_attack_ban()
    assert [ban["number"] for ban in order(client, "DELETE", "/v1/bans")["unbanned"]] == [4]
    assert order(client, "DELETE", "/v1/bans") == {"unbanned": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/v1/bans", {"host": "198.51.100.1"}, 409, "198.51.100.1 is in none of our networks"),
        ("POST", "/v1/bans", {"host": "203.0.113.1"}, 409, "203.0.113.1 is on the never-ban list"),
        ("POST", "/v1/bans", {"host": "203.0.113.0/24"}, 400, "is a network"),
        ("POST", "/v1/bans", {"host": "www.example.net"}, 400, "names are not looked up"),
        ("POST", "/v1/bans", {"host": "203.0.113.9", "for": "soon"}, 400, "'soon' is not a duration"),
        ("POST", "/v1/bans", {"host": "203.0.113.9", "reason": "x" * 501}, 400, "at most 500 characters"),
        ("POST", "/v1/bans", {"host": "203.0.113.9", "reason": "\x1b[2J"}, 400, "printable"),
        ("POST", "/v1/bans", {"host": "203.0.113.9", "by": "root"}, 400, "unknown field `by`"),
        ("POST", "/v1/bans", {"host": 7}, 400, "the body is wrong"),
        ("POST", "/v1/bans", None, 400, "missing required field `host`"),
        ("DELETE", "/v1/bans/203.0.113.9", None, 409, "203.0.113.9 is not banned"),
        ("DELETE", "/v1/bans/nobody", None, 400, "no IPv4 or IPv6 address"),
        ("DELETE", "/v1/bans/", None, 400, "no IPv4 or IPv6 address"),
        ("GET", "/v1/attacks/18", None, 404, "there is no attack 18"),
        ("GET", "/v1/attacks/-1", None, 400, "must be a whole number"),
        ("GET", "/v1/attacks/1e3", None, 400, "must be a whole number"),
        ("GET", "/v1/attacks?limit=0", None, 400, "limit = '0' must be a whole number from 1 to"),
        ("GET", "/v1/attacks?limit=" + "9" * 5_000, None, 400, "must be a whole number"),
        ("GET", "/v1/top?by=size", None, 400, "must be one of packets, bytes, flows"),
        ("GET", "/v1/top?direction=internal", None, 400, "must be one of incoming, outgoing"),
        ("GET", "/v1/top?cuont=3", None, 400, "unknown parameter 'cuont'"),
        ("GET", "/v1/", None, 404, "there is no /v1/"),
        ("GET", "/", None, 404, "there is no /"),
        ("GET", "/v1/status/", None, 404, "there is no /v1/status/"),
        ("PUT", "/v1/bans", None, 405, "PUT does not go with this path"),
        ("GET", "/v1/reload", None, 405, "GET does not go with this path"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    client: Client, method: str, path: str, body: "dict[str, object] | None", status: int, says: str
) -> None:
    """Every refusal has a fitting status and one line that says what and why."""
    refused = refusal(client, method, path, body)
    assert refused.status == status
    assert says in refused.text


def test_nothing_was_ordered_by_a_request_that_could_not_be_read(desk: PaperDesk, client: Client) -> None:
    """A request with a fault never reaches the desk."""
    refusal(client, "POST", "/v1/bans", {"host": "203.0.113.9", "for": "soon"})
    refusal(client, "DELETE", "/v1/bans", {"raeson": "typo"})
    refusal(client, "DELETE", "/v1/bans?host=203.0.113.9")
    refusal(client, "POST", "/v1/reload?now=1")
    assert desk.orders == []


def test_a_refused_reload_gives_every_error(desk: PaperDesk, client: Client) -> None:
    """All errors of a configuration come in one answer."""
    assert order(client, "POST", "/v1/reload") == {"changes": ["ban.duration: 30m -> 1h"]}
    desk.changes = None
    refused = refusal(client, "POST", "/v1/reload")
    assert (refused.status, len(refused.details)) == (409, 2)


def test_a_test_message_tells_of_every_channel(client: Client) -> None:
    """One entry a channel, with what became of it."""
    channels = order(client, "POST", "/v1/notify-test")["channels"]
    assert [(one["channel"], one["sent"]) for one in channels] == [("mail", True), ("script", False)]


class _BrokenDesk(PaperDesk):
    def bans(self) -> "Sequence[Any]":
        raise RuntimeError("a secret of the inside")

    async def unban(self, host: "IPAddress", *, reason: str, by: str) -> Any:
        raise RuntimeError("a secret of the inside")


class TestFault:
    @pytest.fixture
    def desk(self) -> PaperDesk:
        return _BrokenDesk()

    def test_a_fault_of_ours_is_told_and_survived(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        """A fault in the daemon gives 500 without its inside, is logged, and the next request is answered."""
        for method, path in (("GET", "/v1/bans"), ("DELETE", "/v1/bans/203.0.113.9")):
            refused = refusal(client, method, path)
            assert (refused.status, "RuntimeError" in refused.text, "secret" in refused.text) == (500, True, False)
        assert "a secret of the inside" in caplog.text
        assert read(client, "/v1/status")["instance"] == "guard-1"
