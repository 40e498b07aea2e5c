"""`fnm-guard replay`: captures through the same engine and the same decisions, on the capture's own clock.

Nothing is announced and no script is called.  The guard decides as in `act` mode, so that the mails read as they would
be sent.  The JSON is an interface: fields are only ever added.

A replay of what is still being written, a file that is followed or standard input, tells what happens when it happens,
and ends with the same report when it is stopped.
"""

import contextlib
import json
import signal
import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fnm_guard.capture.replay import Replay
from fnm_guard.config import ConfigError, load
from fnm_guard.core.events import AttackEnded, AttackStarted, BanRefused, BanRemoved
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import Direction
from fnm_guard.core.policy import Mode
from fnm_guard.notify import Composer, Kind, MailSettings, Notice, Templates
from fnm_guard.pipeline import PULSE_SECONDS, Pipeline
from fnm_guard.reports import Reports
from fnm_guard.specs import audit_spec, mail_settings, notify_policy, replay_decapsulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from fnm_guard.config.settings import Settings
    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack
    from fnm_guard.core.model import Audit

__all__ = ["replay"]

DONE, FAILED, CONFIGURATION = 0, 1, 2


STANDARD_INPUT = Path("-")


def replay(
    files: "Sequence[Path]", path: Path, mail_folder: Path | None, *, as_json: bool, follow: bool = False
) -> int:
    """Run captures through engine and guard and print what was counted and decided; give the exit code."""
    try:
        settings = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIGURATION
    is_live = follow or any(_is_stream(file) for file in files)
    lines = _Lines(sys.stderr if as_json else sys.stdout) if is_live else None
    try:
        outcome = _run(files, settings, mail_folder, lines, follow=follow)
    except OSError as error:
        print(error, file=sys.stderr)
        return FAILED
    print(json.dumps(outcome.as_dict(), indent=2) if as_json else outcome.as_text())
    for failure in outcome.failures:
        print(failure, file=sys.stderr)
    return FAILED if outcome.failures else DONE


def _is_stream(file: Path) -> bool:
    """Whether somebody may still be writing it."""
    try:
        return file == STANDARD_INPUT or stat.S_ISFIFO(file.stat().st_mode)
    except OSError:
        return False


def _run(
    files: "Sequence[Path]", settings: "Settings", mail_folder: Path | None, lines: "_Lines | None", *, follow: bool
) -> "_Outcome":
    internal = bool(settings.capture) and all(entry.count_internal for entry in settings.capture)
    inside = replay_decapsulation(settings)
    engine = Replay(settings.detection_policy(), audit_spec(settings), count_internal=internal, decapsulation=inside)
    guard = Guard(settings.attack_policy(), replace(settings.ban_policy(), mode=Mode.ACT))
    attacks = _Attacks()
    mails = _Mails(settings, mail_folder) if mail_folder else _Silence()
    reports = Reports(engine, mails, settings.notify.audit_deadline)
    pipeline = Pipeline(engine, guard, lambda _: None, (attacks, reports, *([lines] if lines else [])))
    now, pulse_due = 0.0, 0.0
    with _stopped_by_signals(engine.stop) if lines else contextlib.nullcontext():
        for now in engine.run(files, follow=follow):
            pipeline.drain(now)
            if now >= pulse_due:
                pipeline.pulse(now)
                pulse_due = now + PULSE_SECONDS
    pipeline.finish(now)
    reports.flush(now)
    return _Outcome(engine, attacks)


@contextlib.contextmanager
def _stopped_by_signals(stop: "Callable[[], None]") -> "Iterator[None]":
    """Let the first Ctrl-C or SIGTERM call `stop`; the second does what it always does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(_number: int, _frame: object) -> None:
        restore()
        stop()

    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        restore()


class _Lines:
    """Writes one line for whatever happens, at once."""

    def __init__(self, stream: "TextIO") -> None:
        self._stream = stream

    def record(self, event: "Event") -> None:
        """Write what people would be told."""
        match event:
            case AttackStarted(attack=attack):
                metric, power = attack.metric.value, round(attack.power)
                text = f"{attack.direction.value} attack on {attack.host}: {metric} above its threshold, {power:,} pps"
            case AttackEnded(attack=attack):
                text = f"{attack.direction.value} attack on {attack.host} over: {attack.type.value}, {_peak(attack)}"
            case BanRefused(text=why):
                text = f"not banned: {why}"
            case BanRemoved(ban=ban, cause=cause):
                text = f"ban of {ban.host} over: {cause.value}"
            case _:
                return
        print(f"{_time(event.at)} {text}", file=self._stream, flush=True)

    def record_update(self, attack: "Attack", at: float) -> None:
        """Say nothing."""

    def record_audit(self, attack: int, audit: "Audit") -> None:
        """Say nothing."""


def _peak(attack: "Attack") -> str:
    return f"peak {round(attack.peak):,} pps"


class _Attacks:
    """Keeps every attack with its latest figures."""

    def __init__(self) -> None:
        self.known: dict[int, Attack] = {}
        self.audited: dict[int, int] = {}

    def record(self, event: "Event") -> None:
        if isinstance(event, AttackStarted | AttackEnded):
            self.known[event.attack.number] = event.attack

    def record_update(self, attack: "Attack", at: float) -> None:
        self.known[attack.number] = attack

    def record_audit(self, attack: int, audit: "Audit") -> None:
        self.audited[attack] = sum(not packet.before for packet in audit.packets)


class _Outcome:
    """What a replay gives, as JSON and for people."""

    def __init__(self, engine: Replay, attacks: _Attacks) -> None:
        self._engine = engine
        self._attacks = attacks
        self.failures = tuple(engine.failures)

    def as_dict(self) -> dict[str, Any]:
        """Give the documented structure."""
        traffic = self._engine.traffic()
        totals = {
            direction.value: {"packets": figures.packets, "bytes": figures.bytes}
            for direction, figures in traffic.directions.items()
        }
        return {
            "frames": traffic.frames,
            "unparsed": dict(traffic.unparsed),
            "totals": totals,
            "hosts": {str(item.host): _host(item) for item in self._engine.hosts()},
            "attacks": [
                _attack(attack, self._attacks.audited.get(number, 0))
                for number, attack in sorted(self._attacks.known.items())
            ],
        }

    def as_text(self) -> str:
        """Give a summary for people."""
        outcome = self.as_dict()
        lines = [f"frames    {outcome['frames']:>12,}"]
        lines += [f"unparsed  {count:>12,}  {reason}" for reason, count in outcome["unparsed"].items()]
        for name, figures in outcome["totals"].items():
            lines.append(f"{name:<9} {figures['packets']:>12,} packets {figures['bytes']:>16,} bytes")
        lines.append(f"hosts     {len(outcome['hosts']):>12,}")
        if not outcome["attacks"]:
            lines.append("no attack")
        for attack in outcome["attacks"]:
            lines.append(
                f"{attack['direction']} attack on {attack['host']}: {attack['type']}, {attack['metric']} above its "
                f"threshold, power {attack['power']:,} pps, peak {attack['peak']:,} pps, "
                f"{attack['started']} to {attack['ended'] or 'the end of the capture'}, "
                f"{attack['audit_packets']} audit packets"
            )
        return "\n".join(lines)


def _host(item: Any) -> dict[str, dict[str, int]]:
    names = ("packets", "bytes", "tcp", "syn", "udp", "icmp", "other", "fragments")
    return {
        direction.value: {name: getattr(getattr(item, direction.value), name) for name in names}
        for direction in (Direction.INCOMING, Direction.OUTGOING)
    }


def _attack(attack: "Attack", audit_packets: int) -> dict[str, Any]:
    return {
        "host": str(attack.host),
        "direction": attack.direction.value,
        "metric": attack.metric.value,
        "power": round(attack.power),
        "peak": round(attack.peak),
        "started": _time(attack.started),
        "detected": _time(attack.detected),
        "ended": None if attack.ended is None else _time(attack.ended),
        "type": attack.type.value,
        "audit_packets": audit_packets,
    }


def _wall(at: float) -> datetime:
    """Capture time is wall time already."""
    return datetime.fromtimestamp(at, UTC)


def _time(at: float) -> str:
    return _wall(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Silence:
    """Tells nobody."""

    def banned(self, notice: Notice) -> None:
        """Say nothing."""

    detailed = unbanned = banned

    def refused(self, event: "BanRefused") -> None:
        """Say nothing."""


class _Mails:
    """Writes every mail into a folder, numbered in the order in which they would be sent."""

    def __init__(self, settings: "Settings", folder: Path) -> None:
        mail = mail_settings(settings) or MailSettings("localhost", "guard@localhost", ("operator@localhost",))
        policy = notify_policy(settings, "replay")
        self._composer = Composer(policy, mail, Templates(settings.notify.templates), _wall)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._count = 0

    def banned(self, notice: Notice) -> None:
        """Write the first mail."""
        self._write(notice, Kind.BANNED)

    def detailed(self, notice: Notice) -> None:
        """Write the mail with the evidence."""
        self._write(notice, Kind.DETAILED)

    def unbanned(self, notice: Notice) -> None:
        """Write the last mail."""
        self._write(notice, Kind.UNBANNED)

    def refused(self, event: "BanRefused") -> None:
        """Write the mail about a host that was not banned."""
        self._save("refused", str(event.host), self._composer.refused(event).as_bytes)

    def _write(self, notice: Notice, kind: Kind) -> None:
        self._save(kind.value, str(notice.ban.host), self._composer.render(notice, kind).as_bytes)

    def _save(self, kind: str, host: str, render: "Callable[[], bytes]") -> None:
        self._count += 1
        (self._folder / f"{self._count:04}-{host.replace(':', '_')}-{kind}.eml").write_bytes(render())
