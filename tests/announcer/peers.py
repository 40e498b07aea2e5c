"""Real BGP speakers as the other end: BIRD, FRR and GoBGP, each in a namespace of the lab.

A `Neighbour` says how the guard is seen from there.  BIRD and FRR put what carries 65535:666 into their kernel as a
blackhole route; GoBGP keeps it in its table and tells every attribute as JSON.
"""

import atexit
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.namespaces import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.namespaces import Lab, Namespace

__all__ = ["Bird", "Frr", "Gobgp", "Neighbour", "until"]

DISCARD, DISCARD6 = "192.0.2.1", "100::1"
"""Next hops that every speaker of the lab sends nowhere (RFC 5635, RFC 6666)."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The guard, as a peer is configured for it.

    Attributes:
        local, remote: Addresses of the session, the speaker's own and the guard's.
        limit: Routes after which the peer ends the session, 0: none.
        families: What the speaker offers, `4` and `6`.
    """

    local: str
    remote: str
    local_as: int = 64500
    remote_as: int = 64512
    password: str = ""
    limit: int = 0
    families: str = "46"
    ttl_security: bool = False


def until(claim: "Callable[[], object]", seconds: float = 15.0, what: str = "") -> None:
    """Wait until the claim holds; an AssertionError if it does not in time."""
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, what or "did not happen in time"
        time.sleep(0.02)


@dataclass(slots=True)
class _Speaker:
    """What the three have in common: their processes, and the kernel they write to."""

    lab: "Lab"
    namespace: "Namespace"
    neighbour: Neighbour
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where this speaker's files lie; short, because a Unix socket's path is."""
        made = self.lab.folder / f"{type(self).__name__.lower()}-{self.namespace.name}"
        made.mkdir(exist_ok=True)
        return made

    def stop(self) -> None:
        """Stop it; safe to call twice."""
        for process in reversed(self._processes):
            self.lab.stop(process)
        self._processes.clear()

    def kill(self) -> None:
        """Let it die without a word to its neighbours."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()

    def kernel_routes(self) -> set[str]:
        """Give the blackhole routes of the namespace's kernel, as `203.0.113.7/32`; the discard next hops left out."""
        found = set()
        for version in ("-4", "-6"):
            for route in json.loads(self.namespace.ip("-j", version, "route", "show", "type", "blackhole") or "[]"):
                found.add(_prefix(route["dst"], version))
        return found - {f"{DISCARD}/32", f"{DISCARD6}/128"}

    def _spawn(self, *words: "str | Path") -> None:
        self._processes.append(self.lab.start(self.namespace, *words, log=f"{self.folder.name}.log"))


def _prefix(text: str, version: str) -> str:
    return text if "/" in text else f"{text}/{32 if version == '-4' else 128}"


class Bird(_Speaker):
    """BIRD 2."""

    def start(self) -> None:
        """Write the configuration and run it."""
        configuration = self.folder / "bird.conf"
        configuration.write_text(_bird(self.neighbour, self.folder / "bird.log"))
        self._spawn("bird", "-f", "-c", configuration, "-s", self._socket, "-P", self.folder / "pid")
        until(self._socket.exists, what="bird made no control socket")

    @property
    def _socket(self) -> Path:
        return self.folder / "ctl"

    def ask(self, *words: str) -> str:
        """Run one command of birdc; "" while it does not answer."""
        return self.namespace.run("birdc", "-s", self._socket, *words, check=False)

    def stop(self) -> None:
        """Stop it, with its socket, so that the next start can be told from this one."""
        super().stop()
        self._socket.unlink(missing_ok=True)

    def kill(self) -> None:
        """Let it die without a word, as above."""
        super().kill()
        self._socket.unlink(missing_ok=True)

    def established(self) -> bool:
        """Whether the session is up."""
        return "Established" in self.ask("show", "protocols", "guard")

    def attributes(self, prefix: str) -> str:
        """Give what BIRD says of a route it accepted; "" when it has none."""
        return self.ask("show", "route", "for", prefix, "all") if prefix in self.routes() else ""

    def routes(self) -> set[str]:
        """Give the prefixes that were received and accepted."""
        lines = self.ask("show", "route", "protocol", "guard").splitlines()
        return {line.split()[0] for line in lines if line[:1].isalnum() and "/" in line.split()[0]}


def _bird(neighbour: Neighbour, log: Path) -> str:
    kernel = "".join(
        f"protocol kernel kernel{v} {{ ipv{v} {{ import none; export where source = RTS_BGP; }}; scan time 60; }}\n"
        for v in "46"
    )
    limit = f"import limit {neighbour.limit} action disable;" if neighbour.limit else ""
    channels = "".join(
        f"  ipv{v} {{ import filter blackholes; export none; gateway recursive; {limit} }};\n"
        for v in neighbour.families
    )
    return f"""router id 198.51.100.1;
log "{log}" all;
protocol device {{ }}
{kernel}
filter blackholes {{
  if (65535, 666) ~ bgp_community then {{ dest = RTD_BLACKHOLE; accept; }}
  reject;
}}
protocol bgp guard {{
  local {neighbour.local} as {neighbour.local_as};
  neighbor {neighbour.remote} as {neighbour.remote_as};
  {f'password "{neighbour.password}";' if neighbour.password else ""}
  {"ttl security on;" if neighbour.ttl_security else ""}
  connect delay time 1;
  error wait time 1, 2;
  graceful restart aware;
{channels}}}
"""


class Frr(_Speaker):
    """FRR's bgpd with the zebra that writes its routes into the kernel."""

    PROGRAMS = Path("/usr/lib/frr")
    USER = "frr"

    @property
    def folder(self) -> Path:
        """Where its files lie: FRR drops its rights and cannot reach the lab's folder, which is ours alone."""
        made = Path(tempfile.gettempdir()) / f"fnm-frr-{self.namespace.name}"
        if not made.exists():
            made.mkdir(mode=0o755)
            shutil.chown(made, self.USER, self.USER)
            atexit.register(shutil.rmtree, made, ignore_errors=True)
        return made

    def start(self) -> None:
        """Write the configurations and run both."""
        for version, discard in (("-4", DISCARD), ("-6", DISCARD6)):
            self.namespace.ip(version, "route", "replace", "blackhole", discard)
        (self.folder / "zebra.conf").write_text("log stdout\n")
        (self.folder / "bgpd.conf").write_text(_frr(self.neighbour))
        zserv = self.folder / "zserv"
        self._run_daemon("zebra", zserv)
        until(zserv.exists, what="zebra made no socket")
        self._run_daemon("bgpd", zserv, "-p", "179")
        until((self.folder / "bgpd.vty").exists, what="bgpd made no socket")

    def _run_daemon(self, name: str, zserv: Path, *words: str) -> None:
        common = ("-f", self.folder / f"{name}.conf", "-i", self.folder / f"{name}.pid", "-z", zserv)
        self._spawn(
            self.PROGRAMS / name,
            *common,
            "--vty_socket",
            self.folder,
            "-u",
            self.USER,
            "-g",
            self.USER,
            "-P",
            "0",
            *words,
        )

    def stop(self) -> None:
        """Stop it, with its files."""
        super().stop()
        shutil.rmtree(self.folder)

    def ask(self, command: str) -> Any:
        """Run one show command and give its JSON; {} while it does not answer."""
        words = ("vtysh", "--vty_socket", self.folder, "-d", "bgpd", "-c", f"{command} json")
        with contextlib.suppress(ValueError):
            return json.loads(self.namespace.run(*words, check=False))
        return {}

    def established(self) -> bool:
        """Whether the session is up."""
        neighbour = self.ask(f"show bgp neighbors {self.neighbour.remote}").get(self.neighbour.remote, {})
        return bool(neighbour.get("bgpState") == "Established")

    def routes(self) -> set[str]:
        """Give the prefixes that were received and accepted."""
        return {p for family in ("ipv4", "ipv6") for p in self.ask(f"show bgp {family} unicast").get("routes", {})}


def _frr(neighbour: Neighbour) -> str:
    families = "".join(
        f" address-family ipv{v} unicast\n  neighbor guard activate\n  neighbor guard route-map blackholes in\n"
        f"  neighbor guard route-map nothing out\n"
        + (f"  neighbor guard maximum-prefix {neighbour.limit}\n" if neighbour.limit else "")
        + " exit-address-family\n"
        for v in neighbour.families
    )
    return f"""log stdout
router bgp {neighbour.local_as}
 bgp router-id 198.51.100.5
 no bgp default ipv4-unicast
 neighbor guard peer-group
 neighbor guard remote-as {neighbour.remote_as}
 neighbor guard ebgp-multihop 2
 neighbor guard timers connect 1
{f" neighbor guard password {neighbour.password}" if neighbour.password else "!"}
 neighbor {neighbour.remote} peer-group guard
{families}!
bgp community-list standard blackhole permit 65535:666
route-map blackholes permit 10
 match community blackhole
route-map nothing deny 10
"""


class Gobgp(_Speaker):
    """GoBGP, for the attributes exactly as received; it writes no kernel routes."""

    API = "127.0.0.1:50051"

    def start(self) -> None:
        """Write the configuration and run it."""
        (self.folder / "gobgpd.toml").write_text(_gobgp(self.neighbour))
        self._spawn("gobgpd", "-f", self.folder / "gobgpd.toml", "--api-hosts", self.API, "--pprof-disable")
        until(lambda: self._try("neighbor") is not None, what="gobgpd does not answer")

    def _try(self, *words: str) -> Any:
        with contextlib.suppress(LabError, ValueError):
            return json.loads(self.namespace.run("gobgp", "-j", *words))
        return None

    def established(self) -> bool:
        """Whether the session is up."""
        neighbours = self._try("neighbor") or []
        return any(item["state"].get("session_state") == 6 for item in neighbours)

    def routes(self) -> dict[str, list[dict[str, Any]]]:
        """Give the received prefixes, each with the path attributes of RFC 4271 as GoBGP names them."""
        tables = [self._try("global", "rib", "-a", family) or {} for family in ("ipv4", "ipv6")]
        return {prefix: paths[0]["attrs"] for table in tables for prefix, paths in table.items()}


def _gobgp(neighbour: Neighbour) -> str:
    families = "".join(
        f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "ipv{v}-unicast"\n'
        for v in neighbour.families
    )
    return f"""[global.config]
as = {neighbour.local_as}
router-id = "198.51.100.9"
[[neighbors]]
[neighbors.config]
neighbor-address = "{neighbour.remote}"
peer-as = {neighbour.remote_as}
auth-password = "{neighbour.password}"
[neighbors.transport.config]
local-address = "{neighbour.local}"
[neighbors.ebgp-multihop.config]
enabled = true
multihop-ttl = 2
[neighbors.timers.config]
connect-retry = 1
{families}"""
