"""From the settings to what each room is told."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fnm_guard import specs
from fnm_guard.capture.model import Decapsulation, SourceKind
from fnm_guard.capture.sources import build_sources
from fnm_guard.config import ConfigError, parse
from fnm_guard.config.settings import Settings


def settings(text: str = "") -> Settings:
    """Give the settings of a configuration with one network."""
    return parse(f"networks: [203.0.113.0/24]\n{text}", "test.yaml")


def test_every_interface_is_a_source() -> None:
    """An entry's settings go to each of its interfaces, in the order of the file; MiB become bytes."""
    found = specs.source_specs(
        settings(
            "capture:\n"
            "  - {source: af_packet, interfaces: [a0, b0], threads: 2, snaplen: 256, ring_mib: 3, promiscuous: false}\n"
            "  - {source: pf_ring, interfaces: [c0], count_internal: true, cluster: 9}\n"
        )
    )
    assert [spec.interface for spec in found] == ["a0", "b0", "c0"]
    first, _, third = found
    assert (first.kind, first.threads, first.snaplen) == (SourceKind.AF_PACKET, 2, 256)
    assert (first.ring_bytes, first.promiscuous, first.count_internal) == (3 << 20, False, False)
    assert (third.kind, third.cluster, third.count_internal) == (SourceKind.PF_RING, 9, True)


def test_processors_make_threads() -> None:
    """A list of processors gives a thread for each, unless `threads` says the same number itself."""
    entries = "  - {interfaces: [a0], cpus: [3, 2], fanout: hash}\n  - {interfaces: [b0], threads: 2, cpus: [0, 1]}\n"
    first, second = specs.source_specs(settings(f"capture:\n{entries}  "))
    assert (first.threads, first.cpus, first.fanout) == (2, (3, 2), "hash")
    assert (second.threads, second.cpus, second.fanout) == (2, (0, 1), "queue")


@pytest.mark.parametrize("mebibytes", [1, 1024])
def test_every_ring_that_may_be_configured_can_be_built(mebibytes: int) -> None:
    """The smallest and the largest ring are taken by the source too, with the most that is kept of a frame."""
    entry = f"{{source: af_packet, interfaces: [a0], snaplen: 9216, ring_mib: {mebibytes}}}"
    (built,) = build_sources(specs.source_specs(settings(f"capture: [{entry}]\n")))
    assert built.source.describe() == "af_packet a0"


def test_a_ring_that_cannot_be_built_is_refused_with_its_place() -> None:
    """AF_PACKET takes 1 GiB at the most: `check` says so, not the daemon when it opens the source."""
    with pytest.raises(ConfigError, match=r"capture\[1\].ring_mib: .*1025.* 1 to 1024"):
        settings("capture: [{source: af_packet, interfaces: [a0], ring_mib: 1025}]\n")


def test_a_source_looks_into_what_its_entry_says() -> None:
    """Each entry has its own encapsulations; PPPoE alone is on by default."""
    first, second = specs.source_specs(
        settings(
            "capture:\n"
            "  - {interfaces: [a0]}\n"
            "  - {interfaces: [b0], decapsulate: [gre, 6in4, vxlan], vxlan_port: 8472}\n"
        )
    )
    assert first.decapsulation == Decapsulation(("pppoe",), 4789)
    assert second.decapsulation == Decapsulation(("gre", "6in4", "vxlan"), 8472)


def test_a_replay_looks_into_what_every_entry_does() -> None:
    """As with count_internal; without an entry it is the default, and VXLAN needs one port."""
    assert specs.replay_decapsulation(settings()) == Decapsulation(("pppoe",), 4789)
    text = (
        "capture:\n  - {{interfaces: [a0], decapsulate: [gre, vxlan]}}\n  - {{interfaces: [b0], decapsulate: [{0}]}}\n"
    )
    assert specs.replay_decapsulation(settings(text.format("vxlan, gre"))).kinds == ("gre", "vxlan")
    assert specs.replay_decapsulation(settings(text.format("vxlan"))).kinds == ("vxlan",)
    assert specs.replay_decapsulation(settings(text.format(""))).kinds == ()
    other = text.format("vxlan, gre").replace("gre]}\n", "gre], vxlan_port: 8472}\n")
    assert specs.replay_decapsulation(settings(other)).kinds == ("gre",)


def test_the_audit_is_as_configured() -> None:
    """Frames after and before the crossing, and how much of each."""
    audit = specs.audit_spec(settings("audit: {packets: 50, before: 3, frame_bytes: 96}"))
    assert (audit.packets, audit.before, audit.frame_bytes) == (50, 3, 96)


def test_exabgp_is_told_who_we_are() -> None:
    """The announcer gets folder, program, user and what a stop means; levels are written as ExaBGP writes them."""
    text = "paths: {runtime: /run/x}\nbgp: {exabgp: {command: /opt/exabgp, user: bgp, on_stop: keep, log_level: info}}"
    found = specs.announcer_settings(settings(text), "me")
    assert (found.runtime, found.command, found.user) == (Path("/run/x"), Path("/opt/exabgp"), "bgp")
    assert (found.on_stop, found.log_level, found.instance, found.managed) == ("keep", "INFO", "me", True)


def test_without_channels_nobody_is_told() -> None:
    """No mail section, no mail; no script section, no script."""
    assert specs.mail_settings(settings()) is None
    assert specs.script_settings(settings()) is None


def test_mail_is_as_configured() -> None:
    """Server, addresses, security and login arrive; the password leaves its wrapping only here."""
    found = specs.mail_settings(
        settings(
            "notify:\n  mail: {server: mx.example.net, port: 587, security: starttls, user: u, password: secret,\n"
            "    from: guard@example.net, to: [noc@example.net], timeout: 5s, retry_for: 1h, helo: guard.example.net}\n"
        )
    )
    assert found is not None
    assert (found.server, found.port, found.security) == ("mx.example.net", 587, "starttls")
    assert (found.user, found.password, found.helo) == ("u", "secret", "guard.example.net")
    assert (found.sender, found.to) == ("guard@example.net", ("noc@example.net",))
    assert (found.timeout_seconds, found.retry_seconds) == (5, 3600)


def test_messages_have_brand_zone_and_templates() -> None:
    """What all messages have in common comes from `notify`."""
    found = specs.notify_policy(settings("notify: {brand: Us, timezone: Europe/Berlin, templates: /etc/t}"), "me")
    assert (found.instance, found.brand, found.templates) == ("me", "Us", Path("/etc/t"))
    assert found.timezone == ZoneInfo("Europe/Berlin")


def test_the_script_has_its_time() -> None:
    """Path and time limit of the hook."""
    found = specs.script_settings(settings("notify: {script: {path: /opt/hook.sh, timeout: 7s}}"))
    assert found is not None
    assert (found.path, found.timeout_seconds) == (Path("/opt/hook.sh"), 7)


def test_a_name_that_only_pf_ring_knows_is_its_own() -> None:
    """`auto` is PF_RING where a driver or a queue is named; with another source the name is refused with its place."""
    entry = "capture: [{source: %s, interfaces: [eth3, 'zc:eth3@0,1', zc:averylongname15@7, eth4@1]}]\n"
    kinds = [spec.kind for spec in specs.source_specs(settings(entry % "auto"))]
    assert kinds == [SourceKind.AUTO, *[SourceKind.PF_RING] * 3]
    with pytest.raises(
        ConfigError, match=r"interfaces\[2\]: a name that only PF_RING knows: 'zc:eth3@0,1', but source"
    ):
        settings(entry % "af_packet")


@pytest.mark.parametrize(
    "name", ["'zc:'", "zc:eth3@", "zc:eth3@x", "ZC:eth3", "zc:a/b", "zc:averylongname-16", "'zc:a b'"]
)
def test_device_names_have_a_form(name: str) -> None:
    """What cannot be a device is refused."""
    with pytest.raises(ConfigError, match="not an interface name"):
        settings(f"capture: [{{source: pf_ring, interfaces: [{name}]}}]\n")
