"""What systemd is told, by a socket like its own."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fnm_guard.daemon import systemd


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Give the service manager's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield end


def test_states_arrive_in_one_datagram(manager: socket.socket) -> None:
    """The lines of one call are one datagram: sd_notify(3)."""
    systemd.notify("READY=1", "STATUS=2 bans")
    assert manager.recv(1000) == b"READY=1\nSTATUS=2 bans"


def test_a_reload_tells_when_it_began(manager: socket.socket) -> None:
    """RELOADING needs MONOTONIC_USEC, or systemd takes the reload for failed."""
    systemd.reloading()
    first, second = manager.recv(1000).split(b"\n")
    assert first == b"RELOADING=1"
    assert second.startswith(b"MONOTONIC_USEC=")
    assert int(second.partition(b"=")[2]) > 0


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that begins with @ is in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0fnm-guard-test-{os.getpid()}")
        end.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@fnm-guard-test-{os.getpid()}")
        systemd.notify("READY=1")
        assert end.recv(1000) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_without_a_manager_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of systemd, or when it has gone away, nothing is sent and nothing fails."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify("READY=1")


def test_the_watchdog_is_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """WATCHDOG_USEC counts if it is meant for this process."""
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "2500000")
    assert systemd.watchdog_seconds() == 2.5
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_seconds() is None


@pytest.mark.parametrize("text", ["", "soon", "-1"])
def test_no_watchdog_without_a_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything but a number of microseconds is no watchdog."""
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", text)
    assert systemd.watchdog_seconds() is None
