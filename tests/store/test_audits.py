"""Rules of kept packets in the file."""

import zlib

import msgspec
import pytest
from netaddr import IPAddress

from fnm_guard.core.model import Direction
from fnm_guard.store.audits import pack, unpack
from store.values import audit

HOST = IPAddress("203.0.113.7")


def test_packets_come_back_equal_and_small() -> None:
    """100 alike packets of 128 bytes take a fraction of their size and are read as they were."""
    stored = pack(audit(100).packets)
    assert unpack(stored, HOST, Direction.INCOMING, True) == audit(100)
    assert len(stored) < 12_800


@pytest.mark.parametrize(
    "stored", [b"", b"garbage", zlib.compress(b"garbage"), zlib.compress(msgspec.msgpack.encode((2, [])))]
)
def test_other_bytes_are_refused(stored: bytes) -> None:
    """What is not of this format is an error that names the host."""
    with pytest.raises(ValueError, match=r"audit of 203\.0\.113\.7"):
        unpack(stored, HOST, Direction.INCOMING, True)
