"""The sensors that are measured side by side, each as its users run it: fnm-guard and FastNetMon."""

import hashlib
import http.client
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from announcer.peers import Gobgp, Neighbour
from bench.peers.stage import Stage
from fnm_guard.api.client import Client
from lab.guard import Guard
from lab.namespaces import LabError
from lab.settings import LOCAL_AS, PEER_AS, mirror_settings
from lab.topology import GUARD, UPSTREAM
from lab.watch import until

__all__ = ["FastNetMon", "FnmGuard", "Sensor", "Setup"]

Process = subprocess.Popen[bytes]
OUT_OF_REACH = 1_000_000_000
UP_SECONDS = 60.0
SHIPPED = Path("/etc/fastnetmon.conf")


@dataclass(frozen=True, slots=True)
class Setup:
    """What both are told; all else is as each ships it.

    Attributes:
        threshold: Packets per second, both directions.
        flows: Whether flows are counted.
        ring_mib: Size of our packet ring; FastNetMon's is 256 MiB a processor and cannot be set.
        bans: How many hosts may be banned at once.
        source: Our source of frames; FastNetMon's is AF_PACKET.
    """

    network: str
    threshold: int = OUT_OF_REACH
    flows: bool = True
    ring_mib: int = 32
    bans: int = 100
    source: str = "af_packet"


class Sensor(Protocol):
    """A program that counts what arrives on cap0 of its stage.

    Attributes:
        name: Its key in the result.
    """

    name: str
    stage: Stage

    @property
    def process(self) -> Process:
        """The running program."""

    def start(self) -> None:
        """Start it, and wait until it captures and its BGP session is up."""

    def stop(self) -> None:
        """Stop it."""

    def counted(self) -> int:
        """Give how many packets it has counted."""


class FnmGuard:
    """The code at hand, from the daemon's command to ExaBGP."""

    name = "ours"

    def __init__(self, stage: Stage, setup: Setup) -> None:
        self.stage = stage
        self._guard = Guard(stage.lab, stage.sensor, _our_settings(setup))

    @property
    def process(self) -> Process:
        """The daemon."""
        assert self._guard.process
        return self._guard.process

    def start(self) -> None:
        """Start the daemon, which starts ExaBGP."""
        self._guard.start(UP_SECONDS)
        if not until(lambda: self._guard.ask("peers")["peers"][0]["state"] == "up", UP_SECONDS, 0.2):
            raise LabError(f"fnm-guard's BGP session did not come up:\n{self._guard.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop the daemon and its ExaBGP."""
        self._guard.stop()

    def counted(self) -> int:
        """Give the packets of all directions."""
        with Client(str(self.stage.lab.folder / "run" / "api.sock")) as client:
            traffic = json.loads(client.get("/v1/traffic"))
        return sum(int(traffic[way]["packets"]) for way in ("incoming", "outgoing", "internal", "other"))


def _our_settings(setup: Setup) -> dict[str, object]:
    threshold = {"pps": setup.threshold}
    extra = {"ring_mib": setup.ring_mib} if setup.source == "af_packet" else {}
    settings = mirror_settings(
        networks=[setup.network],
        never_ban=[],
        capture=[{"source": setup.source, "interfaces": ["cap0"], **extra}],
        detection={"thresholds": {"incoming": threshold, "outgoing": threshold}, "flows": setup.flows},
        ban={"limits": {"active": setup.bans}},
    )
    settings["bgp"]["peers"]["upstream"]["max_routes"] = setup.bans
    del settings["notify"]
    return settings


class FastNetMon:
    """Debian's package with the configuration it ships, announcing through GoBGP's gRPC API."""

    name = "fastnetmon"

    def __init__(self, stage: Stage, setup: Setup) -> None:
        self.stage = stage
        self._setup = setup
        self._gobgp = Gobgp(stage.lab, stage.sensor, Neighbour(GUARD, UPSTREAM, LOCAL_AS, PEER_AS, families="4"))
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """FastNetMon's daemon."""
        assert self._process
        return self._process

    def start(self) -> None:
        """Start GoBGP and FastNetMon."""
        folder = self.stage.lab.folder
        (folder / "networks").write_text(self._setup.network + "\n")
        (folder / "whitelist").write_text("")
        configuration = folder / "fastnetmon.conf"
        configuration.write_text(_shipped() + _their_lines(self._setup, folder))
        self._gobgp.start()
        words = ["fastnetmon", "--configuration_file", str(configuration), "--log_to_console", "--disable_pid_logic"]
        self._process = self.stage.lab.start(self.stage.sensor, *words, log="fastnetmon.log")
        if not until(self._is_up, UP_SECONDS, 0.2):
            log = (folder / "fastnetmon.log").read_text()
            raise LabError(f"FastNetMon or its BGP session did not come up:\n{log[-2000:]}")

    def stop(self) -> None:
        """Stop both."""
        self.stage.lab.stop(self.process)
        self._gobgp.stop()

    def counted(self) -> int:
        """Give the IPv4 packets that it says it has processed."""
        found = re.search(r"^fastnetmon_total_ipv4_packets (\d+)$", self._metrics(), re.MULTILINE)
        if not found:
            raise LabError("FastNetMon's metrics have no fastnetmon_total_ipv4_packets")
        return int(found.group(1))

    def _metrics(self) -> str:
        with self.stage.sensor.entered():
            connection = http.client.HTTPConnection("127.0.0.1", 9209, timeout=30)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
        return text

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise LabError(f"FastNetMon ended with {self.process.returncode}")
        try:
            self._metrics()
        except OSError:
            return False
        return self._gobgp.established() and self.stage.bird.established()


def _shipped() -> str:
    """Give the configuration file of the package, if nobody has changed it."""
    if not SHIPPED.exists():
        raise LabError("FastNetMon is not installed: apt-get install fastnetmon")
    known = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Conffiles}", "fastnetmon"], capture_output=True, text=True, check=False
    ).stdout
    if hashlib.md5(SHIPPED.read_bytes()).hexdigest() not in known:  # noqa: S324 what dpkg keeps
        raise LabError(f"{SHIPPED} is not as Debian ships it, so its defaults are not FastNetMon's")
    return SHIPPED.read_text()


def _their_lines(setup: Setup, folder: Path) -> str:
    """Give what differs from the file shipped: of a key that stands twice the last counts."""
    lines = (
        "disable_usage_report = on",
        "mirror_afpacket = on",
        "interfaces = cap0",
        f"networks_list_path = {folder / 'networks'}",
        f"white_list_path = {folder / 'whitelist'}",
        "monitor_local_ip_addresses = off",
        f"threshold_pps = {setup.threshold}",
        f"enable_connection_tracking = {'on' if setup.flows else 'off'}",
        f"notify_script_path = {folder / 'none'}",
        f"cli_stats_file_path = {folder / 'stats'}",
        f"cli_stats_ipv6_file_path = {folder / 'stats6'}",
        "gobgp = on",
        "gobgp_next_hop = 192.0.2.1",
        "gobgp_community_host = 65535:666",
    )
    return "\n" + "\n".join(lines) + "\n"
