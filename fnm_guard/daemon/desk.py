"""The desk: where the API reads figures and gives orders."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from netaddr import IPNetwork

from fnm_guard.announcer.peers import SessionState
from fnm_guard.api.desk import (
    AttackEntry,
    AttackReport,
    BanEntry,
    ChannelResult,
    OrderRefusedError,
    PeerStatus,
    ServiceStatus,
    Status,
    Traffic,
)
from fnm_guard.core.events import BanRefused, BanRemoved
from fnm_guard.core.model import Audit
from fnm_guard.daemon import figures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from netaddr import IPAddress

    from fnm_guard.capture.model import TopOrder
    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Direction, HostRates
    from fnm_guard.daemon.parts import Parts
    from fnm_guard.store import AttackRecord

__all__ = ["OperatorDesk"]

FLUSH_SECONDS = 5.0
"""How long an order waits for the disk before it is confirmed."""
TOLD_SECONDS = 0.002
"""How often it looks whether the sinks have heard of it: in a storm they are behind."""


class OperatorDesk:
    """Serves operators from the parts of the daemon.

    Args:
        parts: The running parts.
        reload: Reads the configuration again.
    """

    def __init__(self, parts: "Parts", reload: "Callable[[str], Awaitable[Sequence[str]]]") -> None:
        self._parts = parts
        self._reload = reload

    def wall(self, at: float) -> datetime:
        """Give the wall time of an instant of the daemon's clock, in UTC."""
        return self._parts.clock.wall(at)

    def status(self) -> Status:
        """Say how the daemon is."""
        parts = self._parts
        store = parts.store.status()
        told = parts.notifier.status()
        return Status(
            version=parts.version,
            instance=parts.instance,
            mode=parts.settings.ban.mode,
            started=parts.started,
            uptime_seconds=parts.clock.now() - parts.started,
            sources=parts.sensor.sources(),
            unparsed=figures.unparsed(parts.sensor),
            bans=parts.guard.ban_count,
            bans_limit=parts.settings.ban.limits.active,
            attacks=parts.guard.attack_count,
            peers=self.peers(),
            exabgp=self._exabgp(),
            notifications=ServiceStatus(told.state, told.text, told.waiting, figures.failures(told.counters)),
            store=ServiceStatus(store.state, store.text, store.waiting, store.failures),
            health=figures.health(parts, store, told),
            warnings=tuple(parts.warnings.values()),
        )

    def traffic(self) -> Traffic:
        """Give the totals of every direction."""
        return figures.traffic(self._parts.sensor)

    def top(self, by: "TopOrder", direction: "Direction", count: int) -> "Sequence[HostRates]":
        """Give the busiest hosts in a direction, busiest first."""
        return self._parts.sensor.top(by.value, direction, count)

    def bans(self) -> Sequence[BanEntry]:
        """Give the active bans, oldest first."""
        up = figures.peers_up(self._parts.announcer)
        return [self._ban_entry(ban, up) for ban in self._parts.guard.bans()]

    async def attacks(self, limit: int) -> Sequence[AttackEntry]:
        """Give the latest attacks, newest first; running ones with their newest figures."""
        records = await asyncio.to_thread(self._parts.store.attacks, limit)
        guard = self._parts.guard
        newest = guard.attacks(max(guard.attack_count - limit, 0), limit)
        running = {attack.number: attack for attack in newest}
        known = {record.attack.number: self._attack_entry(record) for record in records}
        for number in running.keys() - known.keys():
            known[number] = AttackEntry(running[number], self._ban_of(running[number]), 0)
        return [known[number] for number in sorted(known, reverse=True)[:limit]]

    async def attack(self, number: int) -> AttackReport | None:
        """Give one attack with its kept packets; None: no such number."""
        record = await asyncio.to_thread(self._parts.store.attack, number)
        if record is None:
            return None
        entry = self._attack_entry(record)
        attack = entry.attack
        audit = record.audit or Audit(attack.host, attack.direction, (), full=False)
        return AttackReport(entry, audit)

    def peers(self) -> Sequence[PeerStatus]:
        """Give every configured peer."""
        return [figures.peer(state, self._parts) for state in self._parts.announcer.peers()]

    async def ban(
        self, host: "IPAddress", *, duration_seconds: float | None, reason: str, permanent: bool, by: str
    ) -> BanEntry:
        """Ban a host by hand."""
        parts = self._parts
        events = parts.guard.order_ban(
            host,
            parts.clock.now(),
            by=by,
            reason=reason,
            duration_seconds=duration_seconds,
            permanent=permanent,
        )
        refusals = [event for event in events if isinstance(event, BanRefused)]
        await self._carry_out(events, by, "ban", host, reason, refusals[0].text if refusals else "done")
        if refusals:
            raise OrderRefusedError(refusals[0].text)
        ban = parts.guard.ban(host)
        if ban is None:
            raise OrderRefusedError(f"{host}: the ban ended at once, see the log")
        return self._ban_entry(ban, figures.peers_up(parts.announcer))

    async def unban(self, host: "IPAddress", *, reason: str, by: str) -> "Ban":
        """End the ban of a host and give what it was."""
        parts = self._parts
        events = parts.guard.order_unban(host, parts.clock.now(), by=by, reason=reason)
        removed = [event.ban for event in events if isinstance(event, BanRemoved)]
        await self._carry_out(events, by, "unban", host, reason, "done" if removed else "not banned")
        if not removed:
            seconds = parts.settings.ban.holdoff
            raise OrderRefusedError(f"{host} is not banned; automatic bans of it are held off for {seconds:g} s")
        return removed[0]

    async def unban_all(self, *, reason: str, by: str) -> "Sequence[Ban]":
        """End every ban; an empty answer when there was none."""
        parts = self._parts
        events = parts.guard.order_unban_all(parts.clock.now(), by=by, reason=reason)
        removed = [event.ban for event in events if isinstance(event, BanRemoved)]
        await self._carry_out(events, by, "unban --all", None, reason, f"{len(removed)} ended")
        return removed

    async def reload(self, *, by: str) -> Sequence[str]:
        """Read the configuration again and say what changed, a line each."""
        return await self._reload(by)

    async def notify_test(self, *, by: str) -> Sequence[ChannelResult]:
        """Send a test message on every channel."""
        results = await self._parts.notifier.test()
        self._parts.store.record_order(by, "notify-test", None, "", self._parts.clock.now(), "done")
        return [ChannelResult(item.channel, item.sent, item.text) for item in results]

    async def _carry_out(
        self, events: "Sequence[Event]", by: str, verb: str, host: "IPAddress | None", reason: str, result: str
    ) -> None:
        """Publish what an order led to, and wait until it is durable."""
        parts = self._parts
        parts.pipeline.publish(events)
        accepted = parts.pipeline.accepted
        parts.store.record_order(by, verb, host, reason, parts.clock.now(), result)
        while parts.pipeline.told < accepted:  # noqa: ASYNC110  # the pipeline knows nothing of the loop
            await asyncio.sleep(TOLD_SECONDS)
        await asyncio.to_thread(parts.store.flush, FLUSH_SECONDS)

    def _ban_entry(self, ban: "Ban", up: "Collection[str]") -> BanEntry:
        """Give a ban with the peers whose session is up and that were told, and those that should be."""
        parts = self._parts
        told = tuple(name for name in parts.announcer.holds(IPNetwork(ban.host)) if name in up)
        return BanEntry(ban, told, () if parts.wanted is None else parts.wanted.peers_of(ban.host))

    def _attack_entry(self, record: "AttackRecord") -> AttackEntry:
        attack = self._parts.guard.attack(record.attack.host, record.attack.direction)
        if attack is None or attack.number != record.attack.number:
            attack = record.attack
        ban = self._ban_of(attack) if record.ban is None else record.ban  # it may not be on the disk yet
        return AttackEntry(attack, ban, record.audit_packets)

    def _ban_of(self, attack: "Attack") -> int | None:
        ban = self._parts.guard.ban(attack.host)
        return ban.number if ban is not None and attack.number in {ban.attack, ban.joined} else None

    def _exabgp(self) -> ServiceStatus:
        states = self._parts.announcer.peers()
        if not states:
            return ServiceStatus("unused", "no peers are configured")
        up = sum(state.state is SessionState.UP for state in states)
        waiting = sum(abs(state.wanted - state.announced) for state in states)
        reasons = dict.fromkeys(state.reason for state in states if state.reason)
        text = ": ".join(filter(None, (f"{up} of {len(states)} sessions up", "; ".join(reasons))))
        return ServiceStatus("running" if up else "failed", text, waiting)
