"""The settings of a file as the other rooms get them."""

from pathlib import Path
from typing import Any

import pydantic
import pytest
from netaddr import IPAddress, IPNetwork, IPSet

from fnm_guard import config
from fnm_guard.config.settings import Settings
from fnm_guard.core.model import Thresholds
from fnm_guard.core.policy import AttackPolicy, BanPolicy, DetectionPolicy, Mode, OutgoingPolicy, PeerProfile

NETWORKS = "networks: [198.51.100.0/24, 2001:db8:100::/48]\n"
PEER = "bgp: {{local_as: 64496, router_id: 192.0.2.2, peers: {{a: {{address: 192.0.2.9, as: 64497{more}}}}}}}\n"


def parse(text: str = "") -> Settings:
    """Give the settings of a file with our networks and some more."""
    return config.parse(NETWORKS + text, "test.yaml")


def wrong(text: str) -> list[str]:
    """Give what is wrong with such a file, key and text of each line."""
    with pytest.raises(config.ConfigError) as caught:
        parse(text)
    return [f"{problem.key}: {problem.text}" for problem in caught.value.problems]


def peer(more: str = "") -> PeerProfile:
    """Give the profile of a peer with some more settings."""
    return parse(PEER.format(more=f", {more}" if more else "")).peer_profiles()[0]


def test_networks_alone_are_enough() -> None:
    """Everything else has a default, and those of the policies are those of the core."""
    settings = parse()
    networks = (IPNetwork("198.51.100.0/24"), IPNetwork("2001:db8:100::/48"))
    assert settings.detection_policy() == DetectionPolicy(networks=networks)
    assert settings.attack_policy() == AttackPolicy()
    assert settings.ban_policy() == BanPolicy(networks=IPSet(networks))
    assert settings.peer_profiles() == ()
    assert settings.capture == ()


def test_defaults() -> None:
    """The defaults that operators rely on."""
    settings = parse("capture: [{interfaces: [eth3]}]\nnotify: {mail: {server: mx, from: a@b, to: [c@d]}}\n")
    (capture,) = settings.capture
    assert (capture.source, capture.threads, capture.promiscuous, capture.snaplen) == ("auto", 1, True, 192)
    assert (capture.count_internal, capture.cluster, capture.ring_mib) == (False, None, 32)
    assert (capture.fanout, capture.cpus, capture.thread_count) == ("queue", (), 1)
    assert (capture.decapsulate, capture.vxlan_port) == (("pppoe",), 4789)
    assert (settings.audit.packets, settings.audit.before, settings.audit.frame_bytes) == (100, 10, 128)
    assert settings.notify.mail is not None
    mail = settings.notify.mail
    assert (mail.port, mail.security, mail.user, mail.timeout, mail.retry_for, mail.helo) == (
        25, "none", None, 30.0, 172_800.0, None,
    )  # fmt: skip
    assert (settings.notify.brand, settings.notify.timezone, settings.notify.audit_deadline) == (
        "Myflower Guard", "UTC", 10.0,
    )  # fmt: skip
    exabgp = settings.bgp.exabgp
    assert (exabgp.managed, exabgp.command, exabgp.user, exabgp.on_stop) == (True, None, None, "withdraw")
    assert (settings.api.group, settings.log.level, settings.log.format) == ("fnm-guard", "info", "text")
    assert (settings.paths.runtime, settings.paths.state) == (Path("/run/fnm-guard"), Path("/var/lib/fnm-guard"))


def test_decapsulation() -> None:
    """Names are known, stand once, and VXLAN's port is set with VXLAN alone; nothing switches PPPoE off too."""
    (entry,) = parse("capture: [{interfaces: [a], decapsulate: [6in4, vxlan], vxlan_port: 8472}]\n").capture
    assert (entry.decapsulate, entry.vxlan_port) == (("6in4", "vxlan"), 8472)
    assert parse("capture: [{interfaces: [a], decapsulate: []}]\n").capture[0].decapsulate == ()
    assert wrong("capture: [{interfaces: [a], decapsulate: [gre, l2tp]}]\n") == [
        "capture[1].decapsulate[2]: unknown: 'l2tp'; allowed: gre, ipip, 6in4, vxlan, pppoe, pseudowire"
    ]
    assert wrong("capture: [{interfaces: [a], decapsulate: [gre, ipip, gre]}]\n") == [
        "capture[1].decapsulate[3]: stands twice: gre; allowed: once"
    ]
    assert wrong("capture: [{interfaces: [a], vxlan_port: 8472}]\n") == [
        "capture[1].vxlan_port: vxlan is not decapsulated; allowed: with vxlan in decapsulate"
    ]


def test_empty_sections_are_defaults() -> None:
    """A section or list whose lines are all commented out is the same as none."""
    inner = "detection:\n  thresholds:\n    incoming:\n  groups:\nban:\n  limits:\nbgp:\n  peers:\n"
    assert parse(f"never_ban:\ncapture:\n{inner}notify:\n") == parse()


def test_an_empty_value_is_an_error() -> None:
    """A setting that needs a value does not take nothing for one."""
    assert wrong("ban:\n  duration:\n") == [
        "ban.duration: not a duration: nothing; allowed: 1s to 30d (units: ms, s, m, h, d)"
    ]


def test_the_socket_follows_the_runtime_folder() -> None:
    """The API's socket is in the runtime folder unless it is set."""
    assert parse("paths: {runtime: /tmp/x}\n").api_socket == Path("/tmp/x/api.sock")
    assert parse("api: {socket: /tmp/y.sock}\n").api_socket == Path("/tmp/y.sock")


def test_settings_cannot_be_changed() -> None:
    """A reload gives new settings; those that are used never change under their user."""
    settings: Any = parse()
    with pytest.raises(pydantic.ValidationError):
        settings.ban = settings.ban
    with pytest.raises(pydantic.ValidationError):
        settings.ban.duration = 5.0


def test_thresholds_over_the_default() -> None:
    """Pps is 30000 unless it is set or off; what is set comes on top, for each direction by itself."""
    policy = parse(
        "detection: {thresholds: {incoming: {mbps: 1000, syn_pps: 0.5}, outgoing: {pps: off}}}\n"
    ).detection_policy()
    assert policy.incoming == Thresholds(pps=30_000, mbps=1000, syn_pps=0.5)
    assert policy.outgoing == Thresholds()


@pytest.mark.parametrize("off", ["off", "no", "false", "null", "~", ""])
def test_thresholds_that_are_off(off: str) -> None:
    """Each of YAML's words for off and nothing switches a threshold off."""
    assert (
        parse(f"detection: {{thresholds: {{incoming: {{pps: {off}}}}}}}\n").detection_policy().incoming == Thresholds()
    )


def test_a_group_inherits_what_it_does_not_set() -> None:
    """A group's thresholds are complete: its own, `off` included, over those of all hosts."""
    policy = parse(
        """\
detection:
  thresholds: {incoming: {mbps: 1000, flows: 5000}}
  groups:
    resolvers:
      networks: [198.51.100.53, "2001:db8:100::53"]
      thresholds: {incoming: {pps: 90000, flows: off}, outgoing: {udp_pps: 7}}
    plain: {networks: [198.51.100.64/26]}
"""
    ).detection_policy()
    resolvers, plain = policy.groups
    assert (resolvers.name, plain.name) == ("resolvers", "plain")
    assert resolvers.networks == (IPNetwork("198.51.100.53/32"), IPNetwork("2001:db8:100::53/128"))
    assert resolvers.incoming == Thresholds(pps=90_000, mbps=1000)
    assert resolvers.outgoing == Thresholds(pps=30_000, udp_pps=7)
    assert (plain.incoming, plain.outgoing) == (policy.incoming, policy.outgoing)


def test_detection_as_the_core_wants_it() -> None:
    """Windows, ticks, release and hold arrive in seconds."""
    settings = parse("detection: {window: 2s, tick: 100ms, release: 0.5, hold: 1m, flows: off, ipv6_hosts: 2048}\n")
    policy = settings.detection_policy()
    assert (policy.window_seconds, policy.tick_seconds, policy.flows, policy.ipv6_hosts) == (2.0, 0.1, False, 2048)
    assert settings.attack_policy() == AttackPolicy(release=0.5, hold_seconds=60.0)


def test_bans_as_the_core_wants_them() -> None:
    """Every setting of bans reaches the policy."""
    text = """\
never_ban: [198.51.100.1, 192.0.2.0/24]
ban: {mode: monitor, outgoing: tell, duration: 5m, holdoff: 0, extension: 2d, limits: {active: 7}}
"""
    assert parse(text).ban_policy() == BanPolicy(
        networks=IPSet(["198.51.100.0/24", "2001:db8:100::/48"]),
        never_ban=IPSet(["198.51.100.1/32", "192.0.2.0/24"]),
        mode=Mode.MONITOR,
        outgoing=OutgoingPolicy.TELL,
        duration_seconds=300.0,
        holdoff_seconds=0.0,
        active_limit=7,
        extension_limit_seconds=172_800.0,
    )


def test_a_peer_with_defaults() -> None:
    """A peer needs its address and AS; the rest is what the RFCs of blackholing recommend."""
    assert peer() == PeerProfile(
        name="a",
        address=IPAddress("192.0.2.9"),
        remote_as=64_497,
        local_as=64_496,
        router_id=IPAddress("192.0.2.2"),
        next_hop_ipv4=IPAddress("192.0.2.1"),
        next_hop_ipv6=IPAddress("100::1"),
    )


def test_a_peer_with_everything() -> None:
    """Every setting of a peer reaches its profile."""
    profile = peer(
        'local_address: 192.0.2.2, next_hop: {ipv6: "100::2"}, communities: [blackhole, "64497:9"], no_export: false, '
        'large_communities: ["64497:1:2"], password: "a;b{c}#,[]", multihop: 4, hold: 30s, graceful_restart: 0, '
        "max_routes: 50"
    )
    assert profile == PeerProfile(
        name="a",
        address=IPAddress("192.0.2.9"),
        remote_as=64_497,
        local_as=64_496,
        router_id=IPAddress("192.0.2.2"),
        local_address=IPAddress("192.0.2.2"),
        next_hop_ipv6=IPAddress("100::2"),
        communities=("65535:666", "64497:9"),
        large_communities=("64497:1:2",),
        no_export=False,
        password="a;b{c}#,[]",
        multihop=4,
        hold_seconds=30,
        graceful_restart_seconds=0,
        max_routes=50,
    )


@pytest.mark.parametrize(
    ("next_hop", "ipv4", "ipv6"), [("192.0.2.7", "192.0.2.7", "None"), ('"100::7"', "None", "100::7")]
)
def test_a_next_hop_stands_for_its_family(next_hop: str, ipv4: str, ipv6: str) -> None:
    """A single next hop announces its own family and no other."""
    profile = peer(f"next_hop: {next_hop}")
    assert (str(profile.next_hop_ipv4), str(profile.next_hop_ipv6)) == (ipv4, ipv6)


def test_local_preference_on_ibgp() -> None:
    """LOCAL_PREF is there on iBGP, and only there."""
    text = PEER.replace("64497", "64496").format(more=", local_preference: 200")
    assert parse(text).peer_profiles()[0].local_preference == 200
    assert wrong(PEER.format(more=", local_preference: 200")) == [
        "bgp.peers.a.local_preference: the peer is eBGP; allowed: on iBGP only"
    ]


def test_hold_times_are_whole_seconds() -> None:
    """BGP counts its timers in seconds."""
    assert peer("hold: 1.5m").hold_seconds == 90
    assert wrong(PEER.format(more=", hold: 3500ms")) == [
        "bgp.peers.a.hold: not in whole seconds: '3500ms'; allowed: 3s to 65535s"
    ]


def test_paths_are_absolute() -> None:
    """A path does not depend on where the daemon was started."""
    assert wrong("paths: {state: lib}\n") == [
        "paths.state: not an absolute path: 'lib'; allowed: a path that begins with /"
    ]


def test_as_numbers_of_32_bits() -> None:
    """AS numbers have 32 bits (RFC 6793)."""
    assert parse(PEER.replace("64497", "4200000001").format(more="")).peer_profiles()[0].remote_as == 4_200_000_001


def test_names_that_yaml_would_bend() -> None:
    """Names and secrets arrive as they were written: NO is a peer, 0123 a password."""
    settings = parse(PEER.replace("{a:", "{NO:").format(more=", password: 0123"))
    (profile,) = settings.peer_profiles()
    assert (profile.name, profile.password) == ("NO", "0123")


def test_more_hosts_than_the_engine_takes() -> None:
    """Overlapping networks count once, and all of IPv4's hosts together have a bound."""
    assert config.parse("networks: [10.0.0.0/8, 10.1.0.0/16, 2001:db8::/32]", "x").networks
    with pytest.raises(config.ConfigError) as caught:
        config.parse("networks: [10.0.0.0/8, 192.168.0.0/24]", "x")
    assert str(caught.value) == "x:1:11: networks: more than 16777216 IPv4 addresses; allowed: as many as a /8 has"


def test_long_socket_paths() -> None:
    """A path that no Unix socket can have is found before the daemon starts."""
    assert parse(f"paths: {{runtime: /{'x' * 94}}}\napi: {{socket: /{'x' * 106}}}\n").ban.duration
    assert wrong(f"paths: {{runtime: /{'x' * 95}}}\napi: {{socket: /{'y' * 107}}}\n") == [
        "paths.runtime: too long for a socket: 108 bytes with 'bridge.sock'; allowed: 107",
        f"api.socket: too long for a socket: 108 bytes with '{'y' * 59}…; allowed: 107",
    ]


@pytest.mark.parametrize("name", ["a b", "", "a/b", "x" * 65, "é"])
def test_names_of_peers_and_groups(name: str) -> None:
    """Names are short and plain: they stand in logs, mails and ExaBGP's files."""
    found = wrong(f'detection: {{groups: {{"{name}": {{networks: [198.51.100.1]}}}}}}\n')
    assert len(found) == 1
    assert "not a name" in found[0]


def test_a_time_zone() -> None:
    """The zone is given as an object; UTC without a database of zones."""
    assert parse().notify.zone().utcoffset(None) is not None
    assert str(parse("notify: {timezone: Europe/Berlin}\n").notify.zone()) == "Europe/Berlin"


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", "/etc/localtime", "", "~"])
def test_unknown_time_zones(zone: str) -> None:
    """What is no zone is refused, paths included."""
    (line,) = wrong(f"notify: {{timezone: {zone}}}\n")
    assert line.startswith("notify.timezone: unknown time zone: ")
