"""What is said of sources before they are opened."""

import pytest

from fnm_guard.capture.inspection import missing_backends, offload_warnings
from fnm_guard.capture.model import SourceKind, SourceSpec

PF_RING = [SourceSpec(name, kind=SourceKind.PF_RING) for name in ("eth1", "eth2")]
OTHERS = [SourceSpec("eth3"), SourceSpec("eth4", kind=SourceKind.AF_PACKET)]


def absent() -> tuple[bool, str]:
    """Say that PF_RING is not there."""
    return False, "libpfring cannot be loaded: install it"


def test_a_backend_asked_for_by_name_must_be_there() -> None:
    """Without PF_RING its interfaces are named, with what to install; `auto` never complains."""
    assert missing_backends([*PF_RING, *OTHERS], absent) == [
        "pf_ring for eth1, eth2: libpfring cannot be loaded: install it"
    ]
    assert missing_backends(OTHERS, absent) == []


def test_a_backend_that_is_there_is_no_word() -> None:
    """With PF_RING in place nothing is said."""
    assert missing_backends(PF_RING, lambda: (True, "libpfring 8")) == []


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        ((), []),
        (("gro",), ["eth3: gro merges packets before they are counted: ethtool -K eth3 gro off"]),
        (("gro", "lro"), ["eth3: gro and lro merge packets before they are counted: ethtool -K eth3 gro off lro off"]),
    ],
)
def test_offloads_are_named_with_the_command_against_them(found: tuple[str, ...], lines: list[str]) -> None:
    """Each interface that merges packets is told once, with what switches that off."""
    assert offload_warnings([SourceSpec("eth3"), SourceSpec("eth3")], lambda _: found) == lines


def test_an_interface_that_is_not_there_has_no_offloads() -> None:
    """Somebody else says that it is missing."""
    assert offload_warnings([SourceSpec("nothere0")]) == []
