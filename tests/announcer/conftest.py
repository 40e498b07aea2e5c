"""The smallest network with a BGP session in it: guard and peer, one link."""

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from announcer.stage import GUARD, GUARD6, PEER, PEER6, Stage
from lab.namespaces import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count()


@pytest.fixture
def stage(tmp_path: "Path") -> "Iterator[Stage]":
    """Guard and peer joined; the test runs inside the guard's namespace, and so does every ExaBGP it starts."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    with Lab(tmp_path) as lab:
        number = next(_numbers)
        guard, peer = lab.namespace(f"ann{number}g"), lab.namespace(f"ann{number}p")
        lab.link(guard, "peer0", peer, "guard0")
        for namespace, device, addresses in ((guard, "peer0", (GUARD, GUARD6)), (peer, "guard0", (PEER, PEER6))):
            namespace.ip("address", "add", f"{addresses[0]}/30", "dev", device)
            namespace.ip("address", "add", f"{addresses[1]}/64", "dev", device)
        with guard.entered():
            yield Stage(lab, guard, peer)
