"""`make demo`: the main job on real parts, told as it happens.

A flood of 100,000 packets/s hits a victim behind a router.  The guard sees it on a mirror port, announces the victim's
/32 to the upstream (BIRD), which drops it; the neighbour goes on answering; mails tell about it; an operator unbans.
Exit code 0 only if all of it happened.  FNM_LAB_PCAP=FILE records the BGP session.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from announcer.peers import Bird, Neighbour
from lab import topology
from lab.bgp import BgpTap
from lab.flood import start_flood
from lab.guard import Guard, MailSink
from lab.namespaces import Lab, LabError
from lab.settings import LOCAL_AS, PEER_AS, mirror_settings
from lab.story import Story, Target
from lab.watch import Pings, RouteWatch

PPS = 100_000
FLOOD_SECONDS = 40


def main() -> int:
    """Run the demo, as root or in a user namespace of its own."""
    if os.geteuid() != 0 or "FNM_LAB_ROOTLESS" in os.environ:
        return _rootless()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    pcap = os.environ.get("FNM_LAB_PCAP")
    folder = Path(tempfile.mkdtemp(prefix="fnm-demo-"))
    try:
        with Lab(folder) as lab:
            _tell(lab, Path(pcap) if pcap else None)
    except LabError as error:
        print(f"\ndemo: failed: {error}\n      logs: {folder}")
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        print("\ndemo: interrupted, everything is removed")
        return 130
    shutil.rmtree(folder)
    print("\ndemo: passed")
    return 0


def _rootless() -> int:
    """Run the demo as root of a user namespace, where the kernel allows it."""
    if os.environ.get("FNM_LAB_ROOTLESS") == "inside":
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        del os.environ["FNM_LAB_ROOTLESS"]
        return main()
    words = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        print("demo: failed: needs root, or a kernel that allows user namespaces (kernel.unprivileged_userns_clone)")
        return 1
    environment = {**os.environ, "FNM_LAB_ROOTLESS": "inside"}
    return subprocess.run([*words, sys.executable, __file__], env=environment, check=False).returncode


def _tell(lab: Lab, pcap: Path | None) -> None:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {line}", flush=True)

    say("building the network: attacker - upstream (BIRD) - router - victim and neighbour; the guard on a mirror")
    network = topology.build(lab)
    bird = Bird(lab, network.upstream, Neighbour(topology.UPSTREAM, topology.GUARD, PEER_AS, LOCAL_AS))
    tap = BgpTap(network.upstream, "grd0", pcap)
    routes = RouteWatch(network.upstream)
    sink = MailSink(lab, network.guard)
    guard = Guard(lab, network.guard, mirror_settings())
    pings = Pings(lab, network.attacker, topology.NEIGHBOUR)
    try:
        bird.start()
        guard.start()
        flood = partial(start_flood, network, topology.VICTIM, pps=PPS, seconds=FLOOD_SECONDS)
        target = Target(topology.VICTIM, topology.NEIGHBOUR)
        story = Story(lab, network, guard, tap, routes, target, flood, say)
        _act(story, sink, pings)
    finally:
        tap.close()
        routes.close()
    say("everything is removed")


def _act(story: Story, sink: MailSink, pings: Pings) -> None:
    say, guard = story.say, story.guard
    story.ready()
    say("the BGP session is up; our networks are 203.0.113.0/24 and 2001:db8:113::/48, threshold 20,000 packets/s")
    say(f"flood: {PPS:,} UDP packets/s from random sources to {topology.VICTIM}")
    flood, timeline = story.attack()
    try:
        _show("seconds after the first attack frame", timeline.steps)
        story.neighbour_answers(pings)
        say(f"the neighbour {topology.NEIGHBOUR} still answers pings, the victim's flood ends at the upstream")
        for mail in story.wait_mails(sink, 2):
            _print_block(f"Subject: {mail['Subject']}\n\n{mail.get_content()}")
        _print_block(guard.call("top", "--once").stdout)
        say(f"operator: fnm-guard unban {topology.VICTIM}")
        gone, back = story.unban(2.0)
        say(f"route gone from the peer's kernel after {gone:.3f} s, traffic back at the victim after {back:.3f} s")
        mail = story.wait_mails(sink, 3)[2]
        _print_block(f"Subject: {mail['Subject']}\n\n{mail.get_content()}")
        _show("summary: seconds after the first attack frame", timeline.steps)
        _show("and after the unban", {"route gone from the peer's kernel": gone, "traffic back at the victim": back})
    finally:
        flood.close()
    if guard.stop() != 0:
        raise LabError(f"the daemon did not end cleanly:\n{guard.log.read_text()[-2000:]}")


def _show(title: str, steps: dict[str, float]) -> None:
    print(f"\n    {title}")
    for step, at in sorted(steps.items(), key=lambda item: item[1]):
        print(f"    {at:8.3f}  {step}")
    print()


def _print_block(text: str) -> None:
    print()
    for line in text.rstrip().splitlines():
        print(f"    | {line}")
    print()


if __name__ == "__main__":
    sys.exit(main())
