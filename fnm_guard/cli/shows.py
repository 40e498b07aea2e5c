"""Commands that show something: the API's answer as text, or as it came."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from fnm_guard.api.client import path_of
from fnm_guard.api.shapes import AttackReportShape, AttacksShape, BansShape, PeersShape, StatusShape
from fnm_guard.cli import reports
from fnm_guard.cli.answers import decode, write_json, write_lines
from fnm_guard.cli.options import json_option, reaches_daemon

if TYPE_CHECKING:
    from fnm_guard.api.client import Client

__all__ = ["attack", "attacks", "bans", "peers", "status", "top"]

_ORDERS = ("packets", "bytes", "flows")
_MOST_HOSTS = 1_000
_MOST_ATTACKS = 10_000


@click.command(epilog="Example: fnm-guard status --json")
@json_option
@reaches_daemon()
def status(client: "Client", *, as_json: bool) -> None:
    """Show how the daemon is.

    Warnings, bans, attacks, peers, queues; every source with what it received and lost.
    """
    data = client.get("/v1/status")
    if as_json:
        write_json(data)
    else:
        write_lines(reports.status_lines(decode(data, StatusShape)))


@click.command(epilog="Example: fnm-guard peers")
@json_option
@reaches_daemon()
def peers(client: "Client", *, as_json: bool) -> None:
    """Show the BGP neighbours.

    State, routes announced of those wanted, and why one is down.
    """
    data = client.get("/v1/peers")
    if as_json:
        write_json(data)
    else:
        write_lines(reports.peers_lines(decode(data, PeersShape).peers))


@click.command(epilog="Example: fnm-guard bans")
@json_option
@reaches_daemon()
def bans(client: "Client", *, as_json: bool) -> None:
    """Show the bans that stand."""
    data = client.get("/v1/bans")
    if as_json:
        write_json(data)
    else:
        write_lines(reports.bans_lines(decode(data, BansShape).bans, datetime.now(UTC)))


@click.command(epilog="Example: fnm-guard attacks --limit 5")
@click.option("--limit", type=click.IntRange(1, _MOST_ATTACKS), default=20, show_default=True, help="How many.")
@json_option
@reaches_daemon()
def attacks(client: "Client", *, limit: int, as_json: bool) -> None:
    """Show the latest attacks.

    Newest first, running ones included.
    """
    data = client.get("/v1/attacks", limit=limit)
    if as_json:
        write_json(data)
    else:
        write_lines(reports.attacks_lines(decode(data, AttacksShape).attacks))


@click.command(epilog="Example: fnm-guard attack 17")
@click.argument("number", metavar="ID", type=click.IntRange(1, 10**15 - 1))
@json_option
@reaches_daemon()
def attack(client: "Client", *, number: int, as_json: bool) -> None:
    """Show one attack with its audit packets.

    ID is the number that `fnm-guard attacks` shows.
    """
    data = client.get(path_of("attacks", str(number)))
    if as_json:
        write_json(data)
    else:
        write_lines(reports.attack_lines(decode(data, AttackReportShape)))


@click.command(epilog="Example: fnm-guard top --sort bytes")
@click.option("-n", "count", type=click.IntRange(1, _MOST_HOSTS), default=7, show_default=True, help="Hosts a list.")
@click.option("--sort", type=click.Choice(_ORDERS), default="packets", show_default=True, help="What comes first.")
@click.option("--once", is_flag=True, help="Print it once; so too where the output is no terminal.")
@json_option
@reaches_daemon()
def top(client: "Client", *, count: int, sort: str, once: bool, as_json: bool) -> None:
    """Watch traffic, hosts, loss and bans.

    Redrawn every second.  Keys: p, b and f sort by packets, bytes and flows, q quits.
    """
    from fnm_guard.tui import live  # noqa: PLC0415  # rich costs 0.1 s, and no other command needs it

    if as_json:
        write_json(client.get("/v1/screen", by=sort, count=count))
    elif once or not sys.stdout.isatty():
        write_lines(live.once(client, sort, count))
    else:
        live.watch(client, sort, count)
