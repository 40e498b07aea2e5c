"""The live capture alone, in a process of its own, for bench_ring.py: `ring_reader.py INTERFACE on|off`.

A line of input is a number of frames: when so many have been counted, or in vain waited for, it says what was counted
and what its threads have used.
"""

import json
import sys
import threading
import time

import structlog
from netaddr import IPNetwork

from bench.meters import cpu_ns
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import SourceKind, SourceSpec
from fnm_guard.core.model import Thresholds
from fnm_guard.core.policy import DetectionPolicy

NETWORK = IPNetwork("10.0.0.0/16")
OUT_OF_REACH = Thresholds(pps=1e9)
RING_BYTES = 512 << 20
PATIENCE_SECONDS = 2.0


def main() -> None:
    """Capture until standard input ends."""
    interface, flows = sys.argv[1:]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # answers alone on standard output
    policy = DetectionPolicy(
        networks=(NETWORK,), incoming=OUT_OF_REACH, outgoing=OUT_OF_REACH, flows=flows == "on", ipv6_hosts=1024
    )
    capture = Capture(policy, [SourceSpec(interface, kind=SourceKind.AF_PACKET, ring_bytes=RING_BYTES)])
    capture.start()
    try:
        for line in sys.stdin:
            print(json.dumps(_state(capture, int(line))), flush=True)  # noqa: T201 what it is asked for
    finally:
        capture.close()


def _state(capture: Capture, wanted: int) -> dict[str, int]:
    """Give frames, and the CPU time of the thread that reads and of the one that ticks."""
    end = time.monotonic() + PATIENCE_SECONDS
    while capture.traffic().frames < wanted and time.monotonic() < end:
        time.sleep(0.02)
    used = cpu_ns()
    by_name = {thread.name: used[thread.native_id or 0] for thread in threading.enumerate()}
    (source,) = capture.sources()
    reading, ticking = by_name[source.description], by_name["clock"]
    return {"frames": capture.traffic().frames, "reading_ns": reading, "ticking_ns": ticking}


if __name__ == "__main__":
    main()
