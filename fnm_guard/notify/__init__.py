"""Who is told, and how: mails and the script hook, from templates, through a durable outbox."""

from fnm_guard.notify.messages import Composer
from fnm_guard.notify.model import (
    ChannelReport,
    Kind,
    MailSettings,
    Notice,
    NotifierStatus,
    NotifyPolicy,
    Outbox,
    Pace,
    ScriptSettings,
)
from fnm_guard.notify.notifier import Notifier
from fnm_guard.notify.script import check_script
from fnm_guard.notify.templates import Templates, check_templates

__all__ = [
    "ChannelReport",
    "Composer",
    "Kind",
    "MailSettings",
    "Notice",
    "Notifier",
    "NotifierStatus",
    "NotifyPolicy",
    "Outbox",
    "Pace",
    "ScriptSettings",
    "Templates",
    "check_script",
    "check_templates",
]
