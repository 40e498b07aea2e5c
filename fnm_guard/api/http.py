"""The routes: each reads a request, asks the desk, and answers with a shape.

| Method and path | Answer |
|---|---|
| GET /v1/status | StatusShape |
| GET /v1/traffic | TrafficShape |
| GET /v1/top?by=…&direction=…&count=N | TopShape |
| GET /v1/screen?by=…&count=N | ScreenShape |
| GET /v1/bans | BansShape |
| POST /v1/bans, body BanOrder | BanShape, 201 |
| DELETE /v1/bans, body UnbanOrder or none | UnbanShape |
| DELETE /v1/bans/{host}, body UnbanOrder or none | UnbanShape |
| GET /v1/attacks?limit=N | AttacksShape, newest first |
| GET /v1/attacks/{number} | AttackReportShape |
| GET /v1/peers | PeersShape |
| POST /v1/reload | ReloadShape |
| POST /v1/notify-test | NotifyTestShape |

Everything else is an ErrorShape: 400 for what cannot be read, 404 and 405 for what is not there, 409 for an order that
the daemon refused, 413 and 408 for a body too long or too slow, 500 for a fault of ours.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from fnm_guard.api import answers, records, requests
from fnm_guard.api.desk import OrderRefusedError
from fnm_guard.api.orders import BanOrder, ChannelShape, NotifyTestShape, ReloadShape, UnbanOrder, UnbanShape
from fnm_guard.api.shapes import (
    AttackReportShape,
    AttacksShape,
    BanShape,
    BansShape,
    ErrorShape,
    PeersShape,
    ScreenShape,
    StatusShape,
    TopShape,
    TrafficShape,
)
from fnm_guard.capture.model import TopOrder
from fnm_guard.core.model import Direction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from fnm_guard.api.desk import Desk

    Endpoint = Callable[[Request], Awaitable[msgspec.Struct]]

__all__ = ["ATTACKS_LIMIT", "HOSTS_LIMIT", "build"]

HOSTS_LIMIT = 1_000
"""Most hosts of one top list."""

ATTACKS_LIMIT = 10_000
"""Most attacks of one list."""

_CREATED = 201


def build(desk: "Desk") -> Starlette:
    """Give the application over a desk."""
    api = _Api(desk)
    routes = [
        _route("/v1/status", GET=api.status),
        _route("/v1/traffic", GET=api.traffic),
        _route("/v1/top", GET=api.top),
        _route("/v1/screen", GET=api.screen),
        _route("/v1/bans", GET=api.bans, POST=api.ban, DELETE=api.unban_all),
        _route("/v1/bans/{host:path}", DELETE=api.unban),
        _route("/v1/attacks", GET=api.attacks),
        _route("/v1/attacks/{number}", GET=api.attack),
        _route("/v1/peers", GET=api.peers),
        _route("/v1/reload", POST=api.reload),
        _route("/v1/notify-test", POST=api.notify_test),
    ]
    app = Starlette(routes=routes)
    app.add_exception_handler(HTTPException, _say_error)
    app.add_exception_handler(OrderRefusedError, _say_refused)
    app.add_exception_handler(Exception, _say_fault)
    app.router.redirect_slashes = False
    return app


class _Api:
    """One method a route."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk

    async def status(self, request: "Request") -> StatusShape:
        requests.check_names(request)
        return answers.status_shape(self._desk.status(), self._desk.wall)

    async def traffic(self, request: "Request") -> TrafficShape:
        requests.check_names(request)
        return answers.traffic_shape(self._desk.traffic())

    async def top(self, request: "Request") -> TopShape:
        requests.check_names(request, "by", "direction", "count")
        by, count = _order_and_count(request)
        direction = requests.word(request, "direction", Direction.INCOMING, (Direction.INCOMING, Direction.OUTGOING))
        return answers.top_shape(self._desk.top(by, direction, count), by, direction)

    async def screen(self, request: "Request") -> ScreenShape:
        requests.check_names(request, "by", "count")
        return answers.screen_shape(self._desk, *_order_and_count(request))

    async def bans(self, request: "Request") -> BansShape:
        requests.check_names(request)
        return BansShape([records.ban_shape(entry.ban, self._desk.wall, entry) for entry in self._desk.bans()])

    async def ban(self, request: "Request") -> BanShape:
        requests.check_names(request)
        order = await requests.read_body(request, BanOrder)
        host = requests.host(order.host)
        if order.duration is not None and order.permanent:
            raise HTTPException(400, "a ban is either permanent or for a time, not both")
        entry = await self._desk.ban(
            host,
            duration_seconds=None if order.duration is None else requests.duration(order.duration),
            reason=requests.reason(order.reason),
            permanent=order.permanent,
            by=await requests.who(request),
        )
        return records.ban_shape(entry.ban, self._desk.wall, entry)

    async def unban(self, request: "Request") -> UnbanShape:
        requests.check_names(request)
        host = requests.host(request.path_params["host"])
        reason = requests.reason((await requests.read_body(request, UnbanOrder)).reason)
        ban = await self._desk.unban(host, reason=reason, by=await requests.who(request))
        return UnbanShape([records.ban_shape(ban, self._desk.wall)])

    async def unban_all(self, request: "Request") -> UnbanShape:
        requests.check_names(request)
        reason = requests.reason((await requests.read_body(request, UnbanOrder)).reason)
        bans = await self._desk.unban_all(reason=reason, by=await requests.who(request))
        return UnbanShape([records.ban_shape(ban, self._desk.wall) for ban in bans])

    async def attacks(self, request: "Request") -> AttacksShape:
        requests.check_names(request, "limit")
        limit = requests.number("limit", request.query_params.get("limit", "50"), 1, ATTACKS_LIMIT)
        entries = await self._desk.attacks(limit)
        return AttacksShape([records.attack_shape(entry, self._desk.wall) for entry in entries])

    async def attack(self, request: "Request") -> AttackReportShape:
        requests.check_names(request)
        number = requests.number("attack", request.path_params["number"], 1, 10**15 - 1)
        report = await self._desk.attack(number)
        if report is None:
            raise HTTPException(404, f"there is no attack {number}")
        return records.report_shape(report, self._desk.wall)

    async def peers(self, request: "Request") -> PeersShape:
        requests.check_names(request)
        return PeersShape([answers.peer_shape(peer, self._desk.wall) for peer in self._desk.peers()])

    async def reload(self, request: "Request") -> ReloadShape:
        requests.check_names(request)
        return ReloadShape(list(await self._desk.reload(by=await requests.who(request))))

    async def notify_test(self, request: "Request") -> NotifyTestShape:
        requests.check_names(request)
        results = await self._desk.notify_test(by=await requests.who(request))
        return NotifyTestShape([ChannelShape(one.channel, one.sent, one.text) for one in results])


def _order_and_count(request: "Request") -> tuple[TopOrder, int]:
    by = requests.word(request, "by", TopOrder.PACKETS, tuple(TopOrder))
    return by, requests.number("count", request.query_params.get("count", "10"), 1, HOSTS_LIMIT)


def _route(path: str, **endpoints: "Endpoint") -> Route:
    """Make a route of one endpoint a method."""

    async def answer(request: "Request") -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        shape = await endpoints[method](request)
        return _json(shape, _CREATED if isinstance(shape, BanShape) else 200)

    return Route(path, answer, methods=list(endpoints))


def _json(shape: msgspec.Struct, status: int, headers: "Mapping[str, str] | None" = None) -> Response:
    return Response(msgspec.json.encode(shape), status, headers=headers, media_type="application/json")


def _say_error(request: "Request", error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # what this handler is registered for
    texts = {404: f"there is no {request.url.path[:60]}", 405: f"{request.method} does not go with this path"}
    generic = error.detail == HTTPStatus(error.status_code).phrase
    text = texts.get(error.status_code, error.detail) if generic else error.detail
    return _json(ErrorShape(_one_line(text)), error.status_code, error.headers)


def _say_refused(_request: "Request", error: Exception) -> Response:
    assert isinstance(error, OrderRefusedError)  # noqa: S101  # what this handler is registered for
    return _json(ErrorShape(_one_line(error.text), list(error.details)), HTTPStatus.CONFLICT)


def _say_fault(_request: "Request", error: Exception) -> Response:
    """Answer for a fault of ours; the server logs it with its traceback."""
    text = f"fault in the daemon ({type(error).__name__}), its log has the details"
    return _json(ErrorShape(text), HTTPStatus.INTERNAL_SERVER_ERROR)


def _one_line(text: str) -> str:
    return " ".join(text.split())
