# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Load libpfring when it is asked for, not before: nothing of PF_RING is needed to build or to run without it.

libpfring uses libpcap without naming it as a dependency.  So libpcap comes first, its symbols visible to all; then
libpfring with every symbol resolved at once, because one that is missing would otherwise end the process at its first
use.  The library must be the installed one: it speaks to the kernel module in a version of their own.
"""

import errno
import os

from libc.errno cimport errno as c_errno
from libc.stdint cimport int64_t

_PCAP_NAMES = ("libpcap.so.0.8", "libpcap.so.1")
_PFRING_NAMES = ("libpfring.so", "libpfring.so.9", "libpfring.so.8", "libpfring.so.7", "/usr/local/lib/libpfring.so")
_OVERRIDE = "FNM_GUARD_LIBPFRING"    # environment: the library to load instead
MODULE_MISSING = "the pf_ring kernel module is not loaded: modprobe pf_ring"
_MODULE_INFO = "/proc/net/pf_ring/info"


cdef extern from "<dlfcn.h>" nogil:
    void *dlopen(const char *name, int flags)
    void *dlsym(void *library, const char *symbol)
    const char *dlerror()
    enum:
        RTLD_NOW
        RTLD_GLOBAL


cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *result)
    enum:
        CLOCK_REALTIME

cdef enum:
    RECEIVE_ONLY_SOCKET = 2      # pfring_set_socket_mode
    RECEIVED_ONLY = 1            # pfring_set_direction: without it the module gives both directions


cdef class LibPfring:
    """The functions of an installed libpfring.

    Args:
        library: Name or path of the library; None: what the environment names, else the usual names.

    Raises:
        OSError: ENOENT or ELIBACC: libpfring is missing or cannot be used; the text says why and what to install.
    """

    def __init__(self, library: str | None = None) -> None:
        for name in _PCAP_NAMES:
            if dlopen(name.encode(), RTLD_NOW | RTLD_GLOBAL) != NULL:
                break
        wanted = library or os.environ.get(_OVERRIDE)
        cdef void *handle = self._load((wanted,) if wanted else _PFRING_NAMES)
        self.open_ring = <open_function>self._symbol(handle, "pfring_open")
        self.close_ring = <ring_function>self._symbol(handle, "pfring_close")
        self.enable_ring = <asking_function>self._symbol(handle, "pfring_enable_ring")
        self.get_selectable_fd = <asking_function>self._symbol(handle, "pfring_get_selectable_fd")
        self.receive = <receive_function>self._symbol(handle, "pfring_recv")
        self.statistics = <statistics_function>self._symbol(handle, "pfring_stats")
        self.shutdown_ring = <ring_function>dlsym(handle, "pfring_shutdown")
        self.set_application_name = <name_function>dlsym(handle, "pfring_set_application_name")
        self.set_socket_mode = <setting_function>dlsym(handle, "pfring_set_socket_mode")
        self.set_direction = <setting_function>dlsym(handle, "pfring_set_direction")
        self.set_cluster = <cluster_function>dlsym(handle, "pfring_set_cluster")

    cdef void *_load(self, tuple names) except NULL:
        cdef void *handle
        reasons = []
        for name in names:
            handle = dlopen(os.fsencode(name), RTLD_NOW)
            if handle != NULL:
                self.name = name
                return handle
            reasons.append(dlerror().decode(errors="replace"))
        # The first that is there and cannot be used tells more than those that are not there.
        reason = next((text for text in reasons if "No such file" not in text), reasons[0])
        raise OSError(
            errno.ENOENT,
            f"libpfring cannot be loaded ({reason}): install ntop's packages pfring and libpcap0.8, or use af_packet",
        )

    cdef void *_symbol(self, void *handle, str symbol) except NULL:
        cdef void *address = dlsym(handle, symbol.encode())
        if address == NULL:
            raise OSError(errno.ELIBACC, f"{self.name} has no {symbol}: it is no libpfring of 6.0 or later")
        return address

    cdef bint prepare(self, void *ring) noexcept:
        """Set what must be set before the ring is enabled; False if it will give frames that are sent, too."""
        if self.set_application_name != NULL:
            self.set_application_name(ring, b"fnm-guard")
        if self.set_socket_mode != NULL:
            self.set_socket_mode(ring, RECEIVE_ONLY_SOCKET)
        return self.set_direction != NULL and self.set_direction(ring, RECEIVED_ONLY) == 0

    cdef bint join(self, void *ring, unsigned int cluster, int kind) noexcept:
        """Join a cluster, before the ring is enabled; False if that failed."""
        return self.set_cluster != NULL and self.set_cluster(ring, cluster, kind) == 0

    def probe_module(self) -> str:
        """Give the kernel module's version as it tells it.

        Raises:
            OSError: EAFNOSUPPORT if the module is not loaded.
        """
        version = module_version()
        if version:
            return version
        cdef void *ring = self.open_ring("lo", 64, 0)
        if ring != NULL:
            self.close_ring(ring)
        elif c_errno == errno.EAFNOSUPPORT:
            raise OSError(errno.EAFNOSUPPORT, MODULE_MISSING)
        return "of unknown version"


cdef int64_t frame_time(const RingHeader *header) noexcept nogil:
    """Give the frame's time in nanoseconds since the epoch.

    The header's nanoseconds are taken where they agree with its seconds: a card's own clock may count from anywhere.
    """
    cdef int64_t coarse = header.seconds * 1_000_000_000 + header.microseconds * 1000
    cdef int64_t fine = <int64_t>header.nanoseconds
    cdef timespec now
    if coarse == 0 and fine == 0:
        clock_gettime(CLOCK_REALTIME, &now)
        return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec
    if coarse == 0 or -1_000_000 < fine - coarse < 1_000_000:
        return fine
    return coarse


def module_version() -> str:
    """Give the version of the loaded kernel module, "" if it is not loaded or does not show itself here."""
    try:
        with open(_MODULE_INFO, encoding="ascii", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == "PF_RING Version":
                    return value.strip()
    except OSError:
        return ""
    return ""
