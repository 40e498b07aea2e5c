"""Commands that order something from the daemon."""

from typing import TYPE_CHECKING

import click

from fnm_guard.api.client import path_of
from fnm_guard.api.orders import NotifyTestShape, ReloadShape, UnbanShape
from fnm_guard.api.shapes import BanShape
from fnm_guard.cli import reports
from fnm_guard.cli.answers import decode, write_json, write_lines
from fnm_guard.cli.options import DURATION, HOST, json_option, reaches_daemon

if TYPE_CHECKING:
    from fnm_guard.api.client import Client

__all__ = ["ban", "notify_test", "reload", "unban"]

_FAILED = 1
_PATIENCE_SECONDS = 120.0

_reason_option = click.option("--reason", metavar="TEXT", default="", help="Why, for mail and history.")


@click.command(epilog='Example: fnm-guard ban 203.0.113.7 --for 2h --reason "customer asked"')
@click.argument("host", metavar="ADDRESS", type=HOST)
@click.option("--for", "duration", type=DURATION, metavar="TIME", help="How long, e.g. 30m; else as configured.")
@click.option("--permanent", is_flag=True, help="Until somebody ends it.")
@_reason_option
@json_option
@reaches_daemon()
def ban(client: "Client", *, host: str, duration: str | None, permanent: bool, reason: str, as_json: bool) -> None:
    """Blackhole one of our hosts by hand.

    A ban that stands gets the new time and reason.  ADDRESS is an IPv4 or IPv6 address, alone or with /32 or /128.
    """
    if duration is not None and permanent:
        raise click.UsageError("--for and --permanent exclude each other")
    body: dict[str, object] = {"host": host, "reason": reason, "permanent": permanent}
    if duration is not None:
        body["for"] = duration
    data = client.send("POST", "/v1/bans", body)
    if as_json:
        write_json(data)
    else:
        write_lines([reports.ban_line(decode(data, BanShape))])


@click.command(epilog="Example: fnm-guard unban 203.0.113.7")
@click.argument("host", metavar="[ADDRESS]", type=HOST, required=False)
@click.option("--all", "everybody", is_flag=True, help="End every ban.")
@_reason_option
@json_option
@reaches_daemon()
def unban(client: "Client", *, host: str | None, everybody: bool, reason: str, as_json: bool) -> None:
    """End the ban of a host, or all bans.

    For a while (ban.holdoff) no automatic ban hits the host again, even if it is still attacked.
    """
    if (host is None) is not everybody:
        raise click.UsageError("give an address or --all, one of both")
    path = "/v1/bans" if host is None else path_of("bans", host)
    data = client.send("DELETE", path, {"reason": reason})
    if as_json:
        write_json(data)
    else:
        ended = decode(data, UnbanShape).unbanned
        write_lines([f"{one.host} is not banned any more" for one in ended] or ["no bans"])


@click.command(epilog="Example: fnm-guard reload")
@json_option
@reaches_daemon(_PATIENCE_SECONDS)
def reload(client: "Client", *, as_json: bool) -> None:
    """Make the daemon reload its configuration.

    A file with errors changes nothing: they are shown, and the old configuration stays.
    """
    data = client.send("POST", "/v1/reload")
    if as_json:
        write_json(data)
    else:
        write_lines(["reloaded", *(f"  {line}" for line in decode(data, ReloadShape).changes)])


@click.command("notify-test", epilog="Example: fnm-guard notify-test")
@json_option
@reaches_daemon(_PATIENCE_SECONDS)
def notify_test(client: "Client", *, as_json: bool) -> int:
    """Send a test message on every channel.

    Exit code 1 if one of them failed.
    """
    data = client.send("POST", "/v1/notify-test")
    channels = decode(data, NotifyTestShape).channels
    if as_json:
        write_json(data)
    else:
        lines = [f"{one.channel}: {'sent' if one.sent else 'FAILED'}: {one.text}" for one in channels]
        write_lines(lines or ["no channel is configured: nothing was sent"])
    return 0 if channels and all(one.sent for one in channels) else _FAILED
