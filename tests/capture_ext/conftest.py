"""A wire of two interfaces, each in a namespace of its own."""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.namespaces import Lab, Namespace

NEAR = "cap0"
FAR = "gen0"

BROADCAST = b"\xff" * 6
STATION = bytes.fromhex("020000000001")
EXPERIMENTAL = bytes.fromhex("88b5")  # IEEE 802 local experimental EtherType 1: no protocol takes it


@dataclass(frozen=True, slots=True)
class Wire:
    """A veth pair: `cap0` in `near`, `gen0` in `far`; nothing but what a test sends runs over it."""

    near: Namespace
    far: Namespace

    def sender(self) -> socket.socket:
        """Give a socket that sends whole frames from the far end."""
        return _raw_socket(self.far, FAR)

    def near_sender(self) -> socket.socket:
        """Give a socket that sends whole frames from the end that is captured."""
        return _raw_socket(self.near, NEAR)


def _raw_socket(namespace: Namespace, interface: str) -> socket.socket:
    with namespace.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind((interface, 0))
        return sock


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Give a lab that goes away with the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    threads = threading.active_count()
    with Lab(tmp_path / "lab") as made:
        yield made
    assert threading.active_count() == threads, "the test left a thread behind"


@pytest.fixture
def wire(lab: Lab) -> Wire:
    """Give two silent namespaces joined by a veth pair."""
    near, far = lab.namespace("near"), lab.namespace("far")
    for namespace in (near, far):
        # No router solicitations, no multicast reports: every frame on the wire is the test's.
        for which in ("all", "default"):
            namespace.run("sysctl", "-qw", f"net.ipv6.conf.{which}.disable_ipv6=1")
    lab.link(near, NEAR, far, FAR)
    return Wire(near, far)
