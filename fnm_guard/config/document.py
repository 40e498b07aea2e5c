"""The values of a file, each with its line and column."""

from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

__all__ = ["Complaint", "Document", "Loc", "Node", "Place"]

Loc: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something wrong with the YAML itself; line and column from 1."""

    line: int
    column: int
    loc: Loc
    text: str


@dataclass(slots=True)
class Node:
    """One value of the file.

    Attributes:
        value: Text or None of a scalar; otherwise what it holds, by key, or by the index that it has in the file.
        is_list: Whether it is a list.
        keys: Where each key of a mapping stands.
        size: How many nodes it holds, itself included, repeated anchors counted each time.
    """

    line: int
    column: int
    value: "str | dict[str | int, Node] | None" = None
    is_list: bool = False
    keys: dict[str | int, tuple[int, int]] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> object:
        """Give the value without places."""
        if not isinstance(self.value, dict):
            return self.value
        if self.is_list:
            return [node.plain() for node in self.value.values()]
        return {key: node.plain() for key, node in self.value.items()}

    def key_of(self, part: str | int) -> str | int | None:
        """Give the key in the file of what stands under a key, or at an index now; None if there is nothing."""
        if not isinstance(self.value, dict):
            return None
        if isinstance(part, int):
            return next(islice(self.value, part, None), None) if self.is_list else None
        return part if part in self.value else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands.

    Attributes:
        loc: Its path in the file, which differs from the one asked for where an entry before it was taken away.
        line, column: Of the value, or of what surrounds it where it is not in the file.
        nearest: The longest part of the path that is in the file.
    """

    loc: Loc
    line: int
    column: int
    nearest: Loc


@dataclass(frozen=True, slots=True)
class Document:
    """A file as read.

    Attributes:
        root: Its value; what came before the error, where the reading stopped.
        complaints: What was wrong with the YAML.
        whole: Whether it was read to its end.
    """

    root: Node
    complaints: tuple[Complaint, ...]
    whole: bool

    def place(self, loc: Loc, *, at_key: bool = False) -> Place:
        """Say where a value stands, or its key."""
        node, found = self._walk(loc)
        line, column = node.line, node.column
        if at_key and len(found) == len(loc) and loc:
            parent, _ = self._walk(loc[:-1])
            line, column = parent.keys.get(loc[-1], (line, column))
        return Place((*found, *loc[len(found) :]), line, column, found)

    def _walk(self, loc: Loc) -> tuple[Node, Loc]:
        """Go along a path as far as there are values; give the last one and its path in the file."""
        node = self.root
        found: list[str | int] = []
        for part in loc:
            key = node.key_of(part)
            if key is None or not isinstance(node.value, dict):
                break
            node = node.value[key]
            found.append(key)
        return node, tuple(found)

    def remove(self, loc: Loc) -> None:
        """Take away the value at a path in the file, if it is there; the root stays."""
        node = self.root
        for key in loc[:-1]:
            if not isinstance(node.value, dict) or key not in node.value:
                return
            node = node.value[key]
        if isinstance(node.value, dict) and loc:
            node.value.pop(loc[-1], None)
