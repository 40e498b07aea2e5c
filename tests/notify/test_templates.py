"""Rules of templates: the operator's go first, and their faults cost no message."""

from pathlib import Path

import pytest
import structlog
from jinja2 import UndefinedError

from fnm_guard.notify.samples import sample_facts
from fnm_guard.notify.templates import Templates, check_templates, shipped

FACTS = next(sample_facts())


@pytest.mark.parametrize("name", sorted(shipped()))
def test_ours_render_with_the_facts_of_every_message(name: str) -> None:
    """Each shipped template can be rendered whatever the message is about."""
    for facts in sample_facts():
        Templates().render(name, facts)


def test_operators_template_goes_first(tmp_path: Path) -> None:
    """A file of the same name in the operator's folder stands in for ours; the others stay."""
    (tmp_path / "banned.subject.j2").write_text("{{ host }} is gone\n")
    templates = Templates(tmp_path)
    assert templates.render("banned.subject.j2", FACTS) == "192.0.2.1 is gone"
    assert templates.render("unbanned.subject.j2", FACTS) == "Myflower Guard: IP 192.0.2.1 unblocked"
    assert templates.fallbacks == 0


def test_overriding_a_part_changes_the_whole(tmp_path: Path) -> None:
    """Ours include the report by name, so an operator can change it alone, or include ours."""
    (tmp_path / "report.j2").write_text("MINE {{ host }}\n")
    assert Templates(tmp_path).render("details.body.j2", FACTS).startswith("MINE 192.0.2.1\n\n2014-")


@pytest.mark.parametrize(
    "text",
    [
        "{{ hots }}",
        "{% if %}",
        "{{ 1 / 0 }}",
        "{% include 'nothing.j2' %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% for a in range(99999) %}{{ 'xxxxxxxxxx' }}{% endfor %}",
    ],
)
def test_broken_template_falls_back(tmp_path: Path, text: str) -> None:
    """A template that fails in any way is replaced by ours, logged with its name, and counted."""
    (tmp_path / "banned.subject.j2").write_text(text)
    templates = Templates(tmp_path)
    with structlog.testing.capture_logs() as lines:
        assert templates.render("banned.subject.j2", FACTS).startswith("Myflower Guard: IP 192.0.2.1 blocked")
    assert templates.fallbacks == 1
    assert [line["template"] for line in lines] == ["banned.subject.j2"]
    [problem] = check_templates(tmp_path)
    assert problem.startswith(f"{tmp_path}/banned.subject.j2: ")


def test_file_that_is_no_text_falls_back(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are a fault of the template as well."""
    (tmp_path / "banned.subject.j2").write_bytes(b"\xff\xfe")
    assert Templates(tmp_path).render("banned.subject.j2", FACTS).startswith("Myflower Guard")
    assert len(check_templates(tmp_path)) == 1


def test_folder_that_went_away_falls_back(tmp_path: Path) -> None:
    """A missing folder is a warning, not an end."""
    missing = tmp_path / "missing"
    assert Templates(missing).render("banned.subject.j2", FACTS).startswith("Myflower Guard")
    assert "no such folder" in check_templates(missing)[0]


def test_edited_template_is_used_at_once(tmp_path: Path) -> None:
    """No restart is needed for a changed template."""
    path = tmp_path / "banned.subject.j2"
    path.write_text("one")
    templates = Templates(tmp_path)
    assert templates.render("banned.subject.j2", FACTS) == "one"
    path.write_text("two, longer")
    assert templates.render("banned.subject.j2", FACTS) == "two, longer"


def test_check_names_the_line_and_the_misspelt(tmp_path: Path) -> None:
    """The check says where a template is wrong, and which file no message has; parts that are included are fine."""
    (tmp_path / "banned.body.j2").write_text("good\n{% endif %}\n")
    (tmp_path / "detail.body.j2").write_text("misspelt")
    (tmp_path / "footer.j2").write_text("included")
    (tmp_path / "details.body.j2").write_text("{% include 'footer.j2' %}")
    (tmp_path / "notes.txt").write_text("{{ not a template")
    lines = check_templates(tmp_path)
    assert len(lines) == 2
    assert "banned.body.j2: line 2: " in lines[0]
    assert "detail.body.j2: no message has a template of this name" in lines[1]


def test_good_folder_has_no_problems(tmp_path: Path) -> None:
    """A copy of ours is fine."""
    for name, text in shipped().items():
        (tmp_path / name).write_text(text)
    assert check_templates(tmp_path) == []


def test_unknown_name_of_ours_is_an_error() -> None:
    """Ours never fall back: a mistake in them is found by the tests."""
    with pytest.raises(UndefinedError):
        Templates().render("banned.subject.j2", {})
