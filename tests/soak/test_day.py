"""A day of traffic leaves no more in memory than its first hour."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

HOURS = 24
ROOT = Path(__file__).parent.parent.parent
SECONDS = 400  # a deadline on a machine with much else to do; it takes 10 s of one core
pytestmark = pytest.mark.timeout(SECONDS + 20)

WARM_HOURS = 6
WARM_KIB = 4096
"""What the first hours may take beyond the first one: pages that a table or Python's allocator touches late."""
GROWTH_KIB = 512
"""What the rest of the day may take beyond that.

Measured: nothing to 0.1 MiB.  Its 18 hours have 242,000 packets and 1,080 attacks: a loss of two bytes a packet, or of
490 bytes an attack, one small object, is more than this.
"""


@pytest.fixture(scope="module")
def hours() -> list[dict[str, int]]:
    """Play a day in a process of its own, whose memory is nobody else's; give what each hour left behind."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("day.py"), str(HOURS)],
        cwd=ROOT,
        env={"PYTHONPATH": ".:tests"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=SECONDS,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_table_is_used_again_and_again(hours: list[dict[str, int]]) -> None:
    """Each hour has its attacks, audits, bans that fall due, evictions and jumps: without them nothing could grow."""
    assert len(hours) == HOURS
    for before, after in pairwise(hours):
        risen = {name: after[name] - before[name] for name in after}
        assert risen["attacks"] == risen["attacks_over"] == risen["audits"] == 60, risen
        assert risen["bans_over"] == risen["bans"] > 20, risen
        assert risen["ipv6_evicted"] > 1000, risen
        assert risen["unparsed"] == 240, risen
        assert risen["clock_shifts"] == 1, risen
        assert 3500 < risen["seconds"] < 3700, risen


def test_memory_does_not_grow(hours: list[dict[str, int]]) -> None:
    """What the first hours take is enough for the whole day."""
    resident = [hour["resident_kib"] for hour in hours]
    assert max(resident[:WARM_HOURS]) - resident[0] < WARM_KIB, resident
    assert max(resident[WARM_HOURS:]) - resident[WARM_HOURS - 1] < GROWTH_KIB, resident
