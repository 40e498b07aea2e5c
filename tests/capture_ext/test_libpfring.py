"""Loading libpfring, and finding out whether PF_RING can be used."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from capture_ext.pfring import PfRing, available
from capture_ext.reading import read_frames

from .told import FRAMES, Told, compiled

DEADLINE = 20.0


def test_no_library() -> None:
    """Without the library the error says what to install, and what else works."""
    with pytest.raises(OSError, match=r"libpfring cannot be loaded \(libfnm-none.so: .*install ntop's packages pfring"):
        PfRing("fnm3", library="libfnm-none.so").open()
    usable, why = available("libfnm-none.so")
    assert not usable
    assert "libfnm-none.so" in why
    assert "or use af_packet" in why


def test_library_by_the_environment(told: Told, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment can name the library; an argument goes before it."""
    monkeypatch.setenv("FNM_GUARD_LIBPFRING", library)
    assert available()[0]
    assert not available("libfnm-none.so")[0]
    source = PfRing("fnm3")
    source.open()
    assert len(read_frames(source, len(FRAMES), DEADLINE)) == len(FRAMES)
    source.close()


def test_something_else_by_that_name() -> None:
    """A library that is no libpfring is named, with what it lacks."""
    usable, why = available("libc.so.6")
    assert (usable, why) == (False, "libc.so.6 has no pfring_open: it is no libpfring of 6.0 or later")


def test_available(told: Told, library: str) -> None:
    """With library and module PF_RING can be used; the library is asked with a ring that is closed again."""
    assert available(library) == (True, f"{library}, kernel module of unknown version")
    assert told.calls() == ["open lo 64 0", "close - 0 0"]


def test_versions_are_told(told: Told, library: str) -> None:
    """Where the module shows its version, it is told and no ring is opened to find out."""
    told.load_module("8.9.0 (dev)")
    assert available(library) == (True, f"{library}, kernel module 8.9.0 (dev)")
    assert told.calls() == []
    told.tell(OPEN_ERRNO=errno.EINVAL)
    with pytest.raises(
        OSError, match=r"the kernel module \(version 8.9.0 \(dev\)\) are of different versions: install"
    ):
        PfRing("lo", library=library).open()


@pytest.mark.parametrize(("number", "usable"), [(errno.EAFNOSUPPORT, False), (errno.EPERM, True), (errno.EINVAL, True)])
def test_available_without_the_module(told: Told, library: str, number: int, usable: bool) -> None:
    """The module is missing if the kernel does not know the family; any other refusal comes from the module."""
    told.tell(OPEN_ERRNO=number)
    found, why = available(library)
    assert found == usable
    assert usable or why == "the pf_ring kernel module is not loaded: modprobe pf_ring"


ORDER = """
import ctypes, os, sys
try:
    ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW)
except OSError as error:
    assert "pcap_" in str(error), error
else:
    raise SystemExit("libpcap was there already: this proves nothing")
from capture_ext.libpfring import LibPfring
print(LibPfring(sys.argv[1]).name == sys.argv[1])
"""


def test_libpcap_comes_first(library: str) -> None:
    """The library does not load without libpcap's symbols, and we bring them."""
    words = [sys.executable, "-c", ORDER, library]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout == "True\n"


def test_library_without_the_optional(told: Told, tmp_path: Path) -> None:
    """A library that lacks what is optional is used as far as it goes."""
    library = str(compiled(tmp_path, "-DWITHOUT_OPTIONAL"))
    source = PfRing("fnm3", library=library)
    source.open()
    assert source.warnings() == ("pf_ring fnm3: frames that this machine sends are counted too",)
    source.close()
    with pytest.raises(OSError, match="cluster 7 cannot be joined"):
        PfRing("fnm3", cluster=7, library=library).open()
    assert told.calls().count("close - 0 0") == 2
