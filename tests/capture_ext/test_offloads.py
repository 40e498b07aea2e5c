"""Which offloads merge packets before they are counted."""

import time

import pytest

from capture_ext.afpacket import AfPacket
from capture_ext.offloads import merging_warning, offloads

from .wire import DEADLINE, FAR, NEAR, Wire, opened


def test_offloads_of_no_interface() -> None:
    """An interface that does not exist is named with those that do."""
    with pytest.raises(OSError, match="no such interface; there are: "):
        offloads("fnm-none")


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (("gro",), "eth3: gro merges packets before they are counted: ethtool -K eth3 gro off"),
        (
            ("gro", "rx-gro-hw"),
            "gro and rx-gro-hw merge packets before they are counted: ethtool -K eth3 gro off rx-gro-hw off",
        ),
        (
            ("gro", "rx-gro-hw [fixed]"),
            "gro and rx-gro-hw [fixed] merge packets before they are counted: ethtool -K eth3 gro off",
        ),
        (("lro [fixed]",), "lro [fixed] merges packets before they are counted, and the driver cannot do without"),
    ],
)
def test_a_warning_names_the_remedy(found: tuple[str, ...], end: str) -> None:
    """The command switches off what can be switched off, and nothing else."""
    assert merging_warning("eth3", found).endswith(end)


@pytest.mark.netns
def test_offloads_follow_the_interface(wire: Wire) -> None:
    """GRO is reported while it is on, with the command that works, by an open source too."""
    with opened(wire, AfPacket(NEAR)) as source, wire.near.entered():
        assert (offloads(NEAR), source.warnings()) == ((), ())
        wire.near.run("ethtool", "-K", NEAR, "gro", "on")
        (warning,) = source.warnings()
        assert (offloads(NEAR), warning) == (("gro",), merging_warning(NEAR, ("gro",)))
        wire.near.run(*warning.partition(": ethtool ")[2].join(("ethtool ", "")).split())
        assert (offloads(NEAR), source.warnings()) == ((), ())
    assert source.warnings() == (), "a closed one has nothing to say"


@pytest.mark.netns
def test_no_carrier(wire: Wire) -> None:
    """A cable that is out is told, because a source without frames looks like a network without attacks."""
    text = f"{NEAR}: no carrier, so nothing arrives: look at the cable and its other end"
    with opened(wire, AfPacket(NEAR)) as source:
        for state, warnings in (("up", ()), ("down", (text,)), ("up", ())):
            wire.far.ip("link", "set", "dev", FAR, state)
            deadline = time.monotonic() + DEADLINE  # the kernel passes the news on within a second
            while source.warnings() != warnings and time.monotonic() < deadline:
                time.sleep(0.02)
            assert source.warnings() == warnings
