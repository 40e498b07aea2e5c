"""What the comparison runs, and what it tells each side."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench.peers.sensors import FnmGuard, Setup, _our_settings, _their_lines
from bench.peers.stage import Load, open_stage
from fnm_guard.config import parse
from lab.guard import COMMAND
from lab.watch import until

ROOT = Path(__file__).resolve().parents[3]


def test_our_figures_come_from_the_code_at_hand() -> None:
    """The daemon that is measured imports this tree's fnm_guard and capture_ext, not an installed copy."""
    assert COMMAND.parent == Path(sys.executable).parent
    program = "import fnm_guard, capture_ext.engine as e; print(fnm_guard.__file__, e.__file__)"
    files = subprocess.check_output([sys.executable, "-c", program], text=True, cwd="/").split()
    assert [Path(file).is_relative_to(ROOT) for file in files] == [True, True]


def test_both_are_told_the_same(tmp_path: Path) -> None:
    """Networks, threshold and whether flows are counted are the same for both; our file is a valid one."""
    setup = Setup("10.0.0.0/16", threshold=123, flows=False, bans=20)
    ours = parse(yaml.safe_dump(_our_settings(setup)), "ours.yaml")
    assert [str(network) for network in ours.networks] == ["10.0.0.0/16"]
    thresholds = ours.detection.thresholds
    assert (thresholds.incoming.pps, thresholds.outgoing.pps, ours.detection.flows) == (123, 123, False)
    theirs = _their_lines(setup, tmp_path)
    assert "threshold_pps = 123\n" in theirs
    assert "enable_connection_tracking = off\n" in theirs
    assert f"networks_list_path = {tmp_path / 'networks'}\n" in theirs


def test_fastnetmon_tells_nobody() -> None:
    """A measurement sends no usage report and runs no script of the machine."""
    lines = _their_lines(Setup("10.0.0.0/16"), Path("/nowhere"))
    assert "disable_usage_report = on\n" in lines
    assert "notify_script_path = /nowhere/none\n" in lines


@pytest.mark.netns
def test_what_is_sent_is_what_our_daemon_says_it_counted() -> None:
    """On a stage the daemon has its session up and counts what the generator sent; afterwards nothing is left."""
    with open_stage("t") as stage:
        namespaces = [stage.generator.path, stage.sensor.path, stage.upstream.path]
        sensor = FnmGuard(stage, Setup("10.0.0.0/24"))
        sensor.start()
        sent = stage.send(Load("10.0.0.0/24", 20_000, count=2000))
        assert (sent.frames, sent.arrived) == (2000, 2000)
        assert until(lambda: sensor.counted() == 2000, 30, 0.2)
        process = sensor.process
    assert process.poll() is not None
    assert not any(path.exists() for path in namespaces)
