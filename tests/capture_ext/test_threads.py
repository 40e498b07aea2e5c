"""Several capture threads and the clock at the same time."""

import os
import threading

from netaddr import IPAddress

from capture.frames import Sent
from capture.lane import Lane
from capture_ext import census, reports
from capture_ext.engine import EngineSizes
from capture_ext.memory import MemoryFrames

THREADS = 4
ROUNDS = 400


def run_together(lane: Lane, frames: "list[list[tuple[int, bytes]]]", rounds: int) -> "list[reports.CrossingReport]":
    """Play frames in as many threads while the clock runs; give the crossings."""
    wake = os.eventfd(0, os.EFD_NONBLOCK)
    threads = [threading.Thread(target=lane.engine.run_clock, args=(wake,))]
    for worker, mine in zip(lane.workers, frames, strict=True):
        worker.source = MemoryFrames(mine, rounds=rounds)
        threads.append(threading.Thread(target=worker.run))
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join()
    lane.engine.stop_clock()
    threads[0].join()
    os.close(wake)
    return reports.crossings(lane.engine)


def test_ipv6_places_change_hands_without_mixing() -> None:
    """However often threads take places from each other, no line holds a packet of another host.

    Each host's packets have a length of their own, so a single stray one would show.
    """
    lane = Lane("2001:db8:100::/48", workers=THREADS, sizes=EngineSizes(ipv6_hosts=64))
    base = int(IPAddress("2001:db8:100::"))
    frames = [
        [
            (0, Sent("2001:db8::1", str(IPAddress(base + host, 6)), ip_bytes=1000 + host).frame())
            for host in range(1 + thread % 2, 300, 2)
        ]
        for thread in range(THREADS)
    ]
    run_together(lane, frames, ROUNDS)
    lane.now = 10**18
    lane.tick()
    totals = lane.totals()
    assert 0 < len(totals) <= 64
    for address, (incoming, _) in totals.items():
        assert incoming.bytes == incoming.packets[1] * (1000 + int(IPAddress(address)) - base)
    sent = sum(len(mine) for mine in frames) * ROUNDS
    assert census.courses(lane.engine)[1].packets == sent
    assert census.health(lane.engine).ipv6_evicted > 1000


def test_nothing_is_lost_between_threads_and_ticks() -> None:
    """What was counted while ticks ran is in the totals to the packet, and no touched host is overlooked."""
    lane = Lane("198.51.100.0/24", workers=THREADS, incoming=[(0, 1)])
    frames = [
        [(0, Sent(destination=f"198.51.100.{host}", source_port=thread).frame()) for host in range(256)]
        for thread in range(THREADS)
    ]
    crossings = run_together(lane, frames, ROUNDS)
    lane.now = 10**18
    crossings += lane.tick()
    assert len({crossing.host for crossing in crossings}) == len(crossings) == 256
    assert [incoming.packets[1] for incoming, _ in lane.totals().values()] == [THREADS * ROUNDS] * 256
    for _ in range(20):
        lane.tick()
    lane.send([Sent(destination=f"198.51.100.{host}") for host in range(256)])
    lane.tick()
    # Had a tick overlooked a host, its packets would come with this one.
    assert {report.rates[0] for report in reports.watched(lane.engine)} == {1}
