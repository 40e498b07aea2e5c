"""What a live source learns of its interface."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from capture_ext import interface
from capture_ext.interface import InterfaceDrops, offloads

from .wire import BROADCAST, EXPERIMENTAL, NEAR, STATION, Wire

HEAD = "Inter-|   Receive |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes\n"


def table(**drops: tuple[int, int]) -> str:
    """Give a table as /proc/net/dev shows it, with (drop, fifo) for each interface."""
    lines = [f"{name:>6}: 9000 100 7 {drop} {fifo} 3 0 0 1 2 3 4 5 6 7 8\n" for name, (drop, fifo) in drops.items()]
    return HEAD + "".join(lines)


@pytest.fixture
def proc_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a file of the test in place of the kernel's table."""
    path = tmp_path / "dev"
    path.write_text(table(eth3=(10, 5)))
    monkeypatch.setattr(interface, "_INTERFACE_TABLE", path)
    return path


def test_drops_count_from_the_start(proc_table: Path) -> None:
    """What was lost before is not ours; drops and full FIFOs are added, errors are not."""
    drops = InterfaceDrops("eth3")
    assert drops.count() == 0
    proc_table.write_text(table(eth33=(900, 900), eth3=(14, 6)))
    assert drops.count() == 5
    drops.close()


def test_drops_survive_a_reset(proc_table: Path) -> None:
    """A driver that starts again from zero takes nothing off the sum."""
    drops = InterfaceDrops("eth3")
    proc_table.write_text(table(eth3=(20, 5)))
    assert drops.count() == 10
    proc_table.write_text(table(eth3=(2, 0)))
    assert drops.count() == 12
    drops.close()


def test_drops_of_an_interface_that_is_gone(proc_table: Path) -> None:
    """Without its interface the sum stays; closed twice it stays too."""
    drops = InterfaceDrops("eth3")
    proc_table.write_text(table(eth3=(11, 5)))
    assert drops.count() == 1
    proc_table.write_text(table(eth4=(50, 50)))
    drops.close()
    drops.close()
    assert drops.count() == 1


def test_offloads_of_no_interface() -> None:
    """An interface that does not exist is named with those that do."""
    with pytest.raises(OSError, match="no such interface; there are: "):
        offloads("fnm-none")


@pytest.mark.netns
def test_offloads_follow_the_interface(wire: Wire) -> None:
    """GRO is reported when it is on, because merged packets count as one."""
    with wire.near.entered():
        wire.near.run("ethtool", "-K", NEAR, "gro", "on")
        assert offloads(NEAR) == ("gro",)
        wire.near.run("ethtool", "-K", NEAR, "gro", "off")
        assert offloads(NEAR) == ()


LOST = 64


def lose_frames(wire: Wire) -> None:
    """Send what nobody at the near end wants: the kernel counts each as dropped by the interface."""
    with wire.sender() as sender:
        for _ in range(LOST):
            sender.send(BROADCAST + STATION + EXPERIMENTAL + bytes(46))


@pytest.mark.netns
def test_drops_in_a_namespace_that_one_thread_entered(wire: Wire) -> None:
    """The interface is that of the asking thread's namespace, and stays it whoever reads later."""
    made: list[InterfaceDrops] = []

    def enter() -> None:
        with wire.near.entered():
            made.append(InterfaceDrops(NEAR))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    lose_frames(wire)
    assert made[0].count() == LOST
    made[0].close()


@pytest.mark.netns
def test_drops_in_a_namespace_by_ip_netns_exec(wire: Wire) -> None:
    """The same in a process that was started inside."""
    script = (
        "from capture_ext.interface import InterfaceDrops\n"
        f"drops = InterfaceDrops({NEAR!r}); print('ready', flush=True); input(); print(drops.count())"
    )
    words = wire.near.command(sys.executable, "-c", script)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lose_frames(wire)
        printed, _ = process.communicate("\n", timeout=30)
    assert int(printed) == LOST
