"""A wire between two namespaces, and a libpfring of our own."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture_ext.pfring import PfRing
from lab.namespaces import Lab

from .told import Told, compiled
from .wire import FAR, NEAR, Wire


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


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the path of the whole library."""
    return str(compiled(tmp_path_factory.mktemp("libpfring")))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Give a library that is fed FRAMES and told nothing else."""
    return Told(tmp_path, monkeypatch)


@pytest.fixture
def ring(told: Told, library: str) -> Iterator[PfRing]:
    """Give a source on a device that only the library knows; closed at the end."""
    source = PfRing("fnm3", library=library)
    yield source
    source.close()
