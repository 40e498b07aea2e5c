"""Reads YAML text into a `Document`.

The tree is built from the parser's events with a stack of our own: nesting, size and repeated anchors are bounded
before anything is built, and duplicate keys are seen.  Scalars stay text, except an empty value, `~` and `null`: what a
text means is for the setting to say.  YAML's own guesses would make 64500:12 a number to the base of 60 and the peer NO
a falsehood.
"""

import re
from dataclasses import dataclass

import yaml

from fnm_guard.config.document import Complaint, Document, Loc, Node
from fnm_guard.config.problems import shown

__all__ = ["read"]

DEPTH_LIMIT = 32
NODES_LIMIT = 200_000

# What YAML 1.1, section 4.1, does not count among the printable characters.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})


class _Stop(Exception):  # noqa: N818 - ends the reading; never leaves this module
    """The rest of the file is not read."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    node: Node
    part: str | int = 0
    waits_for_value: bool = False
    skip: bool = False
    anchor: str | None = None


class _Builder:
    """Builds the tree from events."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.complaints: list[Complaint] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0

    def feed(self, event: yaml.events.Event) -> None:
        """Take the next event.

        Raises:
            _Stop: After a complaint that makes the rest unreadable.
        """
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if isinstance(event, yaml.events.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(line, column, "a second document begins; allowed: one document a file")
        elif isinstance(event, yaml.events.CollectionStartEvent):
            self._begin(event, Node(line, column, {}, isinstance(event, yaml.events.SequenceStartEvent)))
        elif isinstance(event, yaml.events.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.events.ScalarEvent):
            self._scalar(event, Node(line, column))
        elif isinstance(event, yaml.events.AliasEvent):
            self._alias(event, line, column)

    def _loc(self) -> Loc:
        return tuple(frame.part for frame in self._open if frame.node.is_list or frame.waits_for_value)

    def _complain(self, line: int, column: int, text: str) -> None:
        self.complaints.append(Complaint(line, column, self._loc(), text))

    def _stop(self, line: int, column: int, text: str) -> None:
        self._complain(line, column, text)
        raise _Stop

    def _begin(self, event: yaml.events.CollectionStartEvent, node: Node) -> None:
        self._refuse_tag(event.tag, node)
        if self._expects_key():
            self._stop(node.line, node.column, "a list or mapping as a key; allowed: plain text")
        if len(self._open) >= DEPTH_LIMIT:
            self._stop(node.line, node.column, f"nested too deeply; allowed: {DEPTH_LIMIT} levels")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(node, anchor=event.anchor))

    def _end(self) -> None:
        frame = self._open.pop()
        if frame.anchor is not None:
            self._anchors[frame.anchor] = frame.node
        self._place(frame.node)

    def _scalar(self, event: yaml.events.ScalarEvent, node: Node) -> None:
        self._refuse_tag(event.tag, node)
        if self._expects_key():
            self._key(event.value, node)
            return
        is_plain = event.style in (None, "")
        node.value = None if is_plain and event.value in _NULL else event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._place(node)

    def _alias(self, event: yaml.events.AliasEvent, line: int, column: int) -> None:
        if self._expects_key():
            self._stop(line, column, "an alias as a key; allowed: plain text")
        node = self._anchors.get(event.anchor or "")
        if node is None:
            self._stop(
                line, column, "an alias without a finished anchor before it (a value that begins with * needs quotes)"
            )
            return
        self._place(node)

    def _refuse_tag(self, tag: str | None, node: Node) -> None:
        if tag is not None:
            self._complain(node.line, node.column, "a tag; allowed: none (a value that begins with ! needs quotes)")

    def _expects_key(self) -> bool:
        return bool(self._open) and not self._open[-1].node.is_list and not self._open[-1].waits_for_value

    def _key(self, key: str, place: Node) -> None:
        frame = self._open[-1]
        frame.skip = key in frame.node.keys
        frame.part, frame.waits_for_value = key, True
        if frame.skip:
            first = frame.node.keys[key][0]
            self._complain(place.line, place.column, f"the key stands twice, first in line {first}")
        elif key == "<<":
            frame.skip = True
            self._complain(place.line, place.column, "merge keys are not supported; allowed: write the keys out")
        else:
            frame.node.keys[key] = (place.line, place.column)

    def _place(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        frame.node.size += node.size
        if sum(item.node.size for item in self._open) > NODES_LIMIT:
            self._stop(node.line, node.column, f"too many values; allowed: {NODES_LIMIT} a file, repeated ones counted")
        if isinstance(frame.node.value, dict) and not frame.skip:
            frame.node.value[frame.part] = node
        if isinstance(frame.part, int):
            frame.part += 1
        frame.waits_for_value = False

    def finish(self) -> Node:
        """Close what is still open and give the root."""
        while self._open:
            frame = self._open.pop()
            self.root = frame.node
        return self.root or Node(1, 1)


def read(text: str) -> Document:
    """Read YAML text; what is wrong with it is in the complaints."""
    builder = _Builder()
    whole = False
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.feed(event)
        whole = True
    except yaml.MarkedYAMLError as error:
        builder.complaints.append(_syntax(error))
    except (yaml.reader.ReaderError, UnicodeEncodeError) as error:
        builder.complaints.append(_unreadable(str(error.reason), text))
    except _Stop:
        pass
    return Document(builder.finish(), tuple(builder.complaints), whole)


def _syntax(error: yaml.MarkedYAMLError) -> Complaint:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    parts = (error.context, error.problem)
    return Complaint(line, column, (), "not YAML: " + (", ".join(part for part in parts if part) or "syntax error"))


def _unreadable(reason: str, text: str) -> Complaint:
    found = _NO_CHARACTER.search(text)
    if found is None:
        return Complaint(1, 1, (), f"not YAML: {reason}")
    before = text[: found.start()]
    line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
    return Complaint(line, column, (), f"not YAML: the character {shown(found[0])} must not be here")
