"""What every section of the file has in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["Contradiction", "ContradictionError", "Loc", "Section"]

Loc: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Values that do not fit together.

    Attributes:
        loc: Path from the section to the one that is to be put right.
        text: What is wrong, the value, what is allowed.
        others: Paths from the section to those it does not fit; all are right by themselves.
    """

    loc: Loc
    text: str
    others: tuple[Loc, ...] = ()

    def below(self, loc: Loc) -> "Contradiction":
        """Give it with paths from further up."""
        return Contradiction((*loc, *self.loc), self.text, tuple((*loc, *other) for other in self.others))


class ContradictionError(ValueError):
    """A section whose values contradict each other."""

    def __init__(self, found: tuple[Contradiction, ...]) -> None:
        super().__init__(found)
        self.found = found


class Section(BaseModel):
    """A part of the settings: frozen, unknown keys refused, an empty section or list the same as none."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, data: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or not cls._may_be_empty(key)}

    @classmethod
    def _may_be_empty(cls, key: str) -> bool:
        field = cls.model_fields.get(key)
        if field is None or get_origin(field.annotation) in (Union, UnionType):
            return False
        is_section = isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        return is_section or get_origin(field.annotation) in (tuple, dict)

    @classmethod
    def below(cls, part: str | int) -> "type[Section] | None":
        """Give the section that a key leads to; None for a name or index inside a list or mapping of sections."""
        for name, field in cls.model_fields.items():
            if part == (field.alias or name):
                return next(_sections(field.annotation), None)
        return None

    @model_validator(mode="after")
    def _agree(self) -> "Section":
        found = tuple(self.contradictions())
        if found:
            raise ContradictionError(found)
        return self

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together; called once every value of the section is right by itself."""
        yield from ()


def _sections(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inside in get_args(annotation):
        yield from _sections(inside)
