"""How late ticks come."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import os, sys, threading
from capture.lane import Lane
from capture_ext import census

engine = Lane(incoming=[(0, 10)]).engine
clock = threading.Thread(target=engine.run_clock, args=(os.eventfd(0),))
clock.start()
print("runs", flush=True)
sys.stdin.readline()
engine.stop_clock()
clock.join()
health = census.health(engine)
print(health.ticks_late_5ms, health.ticks_late_50ms, health.ticks_late_500ms, health.lateness_ns)
"""
STOPPED_SECONDS = 0.7


def test_a_late_tick_is_counted_by_how_late_it_was() -> None:
    """A process that was stopped for a while has a tick in every count that it is late enough for."""
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(root), str(root / "tests")])
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "runs\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate("end\n", timeout=60)
    some, more, most, longest = map(int, output.split())
    assert some >= more >= most >= 1
    assert longest >= 500_000_000
