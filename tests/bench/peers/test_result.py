"""The file and the table of `make bench-peers`."""

import json
from pathlib import Path

import pytest

from bench.peers.result import NAMES, OURS, THEIRS, Ledger, save, table
from bench.peers.suite import PARTS

REQUIRED = {
    "cpu_ns_per_packet_flows_off",
    "cpu_ns_per_packet_flows_on",
    "loss_percent_max_load",
    "update_seconds_5x",
    "update_seconds_2x",
    "update_seconds_1.25x",
    "rss_mib_256",
    "rss_mib_65536",
    "rss_mib_1048576",
    "idle_cpu_percent_1048576",
    "carpet_10000_first_seconds",
    "carpet_10000_last_seconds",
}


def full() -> Ledger:
    """Give a run in which everything was measured."""
    ledger = Ledger()
    for name in NAMES:
        for value in (4.0, 1.0, 2.0):
            ledger.add(name, OURS, value)
            ledger.add(name, THEIRS, 10 * value)
    return ledger


def test_a_full_run_has_every_name_in_one_shape(tmp_path: Path) -> None:
    """Other programs read these names and keys: samples in order, both spreads, ratio, command, no more."""
    path = tmp_path / "new" / "peers.json"
    save(path, full().comparisons(), "make bench-peers", {"cores": 2})
    stored = json.loads(path.read_text())
    assert set(stored) == REQUIRED
    for name, entry in stored.items():
        assert entry == {
            "unit": NAMES[name],
            "ours": {"samples": [4.0, 1.0, 2.0], "min": 1.0, "median": 2.0, "max": 4.0},
            "fastnetmon": {"samples": [40.0, 10.0, 20.0], "min": 10.0, "median": 20.0, "max": 40.0},
            "ratio": 0.1,
            "command": "make bench-peers",
        }


def test_conditions_stand_beside_it(tmp_path: Path) -> None:
    """What a figure depends on is kept by name, in a file of its own."""
    save(tmp_path / "peers.json", full().comparisons(), "", {"cores": 2})
    facts = json.loads((tmp_path / "peers.conditions.json").read_text())
    assert facts == {name: {"cores": 2} for name in NAMES}


def test_what_could_not_be_measured_says_why(tmp_path: Path) -> None:
    """A side without samples has the reason in place of numbers, and there is no ratio."""
    ledger = Ledger()
    ledger.add("rss_mib_256", OURS, 100.0)
    ledger.fail(["rss_mib_256"], THEIRS, "not installed")
    save(tmp_path / "peers.json", ledger.comparisons(), "", {})
    entry = json.loads((tmp_path / "peers.json").read_text())["rss_mib_256"]
    assert (entry["fastnetmon"], entry["ratio"]) == ({"why": "not installed"}, None)
    assert entry["ours"]["median"] == 100


def test_a_failure_keeps_the_samples_before_it(tmp_path: Path) -> None:
    """What was measured before a side failed stays."""
    ledger = Ledger()
    ledger.add("rss_mib_256", OURS, 100.0)
    ledger.add("rss_mib_256", THEIRS, 200.0)
    ledger.fail(["rss_mib_256"], THEIRS, "ended")
    save(tmp_path / "peers.json", ledger.comparisons(), "", {})
    assert json.loads((tmp_path / "peers.json").read_text())["rss_mib_256"]["fastnetmon"]["samples"] == [200.0]


def test_nothing_is_divided_by_zero() -> None:
    """A median of 0 on their side, as a loss can be, gives no ratio."""
    ledger = Ledger()
    ledger.add("loss_percent_max_load", OURS, 0.0)
    ledger.add("loss_percent_max_load", THEIRS, 0.0)
    assert ledger.comparisons()[0].ratio is None


def test_a_run_of_one_part_keeps_the_others(tmp_path: Path) -> None:
    """Names that were not measured now stay as they were."""
    path = tmp_path / "peers.json"
    save(path, full().comparisons(), "all", {})
    ledger = Ledger()
    ledger.add("rss_mib_256", OURS, 7.0)
    save(path, ledger.comparisons(), "one", {})
    stored = json.loads(path.read_text())
    assert set(stored) == REQUIRED
    assert [stored[name]["command"] for name in ("rss_mib_256", "rss_mib_65536")] == ["one", "all"]


def test_others_stand_beside_both(tmp_path: Path) -> None:
    """A figure may have a third program, under its own name."""
    ledger = Ledger()
    for side, value in ((OURS, 40.0), (THEIRS, 130.0), ("tcpdump", 60.0)):
        ledger.add("cpu_ns_per_packet_tcpdump", side, value, "ns")
    save(tmp_path / "peers.json", ledger.comparisons(), "", {})
    entry = json.loads((tmp_path / "peers.json").read_text())["cpu_ns_per_packet_tcpdump"]
    assert (entry["unit"], entry["tcpdump"]["median"]) == ("ns", 60)


def test_table_names_each_side_and_the_reason() -> None:
    """Every side has a line with its spread, or with why there is none."""
    ledger = full()
    ledger.fail(["more"], THEIRS, "ended with 1")
    text = table(ledger.comparisons())
    assert text.count("\n") == 2 * (len(NAMES) + 1)
    assert "ended with 1" in text


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_every_name_belongs_to_one_part(name: str) -> None:
    """`ONLY=` finds each figure."""
    assert len([part for part in PARTS if part.is_meant([name])]) == 1
