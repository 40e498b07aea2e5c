"""How long a ban takes from `want` to the UPDATE at the peer and to its kernel.

Run as root, with the folders of the project and of its tests on PYTHONPATH; prints one JSON object, in milliseconds.
"""

import asyncio
import contextlib
import json
import select
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from announcer.peers import Bird, Frr, Neighbour
from announcer.stage import GUARD, GUARD6, PEER, PEER6, Stage, eventually, routes
from lab.bgp import BgpTap
from lab.namespaces import Lab

if TYPE_CHECKING:
    from fnm_guard.announcer.announcer import Announcer
    from fnm_guard.core.model import Route
    from lab.namespaces import Namespace

ROUNDS = 20
RTMGRP_IPV4_ROUTE = 0x40
RTM_NEWROUTE, RTM_DELROUTE = 24, 25


class KernelWatch:
    """Tells when the kernel of a namespace gets or loses a route."""

    def __init__(self, namespace: "Namespace") -> None:
        with namespace.entered():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._socket.bind((0, RTMGRP_IPV4_ROUTE))

    def wait(self, kind: int, seconds: float = 5.0) -> float:
        """Give the wall time of the next message of that kind."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                message = self._socket.recv(65_536)
                if int.from_bytes(message[4:6], sys.byteorder) == kind:
                    return time.time()
        raise TimeoutError("the kernel heard of no route")

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def summary(seconds: list[float]) -> dict[str, float]:
    """Give minimum, median and maximum in milliseconds."""
    named = (("min", min), ("median", statistics.median), ("max", max))
    return {name: round(choose(seconds) * 1000, 2) for name, choose in named}


async def measure(stage: Stage, peer: "Bird | Frr", loaded: int) -> dict[str, object]:
    """Ban and unban twenty times, with `loaded` other bans standing."""
    others = [f"10.0.{number >> 8}.{number & 255}/32" for number in range(loaded)]
    base = routes(*others)["upstream"]
    async with stage.announcer() as announcer:
        announcer.want({"upstream": base})
        await eventually(lambda: announcer.peers()[0].state == "up" and peer.established())
        await eventually(lambda: len(peer.kernel_routes()) == loaded)
        with contextlib.closing(BgpTap(stage.peer, "guard0")) as tap:
            return await ban_and_unban(stage, announcer, tap, base)


async def ban_and_unban(
    stage: Stage, announcer: "Announcer", tap: BgpTap, base: "frozenset[Route]"
) -> dict[str, object]:
    """Give the times of all rounds."""
    times: dict[str, list[float]] = {"update": [], "kernel": [], "withdraw_update": [], "withdraw_kernel": []}
    with contextlib.closing(KernelWatch(stage.peer)) as kernel:
        for number in range(ROUNDS):
            host = f"203.0.113.{number + 1}"
            with_it = base | routes(f"{host}/32")["upstream"]
            for wanted, kind, prefix in ((with_it, RTM_NEWROUTE, ""), (base, RTM_DELROUTE, "withdraw_")):
                await asyncio.sleep(0.2)
                began = time.time()
                announcer.want({"upstream": wanted})
                at = await asyncio.to_thread(kernel.wait, kind)
                update = await asyncio.to_thread(tap.wait, host, announced=not prefix, after=began)
                assert update is not None
                times[f"{prefix}update"].append(update.at - began)
                times[f"{prefix}kernel"].append(at - began)
    return {name: summary(values) for name, values in times.items()}


def main() -> None:
    """Measure against BIRD and FRR, and against BIRD with a thousand bans standing."""
    results: dict[str, object] = {}
    for name, speaker, loaded in (("bird", Bird, 0), ("frr", Frr, 0), ("bird_1000_standing", Bird, 1000)):
        with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab:
            guard, far = lab.namespace("latg"), lab.namespace("latp")
            lab.link(guard, "peer0", far, "guard0")
            for namespace, device, addresses in ((guard, "peer0", (GUARD, GUARD6)), (far, "guard0", (PEER, PEER6))):
                namespace.ip("address", "add", f"{addresses[0]}/30", "dev", device)
                namespace.ip("address", "add", f"{addresses[1]}/64", "dev", device)
            peer = speaker(lab, far, Neighbour(PEER, GUARD))
            peer.start()
            with guard.entered():
                results[name] = asyncio.run(measure(Stage(lab, guard, far), peer, loaded))
    sys.stdout.write(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
