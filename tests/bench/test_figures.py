"""The file and the table of `make bench`."""

import json
import re
from pathlib import Path

import pytest

from bench.figures import Figure, Target, conditions, load, save, table
from bench.suite import BENCHMARKS

FAST = Figure("update_seconds", "s", (0.25, 0.21, 0.23), Target(0.4, at_most=True))
SLOW = Figure("update_seconds", "s", (0.5, 0.46, 0.44), Target(0.4, at_most=True))
RATE = Figure("engine_mpps", "M packets/s", (21.0, 19.0), Target(15, at_most=False))


def test_file_has_samples_and_spread(tmp_path: Path) -> None:
    """Every figure has its unit, samples in order, spread, command and the facts of the machine."""
    path = tmp_path / "new" / "engine.json"
    save(path, [FAST], "make bench ONLY=update", {}, {"cores": 2})
    assert json.loads(path.read_text()) == {
        "update_seconds": {
            "unit": "s",
            "ours": {"samples": [0.25, 0.21, 0.23], "min": 0.21, "median": 0.23, "max": 0.25},
            "command": "make bench ONLY=update",
            "conditions": {"cores": 2},
        }
    }


def test_figures_that_were_not_measured_stay(tmp_path: Path) -> None:
    """A run of one part keeps what the file had of the others, and replaces its own."""
    path = tmp_path / "engine.json"
    save(path, [FAST, RATE], "all", {}, {})
    save(path, [SLOW], "one", load(path), {})
    found = load(path)
    assert (found["update_seconds"]["command"], found["update_seconds"]["ours"]["median"]) == ("one", 0.46)
    assert found["engine_mpps"]["ours"]["median"] == 20


def test_without_a_run_before_there_is_nothing(tmp_path: Path) -> None:
    """No file is no error."""
    assert load(tmp_path / "engine.json") == {}


@pytest.mark.parametrize(("figure", "target"), [(FAST, "<= 0.4"), (SLOW, "<= 0.4 missed"), (RATE, ">= 15")])
def test_table_judges_the_median(figure: Figure, target: str) -> None:
    """The median is held against the target, whichever way that points."""
    assert re.search(rf" {len(figure.samples)} +{target}$", table([figure], {}))


def test_table_tells_the_change(tmp_path: Path) -> None:
    """The median of the run before stands beside the new one."""
    path = tmp_path / "engine.json"
    save(path, [FAST], "", {}, {})
    assert table([SLOW], load(path)).endswith("0.23  +100 %")


def test_conditions_name_machine_and_load() -> None:
    """What a figure depends on is written down."""
    facts = conditions()
    assert {"at", "cpu", "cores", "kernel", "python", "revision"} < set(facts)
    assert len(facts["load_average"]) == 3


def test_benchmarks_are_chosen_by_name_or_figure() -> None:
    """No name means all; a figure means its benchmark; every name belongs to one benchmark alone."""
    assert all(benchmark.is_meant([]) for benchmark in BENCHMARKS)
    names = [name for benchmark in BENCHMARKS for name in (benchmark.name, *benchmark.figures)]
    assert len(names) == len(set(names))
    for name in names:
        assert sum(benchmark.is_meant([name]) for benchmark in BENCHMARKS) == 1
