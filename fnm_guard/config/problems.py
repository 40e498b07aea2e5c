"""What is wrong in a file, and where."""

import re
from dataclasses import dataclass

__all__ = ["ConfigError", "Problem", "key_text", "shown"]

SHOWN_CHARACTERS = 60
PROBLEMS_SHOWN = 100

_PLAIN_KEY = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: As the caller named it.
        line, column: From 1; both 0 when the file as a whole is meant.
        key: Path of the setting, list entries counted from 1: `capture[1].interfaces[2]`; "" for the whole file.
        text: What is wrong, the value, what is allowed.
    """

    file: str
    line: int
    column: int
    key: str
    text: str

    def __str__(self) -> str:
        """Give `file:line:column: key: text` without the parts that are unknown."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.text) if part)


class ConfigError(Exception):
    """A configuration that cannot be used.

    Attributes:
        problems: In the order of the file, never empty.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """Give one line a problem, the first 100 of them."""
        lines = [str(problem) for problem in self.problems[:PROBLEMS_SHOWN]]
        if len(self.problems) > PROBLEMS_SHOWN:
            lines.append(f"{self.problems[0].file}: and more; put these right first")
        return "\n".join(lines)


def shown(value: object) -> str:
    """Give a value as an error may show it: what a list or mapping holds may be a secret and stays out."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = ascii(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def key_text(loc: tuple[str | int, ...]) -> str:
    """Give the path of a setting: `capture[1].interfaces[2]` for ("capture", 0, "interfaces", 1)."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part + 1}]"
            continue
        name = part if _PLAIN_KEY.fullmatch(part) else shown(part)
        text += f".{name}" if text else name
    return text
