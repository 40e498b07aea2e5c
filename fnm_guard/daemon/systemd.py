"""Tell systemd how far the daemon is: sd_notify(3), the protocol of NOTIFY_SOCKET, without its library."""

import os
import socket
import time

__all__ = ["notify", "reloading", "watchdog_seconds"]


def notify(*lines: str) -> None:
    """Send state lines, e.g. `READY=1`; nothing happens outside of systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        try:
            link.connect(address)
            link.sendall("\n".join(lines).encode())
        except OSError:
            return  # a service manager that has gone away is no reason to stop


def reloading() -> None:
    """Say that the configuration is being read again."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_seconds() -> float | None:
    """Give how often systemd wants to hear from us, None: it does not."""
    text = os.environ.get("WATCHDOG_USEC", "")
    if not text.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(text) / 1e6
