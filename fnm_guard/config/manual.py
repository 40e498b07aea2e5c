"""The manual page fnm-guard.yaml(5), generated from the settings.

`python -m fnm_guard.config.manual EXAMPLE` prints what is shipped as man/fnm-guard.yaml.5; EXAMPLE is the file that
stands at its end.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fnm_guard.config import json_schema

__all__ = ["page"]

_HEAD = r""".\" Generated from the settings: python -m fnm_guard.config.manual
.TH FNM\-GUARD.YAML 5 "" "fnm\-guard" "File formats"
.SH NAME
fnm\-guard.yaml \- configuration of fnm\-guard
.SH DESCRIPTION
The configuration is one YAML file in UTF\-8, by default
.IR /etc/fnm\-guard/fnm\-guard.yaml .
Only
.B networks
must be given; all other settings have a default.
.PP
.B fnm\-guard check
reads the file and says everything that is wrong in it, one line each:
.PP
.EX
fnm\-guard.yaml:11:14: detection.thresholds.incoming.pps: too small: '\-5'; allowed: a number above 0, or off
.EE
.PP
Unknown and duplicate keys are errors.
Entries of a list are counted from 1.
.B fnm\-guard reload
and SIGHUP read the file again; if anything is wrong, the daemon keeps the configuration it has.
.PP
A duration is a number with a unit: ms, s, m, h or d; without one it is in seconds.
A bit rate in mbps is in 10^6 bit/s, counted at the IP layer with the IP header.
A switch is true or false; yes, no, on and off mean the same.
An empty setting (no value, ~ or null) means none.
Anchors and aliases may be used; tags and merge keys may not.
.PP
A password may stand in the file itself, or in the first line of another file:
.B {file: /etc/fnm\-guard/password} .
It is never shown.
.PP
Below, NAME stands for a name of your own, and [] for each entry of a list.
"""

_TAIL = r"""
.SH SEE ALSO
.BR fnm\-guard (8)
"""


def page(example: str) -> str:
    """Give the page; `example` is a configuration file with comments."""
    schema = json_schema.build()
    body = _Body(schema["$defs"])
    text = _HEAD + ".SH SETTINGS\n" + "\n".join(body.lines(schema, ""))
    lines = [_escaped(line) for line in example.rstrip("\n").split("\n")]
    return text + "\n.SH EXAMPLE\n.EX\n" + "\n".join(lines) + "\n.EE" + _TAIL


class _Body:
    """Writes the settings, each section once."""

    def __init__(self, sections: dict[str, Any]) -> None:
        self._sections = sections
        self._written: dict[str, str] = {}

    def lines(self, section: dict[str, Any], path: str) -> Iterator[str]:
        """Give the lines about the keys of a section."""
        for key, item in section["properties"].items():
            yield from self._about(f"{path}.{key}" if path else key, item, is_needed=key in section.get("required", ()))

    def _about(self, path: str, item: dict[str, Any], *, is_needed: bool) -> Iterator[str]:
        name, inner = self._section_below(item)
        if name and not path.count("."):
            yield f".SS {_escaped(path)}"
        yield f".TP\n.B {_escaped(path + inner)}"
        yield _escaped(item.get("description") or self._sections[name]["description"])
        if not name or any("x-values" in choice for choice in item.get("anyOf", ())):
            yield f".br\n{_escaped(_values(item, is_needed=is_needed))}"
        if not name:
            return
        if name in self._written:
            yield f".br\nKeys: as those of {_escaped(self._written[name])}."
            return
        self._written[name] = path + inner
        yield from self.lines(self._sections[name], path + inner)

    def _section_below(self, item: dict[str, Any]) -> tuple[str, str]:
        """Give the section that a setting holds, and what its path needs to lead into it."""
        for holder in item.get("patternProperties", {}).values():
            return _name(holder), ".NAME"
        if "$ref" in item.get("items", ()):
            return _name(item["items"]), "[]"
        for choice in (item, *item.get("anyOf", ())):
            if "$ref" in choice:
                return _name(choice), ""
        return "", ""


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _values(item: dict[str, Any], *, is_needed: bool) -> str:
    """Give what is allowed, and what is taken if nothing is given."""
    words = _words(item)
    if is_needed:
        return f"Values: {words}; must be given."
    default = item.get("default")
    if default is None:
        return f"Values: {words}."
    shown = default if isinstance(default, str) else json.dumps(default)
    return f"Values: {words}.  Default: {shown}."


def _words(item: dict[str, Any]) -> str:
    if "x-values" in item:
        return str(item["x-values"])
    if "items" in item:
        return f"list of {_words(item['items'])}"
    return next(_words(choice) for choice in item["anyOf"] if "x-values" in choice)


def _escaped(text: str) -> str:
    """Give text as roff prints it."""
    text = re.sub(r"([\\-])", r"\\\1", text).replace("\\\\", "\\e").replace("^", "\\(ha").replace("~", "\\(ti")
    text = text.replace("`", "")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]).read_text(encoding="utf-8")))
