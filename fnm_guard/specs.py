"""From the settings to what each room is told: the one place where both vocabularies meet."""

from typing import TYPE_CHECKING

from fnm_guard.announcer.settings import AnnouncerSettings
from fnm_guard.capture.model import AuditSpec, Decapsulation, SourceKind, SourceSpec
from fnm_guard.config.settings import CaptureSettings
from fnm_guard.notify.model import MailSettings, NotifyPolicy, ScriptSettings

if TYPE_CHECKING:
    from fnm_guard.config.settings import Settings

__all__ = [
    "announcer_settings",
    "audit_spec",
    "mail_settings",
    "notify_policy",
    "replay_decapsulation",
    "script_settings",
    "source_specs",
]


def source_specs(settings: "Settings") -> list[SourceSpec]:
    """Give the sources of frames, one an interface."""
    return [
        SourceSpec(
            kind=SourceKind(entry.source_of(interface)),
            interface=interface,
            threads=entry.thread_count,
            cpus=entry.cpus,
            fanout=entry.fanout,
            snaplen=entry.snaplen,
            promiscuous=entry.promiscuous,
            count_internal=entry.count_internal,
            cluster=entry.cluster,
            ring_bytes=entry.ring_mib << 20,
            decapsulation=Decapsulation(entry.decapsulate, entry.vxlan_port),
            role=entry.role,
        )
        for entry in settings.capture
        for interface in entry.interfaces
    ]


def replay_decapsulation(settings: "Settings") -> Decapsulation:
    """Give what a replay looks into: what every entry of `capture` does, the defaults if there is none.

    Entries with several ports for VXLAN have no VXLAN in common.
    """
    entries = settings.capture or (CaptureSettings(interfaces=("none",)),)
    kinds = [kind for kind in entries[0].decapsulate if all(kind in entry.decapsulate for entry in entries)]
    ports = {entry.vxlan_port for entry in entries}
    if len(ports) > 1 and "vxlan" in kinds:
        kinds.remove("vxlan")
    return Decapsulation(tuple(kinds), entries[0].vxlan_port)


def audit_spec(settings: "Settings") -> AuditSpec:
    """Give how many frames are kept, and how much of each."""
    audit = settings.audit
    return AuditSpec(packets=audit.packets, before=audit.before, frame_bytes=audit.frame_bytes)


def announcer_settings(settings: "Settings", instance: str) -> AnnouncerSettings:
    """Give where ExaBGP is and who runs it."""
    exabgp = settings.bgp.exabgp
    return AnnouncerSettings(
        runtime=settings.paths.runtime,
        command=exabgp.command,
        managed=exabgp.managed,
        on_stop=exabgp.on_stop,
        log_level=exabgp.log_level.upper(),
        user=exabgp.user or "",
        instance=instance,
    )


def notify_policy(settings: "Settings", instance: str) -> NotifyPolicy:
    """Give what all messages have in common."""
    notify = settings.notify
    return NotifyPolicy(instance=instance, brand=notify.brand, timezone=notify.zone(), templates=notify.templates)


def mail_settings(settings: "Settings") -> MailSettings | None:
    """Give the mail server and who gets mail, None: no mail."""
    mail = settings.notify.mail
    if mail is None:
        return None
    return MailSettings(
        server=mail.server,
        sender=mail.sender,
        to=mail.to,
        port=mail.port,
        security=mail.security,
        user=mail.user,
        password=mail.password.get_secret_value() if mail.password else None,
        timeout_seconds=mail.timeout,
        retry_seconds=mail.retry_for,
        helo=mail.helo,
    )


def script_settings(settings: "Settings") -> ScriptSettings | None:
    """Give the program called for every attack, None: none."""
    script = settings.notify.script
    return None if script is None else ScriptSettings(script.path, script.timeout)
