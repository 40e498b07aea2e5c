"""Sources from their descriptions."""

import pytest

from fnm_guard.capture.model import SourceKind, SourceSpec
from fnm_guard.capture.sources import BuiltSource, build_sources, ring_blocks


@pytest.mark.parametrize(
    ("mebibytes", "block_bytes", "blocks"), [(1, 16_384, 64), (8, 131_072, 64), (64, 1 << 20, 64), (256, 1 << 20, 256)]
)
def test_a_small_ring_has_small_blocks(mebibytes: int, block_bytes: int, blocks: int) -> None:
    """A ring has 64 blocks or more, half a second of them, and is as large as it was asked for."""
    assert ring_blocks(mebibytes << 20) == (block_bytes, blocks)
    assert block_bytes * blocks == mebibytes << 20


def test_threads_of_one_interface_share_a_group() -> None:
    """Each thread has a source of its own, and all of one interface are described alike."""
    built = build_sources([SourceSpec("eth3", kind=SourceKind.AF_PACKET, threads=3, count_internal=True)])
    assert [(one.source.describe(), one.count_internal) for one in built] == [("af_packet eth3", True)] * 3


def test_each_thread_has_its_processor() -> None:
    """The first processor of the list is the first thread's, whatever the backend; without a list there is none."""
    for kind in (SourceKind.AF_PACKET, SourceKind.PF_RING):
        built = build_sources([SourceSpec("eth3", kind=kind, threads=2, cpus=(3, 2)), SourceSpec("eth4", kind=kind)])
        assert [(one.interface, one.cpu) for one in built] == [("eth3", 3), ("eth3", 2), ("eth4", None)]
        assert [one.thread for one in built] == [0, 1, 0]


def facts(spec: SourceSpec) -> dict[str, object]:
    """Give what the log tells of a source."""
    one = build_sources([spec])[-1]
    return dict(one.facts)


def test_what_the_log_tells() -> None:
    """Backend, sharing, ring, cut and processors; what does not apply is left out."""
    af_packet = SourceSpec("eth3", kind=SourceKind.AF_PACKET, threads=2, cpus=(2, 3), fanout="hash")
    assert facts(af_packet) == {
        "backend": "af_packet", "interface": "eth3", "threads": 2, "fanout": "hash", "ring_mib": 32, "snaplen": 192,
        "promiscuous": True, "cpus": [2, 3],
    }  # fmt: skip
    pf_ring = SourceSpec("eth3", kind=SourceKind.PF_RING)
    assert facts(pf_ring) == {
        "backend": "pf_ring", "interface": "eth3", "threads": 1, "snaplen": 192, "promiscuous": True,
    }  # fmt: skip
    assert "auto: " in str(facts(SourceSpec("eth3"))["why"])


def test_a_name_with_its_reason() -> None:
    """People see why a backend was chosen, if nobody asked for it."""
    built = build_sources([SourceSpec("eth3", kind=SourceKind.AF_PACKET)])[0]
    assert built.describe() == "af_packet eth3"
    noted = BuiltSource(built.source, "eth3", False, note="auto: no PF_RING")
    assert noted.describe() == "af_packet eth3 (auto: no PF_RING)"
