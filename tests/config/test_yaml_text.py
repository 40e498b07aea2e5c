"""YAML becomes values with places, and nothing that YAML can do harms."""

import pytest

from fnm_guard.config import yaml_text
from fnm_guard.config.yaml_text import read


def complaints(text: str) -> list[str]:
    """Give what is wrong with a text, as line:column text."""
    return [f"{item.line}:{item.column} {item.text}" for item in read(text).complaints]


def test_values_stay_text() -> None:
    """YAML's guesses about numbers, truth and times are not made; only nothing is nothing."""
    text = "{a: 64500:12, NO: on, c: 2014-07-04, d: 0x10, e: 'null', f: ~, g: , h: null}"
    assert read(text).root.plain() == {
        "a": "64500:12", "NO": "on", "c": "2014-07-04", "d": "0x10", "e": "null", "f": None, "g": None, "h": None,
    }  # fmt: skip


def test_every_value_knows_its_place() -> None:
    """Values and keys know line and column, from 1."""
    document = read("a:\n  - x\n  - {b: 5}\n")
    value, key = document.place(("a", 1, "b")), document.place(("a", 1, "b"), at_key=True)
    assert (value.line, value.column, key.line, key.column) == (3, 9, 3, 6)


def test_a_value_that_is_not_there() -> None:
    """What is not in the file stands where it would be missed."""
    place = read("a:\n  b: {c: 1}\n").place(("a", "b", "x", 3))
    assert (place.line, place.column, place.loc, place.nearest) == (2, 6, ("a", "b", "x", 3), ("a", "b"))


def test_an_empty_file() -> None:
    """An empty file has a place all the same."""
    document = read("")
    assert (document.root.plain(), document.place(("networks",)).line) == (None, 1)


def test_what_is_taken_away_leaves_the_numbers_of_the_rest() -> None:
    """A list entry keeps its index in the file when one before it is taken away."""
    document = read("a: [x, y, z]")
    document.remove(("a", 0))
    assert document.root.plain() == {"a": ["y", "z"]}
    assert document.place(("a", 1)).loc == ("a", 2)
    assert document.place(("a", 2)).nearest == ("a",)


@pytest.mark.parametrize("loc", [(), ("b",), ("a", 7), ("a", 0, "x"), ("a", "x")])
def test_what_is_not_there_cannot_be_taken_away(loc: tuple[str | int, ...]) -> None:
    """Taking away what is not there, or the root, changes nothing."""
    document = read("a: [x]")
    document.remove(loc)
    assert document.root.plain() == {"a": ["x"]}


def test_duplicate_keys() -> None:
    """A key that stands twice is told at its second place; the first value is kept, and the rest is read."""
    document = read("a: 1\nb: 2\na: 3\nc: 4\n")
    assert [(item.line, item.column, item.text) for item in document.complaints] == [
        (3, 1, "the key stands twice, first in line 1")
    ]
    assert (document.root.plain(), document.whole) == ({"a": "1", "b": "2", "c": "4"}, True)


def test_anchors_and_aliases() -> None:
    """An anchor may be repeated, with the place of the original."""
    document = read("a: &x [1, 2]\nb: *x\n")
    assert document.root.plain() == {"a": ["1", "2"], "b": ["1", "2"]}
    assert document.place(("b", 1)).column == 11
    assert read("a: &x 1\nb: *x\n").root.plain() == {"a": "1", "b": "1"}


def test_anchor_bombs() -> None:
    """Anchors that multiply are stopped at the bound, long before memory is."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    (complaint,) = complaints("\n".join(lines))
    assert complaint.endswith(f"too many values; allowed: {yaml_text.NODES_LIMIT} a file, repeated ones counted")


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: *b", "*a : 1", "a: *hunter2"])
def test_aliases_to_nothing(text: str) -> None:
    """An alias to nothing or to itself is told, without its name: it may be a password that begins with a star."""
    (complaint,) = complaints(text)
    assert "alias" in complaint
    assert "hunter2" not in complaint


def test_deep_nesting() -> None:
    """Nesting is stopped at the bound, however deep the file goes on."""
    assert complaints("[" * 100_000) == ["1:33 nested too deeply; allowed: 32 levels"]
    assert complaints("- " * 50_000) == ["1:65 nested too deeply; allowed: 32 levels"]


def test_tags() -> None:
    """Tags are refused: they could make objects."""
    found = complaints("a: !!python/object:os.system x\nb: !x [1]\n")
    assert found == [
        "1:4 a tag; allowed: none (a value that begins with ! needs quotes)",
        "2:4 a tag; allowed: none (a value that begins with ! needs quotes)",
    ]


def test_merge_keys() -> None:
    """Merge keys are refused, and what they would bring is not read."""
    document = read("a: &x {b: 1}\nc: {<<: *x, d: 2}\n")
    assert document.root.plain() == {"a": {"b": "1"}, "c": {"d": "2"}}
    assert [item.text for item in document.complaints] == ["merge keys are not supported; allowed: write the keys out"]


def test_keys_that_are_no_text() -> None:
    """Lists and mappings as keys are refused."""
    assert complaints("? [a]\n: b\n") == ["1:3 a list or mapping as a key; allowed: plain text"]


def test_a_second_document() -> None:
    """One document a file: a second one would be silently unread."""
    assert complaints("a: 1\n---\nb: 2\n") == ["2:1 a second document begins; allowed: one document a file"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\n\tb: 2\n", "2:1 not YAML: "),
        ("a: [1, 2\nb: 3\n", "2:2 not YAML: "),
        ("a: 'x\n", "2:1 not YAML: "),
        ("a: b: c\n", "1:5 not YAML: "),
        ("a: @x\n", "1:4 not YAML: "),
    ],
)
def test_broken_yaml(text: str, complaint: str) -> None:
    """Text that is no YAML is one line with the place where the reading ended."""
    (found,) = complaints(text)
    assert found.startswith(complaint)
    assert not read(text).whole


@pytest.mark.parametrize(("character", "name"), [("\x07", "\\x07"), ("\ud800", "\\ud800"), ("\ufffe", "\\ufffe")])
def test_characters_that_yaml_does_not_have(character: str, name: str) -> None:
    """A character that must not be in YAML is named with its place; those of private use may be there."""
    text = f"a: \ue000\nb: x{character}y\n"
    assert complaints(text) == [f"2:5 not YAML: the character '{name}' must not be here"]
