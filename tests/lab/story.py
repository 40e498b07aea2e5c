"""The main job, step by step, with the time of each: what `make demo` tells and the netns tests check."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lab.namespaces import LabError
from lab.watch import ArrivalWatch, Pings, RouteWatch, until

if TYPE_CHECKING:
    from email.message import EmailMessage

    from lab.bgp import BgpTap
    from lab.flood import Flood
    from lab.guard import Guard, MailSink
    from lab.namespaces import Lab
    from lab.topology import Network

__all__ = ["Story", "Target", "Timeline"]

FLOWING_PPS = 1_000
"""Far above what arrives behind a blackhole, far below what is left of a flood on a busy machine."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom the flood hits and whom it must not touch."""

    victim: str
    neighbour: str


@dataclass(slots=True)
class Timeline:
    """When each step happened, in seconds after the first attack frame."""

    first_frame: float
    steps: dict[str, float] = field(default_factory=dict)

    def mark(self, step: str, at: float | None) -> None:
        """Keep the wall time of a step; a step that did not happen ends the story."""
        if at is None:
            raise LabError(f"did not happen: {step}")
        self.steps[step] = at - self.first_frame


@dataclass(slots=True)
class Story:
    """One run of the main job.

    Attributes:
        say: Told one line a step, as it happens.
    """

    lab: "Lab"
    network: "Network"
    guard: "Guard"
    tap: "BgpTap"
    routes: RouteWatch
    target: Target
    flood: "Callable[[], Flood]"
    say: Callable[[str], None]

    def ready(self) -> None:
        """Wait until the session is up."""

        def up() -> bool:
            return all(peer["state"] == "up" for peer in self.guard.ask("peers")["peers"])

        if not until(up, 20, 0.2):
            raise LabError(f"the BGP session did not come up: {self.guard.call('peers').stdout}")

    def attack(self) -> "tuple[Flood, Timeline]":
        """Flood the victim until its route is out and the flood is gone there; the flood goes on."""
        arrivals = ArrivalWatch(self.network.victim, "eth0")
        try:
            flood = self.flood()
            try:
                return flood, self._watch(flood, arrivals)
            except BaseException:
                flood.close()
                raise
        finally:
            arrivals.close()

    def _watch(self, flood: "Flood", arrivals: ArrivalWatch) -> Timeline:
        victim = self.target.victim
        timeline = Timeline(flood.first_frame)
        update = self.tap.wait(victim, announced=True, after=flood.first_frame)
        timeline.mark("UPDATE at the peer", update.at if update else None)
        timeline.mark("route in the peer's kernel", self.routes.wait(victim, present=True, after=flood.first_frame))
        if not until(lambda: arrivals.rate(0.5) < FLOWING_PPS, 5, 0.05):
            raise LabError(f"the flood still reaches the victim: {arrivals.rate(0.5):.0f} packets/s")
        last = arrivals.last_flood(5000, flood.first_frame)
        timeline.mark("last attack packet at the victim", last)
        timeline.mark("crossing", self._detected())
        return timeline

    def neighbour_answers(self, source_pings: Pings, seconds: float = 1.0) -> None:
        """The neighbour answers pings while its neighbour is blackholed."""
        before = source_pings.answers()
        time.sleep(seconds)
        if source_pings.answers() <= before:
            raise LabError(f"{self.target.neighbour} does not answer while {self.target.victim} is blackholed")

    def wait_mails(self, sink: "MailSink", count: int, seconds: float = 15.0) -> "list[EmailMessage]":
        """Wait for that many mails."""
        if not until(lambda: len(sink.mails()) >= count, seconds, 0.1):
            raise LabError(f"{len(sink.mails())} mails arrived, not {count}")
        return sink.mails()

    def unban(self, seconds: float) -> tuple[float, float]:
        """Unban by hand while the flood runs; give the seconds until the route was gone and the traffic was back."""
        victim = self.target.victim
        asked = time.time()
        done = self.guard.call("unban", victim)
        if done.returncode != 0:
            raise LabError(f"unban: exit {done.returncode}: {done.stderr}")
        gone = self.routes.wait(victim, present=False, after=asked)
        if gone is None:
            raise LabError("the blackhole route stays after the unban")
        arrivals = ArrivalWatch(self.network.victim, "eth0")
        try:
            if not until(lambda: len(arrivals.samples) > 40 and arrivals.rate(0.2) > FLOWING_PPS, 5, 0.01):
                raise LabError("the traffic did not come back after the unban")
            back = time.time()
            if self.routes.wait(victim, present=True, after=gone, seconds=seconds):
                raise LabError("the blackhole route came back after the unban")
            if not until(lambda: arrivals.rate(1.0) > FLOWING_PPS, 5, 0.05):
                raise LabError("the traffic stopped again after the unban")
        finally:
            arrivals.close()
        return gone - asked, back - asked

    def _detected(self) -> float:
        attacks: list[dict[str, Any]] = self.guard.ask("attacks")["attacks"]
        mine = [attack for attack in attacks if attack["host"] == self.target.victim]
        if not mine:
            raise LabError(f"the guard knows no attack on {self.target.victim}")
        return datetime.fromisoformat(mine[0]["detected"]).timestamp()
