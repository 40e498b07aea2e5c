"""The clock of a replay, on timestamps that no one would write."""

from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from capture.frames import Sent
from capture.lane import SECOND, TICK, Lane
from capture_ext import census
from capture_ext.memory import MemoryFrames
from capture_ext.player import Player

LATEST = 2**62
PULSE = 30 * 86_400 * SECOND
WINDOW = SECOND
YEAR = 365 * 86_400 * SECOND
PCAP_LATEST = (2**32 - 1) * SECOND
FRAME = Sent().frame()


@dataclass
class Clock:
    """The rules of the player in plain words, on numbers that have no end."""

    first: int
    now: int = 0
    shift: int = 0
    shifts: int = 0
    backwards: int = 0

    def see(self, stamp: int) -> None:
        """Take the timestamp of the next frame."""
        at = min(min(max(stamp, 0), LATEST) + self.shift, LATEST)
        if at < self.now - WINDOW:
            self.shift += self.now - at
            self.shifts += 1
        elif at < self.now:
            self.backwards += 1
        self.now = max(self.now, self.first + (at - self.first) // TICK * TICK)


STAMPS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, PCAP_LATEST),
    st.integers(1000 * SECOND, 1010 * SECOND),
    st.sampled_from([0, PCAP_LATEST, LATEST - 1, LATEST, LATEST + 1]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(STAMPS, min_size=1, max_size=8))
@example([PCAP_LATEST, 0, PCAP_LATEST, 0, PCAP_LATEST, 0])
@example([LATEST, 0, LATEST, 0, 5 * SECOND])
@example([YEAR, YEAR + 2 * TICK, YEAR + TICK, YEAR - WINDOW, YEAR - 2 * WINDOW, YEAR])
def test_time_follows_its_rules(stamps: list[int]) -> None:
    """Whatever the timestamps, time goes forward only, as the rules say, and each frame counts."""
    lane = Lane()
    source = MemoryFrames([(stamp, FRAME) for stamp in stamps])
    lane.workers[0].source = source
    player = Player(lane.engine, lane.workers[0], PULSE)
    clock = Clock(first=min(max(stamps[0], 0), LATEST))
    clock.now = clock.first
    for stamp in stamps:
        clock.see(stamp)
    times = [0]
    while player.play():
        times.append(player.now_ns)
    assert times == sorted(times)
    assert (player.now_ns, player.shifts, player.backwards) == (clock.now, clock.shifts, clock.backwards)
    player.finish()
    assert census.courses(lane.engine)[1].packets == len(stamps)
