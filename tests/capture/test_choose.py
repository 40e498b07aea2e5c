"""Which backend reads an interface."""

from fnm_guard.capture.choose import Choice, choose
from fnm_guard.capture.model import SourceKind


def test_auto_takes_pf_ring_when_it_is_there() -> None:
    """`auto` is PF_RING with library and module, AF_PACKET otherwise, and says what was found or is missing."""
    found = choose(SourceKind.AUTO, lambda: (True, "libpfring.so.8, kernel module 8.9.0"))
    assert found == Choice(SourceKind.PF_RING, "auto: libpfring.so.8, kernel module 8.9.0")
    missing = choose(SourceKind.AUTO, lambda: (False, "no libpfring.so"))
    assert missing == Choice(SourceKind.AF_PACKET, "auto: no PF_RING, no libpfring.so")


def test_a_backend_that_is_named_is_taken() -> None:
    """What was asked for by name is not questioned."""
    for kind in (SourceKind.AF_PACKET, SourceKind.PF_RING):
        assert choose(kind, lambda: (True, "there")) == Choice(kind)
