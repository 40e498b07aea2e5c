"""Calls of the script hook, as FastNetMon calls its own: `SCRIPT ADDRESS DIRECTION POWER ACTION`.

`ban` has the report on standard input, `attack_details` the report with the kept packets, `unban` nothing.  A ban by
hand has no direction and no power; it is called with `incoming` and `0`, which every existing script understands.
"""

from typing import TYPE_CHECKING

import msgspec

from fnm_guard.core.model import Direction
from fnm_guard.notify.facts import Facts
from fnm_guard.notify.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fnm_guard.notify.model import Notice, NotifyPolicy
    from fnm_guard.notify.templates import Templates

__all__ = ["CallWriter", "ScriptCall"]

TEST_HOST = "192.0.2.1"
"""Of RFC 5737: nobody's."""


class ScriptCall(msgspec.Struct, frozen=True):
    """One call as it waits."""

    host: str
    direction: str
    power: int
    action: str
    text: str = ""

    def words(self) -> list[str]:
        """Give the arguments."""
        return [self.host, self.direction, str(self.power), self.action]


class CallWriter:
    """Makes calls of notices.

    Args:
        wall: Core seconds to UTC.
    """

    def __init__(self, policy: "NotifyPolicy", templates: "Templates", wall: "Callable[[float], datetime]") -> None:
        self._templates = templates
        self._facts = Facts(policy, wall)

    def call(self, notice: "Notice", kind: Kind) -> ScriptCall:
        """Give the call for one thing told about a ban."""
        match kind:
            case Kind.BANNED:
                return self._of_ban(notice, "ban", self._text("script.ban.j2", notice))
            case Kind.UNBANNED:
                return self._of_ban(notice, "unban", "")
            case Kind.DETAILED:
                text = self._text("script.details.j2", notice)
                if notice.attack is None:
                    return self._of_ban(notice, "attack_details", text)
                attack = notice.attack
                host = str(attack.host)
                return ScriptCall(host, attack.direction.value, round(attack.power), "attack_details", text)

    def test(self, at: float) -> ScriptCall:
        """Give a call that no script acts on by FastNetMon's contract: its action is `test`."""
        text = self._templates.render("test.body.j2", self._facts.of_test(at)) + "\n"
        return ScriptCall(TEST_HOST, Direction.INCOMING.value, 0, "test", text)

    def _of_ban(self, notice: "Notice", action: str, text: str) -> ScriptCall:
        ban = notice.ban
        direction = ban.direction or Direction.INCOMING
        return ScriptCall(str(ban.host), direction.value, round(ban.power), action, text)

    def _text(self, template: str, notice: "Notice") -> str:
        return self._templates.render(template, self._facts.of_notice(notice)) + "\n"
