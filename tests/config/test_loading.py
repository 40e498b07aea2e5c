"""Files and texts become settings, or say everything that is wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies

from fnm_guard import config
from fnm_guard.config import loading

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))


def report(text: str, name: str) -> str:
    """Give what an operator reads about a text; "" if it is in order."""
    try:
        config.parse(text, name)
    except config.ConfigError as error:
        return f"{error}\n"
    return ""


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_files_say_all_that_is_wrong(path: Path) -> None:
    """Every problem of a file is one line with its place, the value and what is allowed, in the order of the file."""
    assert report(path.read_text(encoding="utf-8"), path.name) == path.with_suffix(".expected").read_text()


def test_there_are_bad_files() -> None:
    """The golden files are found."""
    assert len(BAD) >= 1


def test_load_gives_settings(tmp_path: Path) -> None:
    """A file that names our networks is a configuration."""
    path = tmp_path / "fnm-guard.yaml"
    path.write_text("networks: [198.51.100.0/24]\n")
    assert [str(network) for network in config.load(path).networks] == ["198.51.100.0/24"]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    """A file from an editor that writes a byte order mark is read."""
    path = tmp_path / "fnm-guard.yaml"
    path.write_bytes(b"\xef\xbb\xbfnetworks: [198.51.100.0/24]\n")
    assert len(config.load(path).networks) == 1


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is one line with the path and the reason."""
    path = tmp_path / "none.yaml"
    with pytest.raises(config.ConfigError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_folder_instead_of_file(tmp_path: Path) -> None:
    """A folder is one line."""
    with pytest.raises(config.ConfigError) as caught:
        config.load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that the system does not open is one line with the system's reason."""
    path = tmp_path / "circle.yaml"
    path.symlink_to(path)
    with pytest.raises(config.ConfigError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}: cannot be read: Too many levels of symbolic links"


def test_a_name_that_no_file_has() -> None:
    """A path with a zero byte is one line too."""
    with pytest.raises(config.ConfigError, match="cannot be read: embedded null byte"):
        config.load(Path("a\0b"))


def test_other_encodings(tmp_path: Path) -> None:
    """A file that is not UTF-8 is one line that names the line of the file."""
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"networks: [198.51.100.0/24]\n# \xfcber\n")
    with pytest.raises(config.ConfigError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}: line 2 is not UTF-8; allowed: UTF-8 text"


def test_large_file(tmp_path: Path) -> None:
    """A file above the bound is refused unread."""
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (loading.FILE_BYTES + 1))
    with pytest.raises(config.ConfigError, match="too large; allowed: 4194304 bytes"):
        config.load(path)


def test_device_without_end() -> None:
    """A device that never ends is refused at the bound."""
    with pytest.raises(config.ConfigError, match="too large"):
        config.load(Path("/dev/zero"))


def keys_of(section: dict[str, Any]) -> Iterator[str]:
    """Give all keys of the schema, those of inner sections among them."""
    for part in (section, *section["$defs"].values()):
        yield from part["properties"]


SCALARS = """
on off -1 0 7 30000 1e9 50ms 1s 1d 99999999999999999999999999999999999999999 192.0.2.1 198.51.100.0/24 ::/0 2001:db8::1
65535:666 1:2:3 x /x a@b eth0 act tls ~ ' [] {}
"""
scalars = strategies.sampled_from(["", "{file: /dev/null}", *SCALARS.split()])
values = strategies.recursive(
    scalars,
    lambda inner: (
        strategies.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | strategies.dictionaries(
            strategies.sampled_from(sorted(set(keys_of(config.schema())))), inner, max_size=4
        ).map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}")
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(strategies.dictionaries(strategies.sampled_from(sorted(config.schema()["properties"])), values, max_size=6))
def test_any_values_give_settings_or_a_config_error(sections: dict[str, str]) -> None:
    """Right keys with wrong values anywhere give lines with a place, and never another error."""
    text = "".join(f"{key}: {value}\n" for key, value in sections.items())
    for line in report(text, "x.yaml").splitlines():
        assert re.match(r"x\.yaml:\d+:\d+: ", line)


@settings(max_examples=300, deadline=None)
@given(strategies.text(max_size=200))
@example("a: &a [*a]")
@example("networks: [" * 2000)
@example("? [a]\n: b")
@example("\x00")
@example("a: \ud800")
@example("\ue000\x07")
@example("%YAML 3.0\n---\n")
def test_any_text_gives_settings_or_a_config_error(text: str) -> None:
    """Whatever stands in the file, the only error is ConfigError, and its lines can be printed."""
    report(text, "x.yaml").encode()
