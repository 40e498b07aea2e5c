"""Everything that is wrong with the values of a file, in one run.

pydantic judges every value by itself, but looks at what contradicts what only in a section that is otherwise right.  So
what is wrong is taken away and the rest judged again, until nothing new comes: then a file with a bad window still
hears that its peer has no AS number of ours to talk to.  A value that was taken away is as if left out, and its default
may contradict what the operator wrote; a contradiction with anything that was wrong before is therefore not told.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fnm_guard.config.document import Document, Loc, Place
from fnm_guard.config.problems import shown
from fnm_guard.config.section import Contradiction, ContradictionError, Section
from fnm_guard.config.settings import Settings
from fnm_guard.config.values import BadValueError

__all__ = ["FINDINGS_LIMIT", "Finding", "judge"]

FINDINGS_LIMIT = 1000
ROUNDS_LIMIT = 8
KEYS_NAMED = 15
KEY_CHARACTERS = 64

# What other programs call it.
_ELSEWHERE = {
    "ban_time": "duration",
    "md5": "password",
    "networks_list": "networks",
    "peer_as": "as",
    "remote_as": "as",
    "sender": "from",
    "whitelist": "never_ban",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        place: Where it stands in the file.
        text: What is wrong, the value, what is allowed.
        others: Paths in the file of what it contradicts.
        is_contradiction: Whether every value is right by itself.
    """

    place: Place
    text: str
    others: tuple[Loc, ...] = ()
    is_contradiction: bool = False


def judge(document: Document) -> tuple[Settings | None, list[Finding]]:
    """Give the settings of a document, or what is wrong with them; values that are wrong are taken away from it."""
    told: list[Finding] = []
    wrong: set[Loc] = set()
    for number in range(ROUNDS_LIMIT):
        try:
            settings = Settings.model_validate(document.root.plain())
        except ValidationError as error:
            found = list(_findings(error, document))
        else:
            return (None, told) if told else (settings, [])
        told += [item for item in found if number == 0 or _is_news(item, wrong)]
        wrong.update(item.place.loc for item in found)
        for item in found:
            document.remove(item.place.nearest)
        if len(told) >= FINDINGS_LIMIT or any(not item.place.nearest for item in found):
            break
    return None, told


def _is_news(finding: Finding, wrong: set[Loc]) -> bool:
    """Say whether a finding of a later round is one of the file, and not of what was taken away."""
    if not finding.is_contradiction:
        return False
    return not any(_touch(loc, other) for loc in (finding.place.loc, *finding.others) for other in wrong)


def _touch(first: Loc, second: Loc) -> bool:
    length = min(len(first), len(second))
    return first[:length] == second[:length]


def _findings(error: ValidationError, document: Document) -> Iterator[Finding]:
    for detail in error.errors(include_url=False)[:FINDINGS_LIMIT]:
        loc = detail["loc"]
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ContradictionError):
            for contradiction in cause.found:
                yield _contradiction(contradiction.below(loc), document)
        elif loc and loc[-1] == "[key]":
            yield Finding(document.place(loc[:-1], at_key=True), _text(detail))
        else:
            yield Finding(document.place(loc, at_key=detail["type"] == "extra_forbidden"), _text(detail))


def _contradiction(contradiction: Contradiction, document: Document) -> Finding:
    others = tuple(document.place(other).loc for other in contradiction.others)
    return Finding(document.place(contradiction.loc), contradiction.text, others, is_contradiction=True)


def _text(detail: ErrorDetails) -> str:
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, BadValueError):
        value = "" if cause.is_secret else f": {shown(detail['input'])}"
        return f"{cause.what}{value}; allowed: {cause.allowed}"
    if detail["type"] == "extra_forbidden":
        return _unknown_key(detail["loc"])
    return _builtin(detail["type"], detail.get("ctx", {}), detail["input"])


def _builtin(kind: str, context: dict[str, Any], value: object) -> str:
    """Give the words for an error that pydantic found by itself."""
    if kind == "missing":
        return "missing; allowed: it must be given"
    if kind in {"model_type", "dict_type"}:
        return f"not a mapping of keys to values: {_sort(value)}; allowed: KEY: VALUE lines"
    if kind == "tuple_type":
        return f"not a list: {_sort(value)}; allowed: [VALUE, VALUE]"
    if kind == "too_short":
        return f"too few entries: {context['actual_length']}; allowed: at least {context['min_length']}"
    if kind == "too_long":
        return f"too many entries; allowed: at most {context['max_length']}"
    return f"not usable ({kind})"


def _sort(value: object) -> str:
    """Give the sort of a value that stands where a section belongs; its text might be a secret."""
    return "text" if isinstance(value, str) else shown(value)


def _unknown_key(loc: Loc) -> str:
    allowed = _keys(loc[:-1])
    key = str(loc[-1])[:KEY_CHARACTERS]
    elsewhere = _ELSEWHERE.get(key)
    close = [elsewhere] if elsewhere in allowed else difflib.get_close_matches(key, allowed, 1)
    if close:
        return f"unknown key; did you mean {close[0]}?"
    named = ", ".join(allowed) if len(allowed) <= KEYS_NAMED else ", ".join([*allowed[:KEYS_NAMED], "…"])
    return f"unknown key; allowed: {named}"


def _keys(loc: Loc) -> list[str]:
    """Give the keys that the section at a path takes."""
    section: type[Section] = Settings
    for part in loc:
        section = section.below(part) or section
    return [field.alias or name for name, field in section.model_fields.items()]
