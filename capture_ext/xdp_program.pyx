# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The compiled program of `source: xdp`: loaded into the kernel, attached, tried out on single frames.

The object is `bpf/count.bpf.o`, made by `make bpf` from the sources beside it.  Maps and program live as long as a
descriptor of them is open somewhere; nothing is pinned, so that nothing outlives the process.
"""

import errno
import os
from pathlib import Path

from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from capture_ext.libbpf cimport LibBpf, LinkOptions, OpenOptions, RunOptions

DROP, PASS = 1, 2
"""What becomes of a frame that was counted (enum xdp_action)."""

NATIVE, GENERIC = 1 << 2, 1 << 1
"""How a program is attached (linux/if_link.h): in the driver, or on what the driver has made of the frame."""

OBJECT = Path(__file__).with_name("bpf") / "count.bpf.o"
CAPABILITIES = "CAP_BPF and CAP_NET_ADMIN"
OLDEST = "Linux 5.18"
"""Since then a program may copy a frame's bytes wherever they lie (bpf_xdp_load_bytes)."""

cdef enum:
    LOG_BYTES = 1 << 16
    KIND_XDP = 37                    # enum bpf_attach_type

_OLD_KERNEL = (5, 18)


cdef class XdpProgram:
    """Maps and program in the kernel.

    Args:
        library: libbpf.
        entries: How many entries each map has, by its name.
        constants: The numbers of `Sizes`, in order.

    Raises:
        OSError: It cannot be loaded: no privilege, no memory, a kernel too old; the text says which.
    """

    def __cinit__(self, *_):
        self.fd = -1

    def __init__(self, LibBpf library, entries, constants):
        cdef OpenOptions options
        cdef bytes content = OBJECT.read_bytes()
        cdef Sizes sizes = constants
        cdef size_t size = 0
        cdef void *place
        cdef void *program
        cdef int outcome
        self.library = library
        self._close = library.close_object
        options.size = sizeof(options)
        options.object_name = b"fnm_guard"
        self._object = library.open_object(<const char *>content, len(content), &options)
        if self._object == NULL:
            raise OSError(errno.ENOEXEC, f"{OBJECT} is no object that {library.name} can read")
        for name, count in entries.items():
            self._size_map(name, count)
        place = library.initial_value(library.find_map(self._object, b".rodata"), &size)
        if place == NULL or size != sizeof(Sizes):
            raise OSError(errno.ENOEXEC, f"{OBJECT} does not belong to this version: make bpf")
        memcpy(place, &sizes, sizeof(Sizes))
        program = library.find_program(self._object, b"fnm_count")
        self._log = bytes(LOG_BYTES)
        library.set_log(program, <char *>self._log, LOG_BYTES)
        with nogil:
            outcome = library.load_object(self._object)
        if outcome < 0:
            raise load_error(-outcome, sum(entries.values()), self._log.split(b"\0")[0].decode(errors="replace"))
        self.fd = library.program_fd(program)

    def __dealloc__(self):
        if self._object != NULL:
            self._close(self._object)

    cdef object _size_map(self, str name, uint32_t entries):
        cdef void *map = self.library.find_map(self._object, name.encode())
        if map == NULL or self.library.set_max_entries(map, entries) < 0:
            raise OSError(errno.ENOEXEC, f"{OBJECT} has no map {name} of {entries} entries: make bpf")

    cdef int map_fd(self, str name) except -1:
        """Give the descriptor of a map; it belongs to this object."""
        cdef int fd = self.library.map_fd(self.library.find_map(self._object, name.encode()))
        if fd < 0:
            raise OSError(-fd, f"{OBJECT} has no map {name}: make bpf")
        return fd

    def attach(self, int interface, uint32_t mode) -> int:
        """Attach to an interface, by its index; give the link.  With the link's last descriptor the program goes.

        Raises:
            OSError: With the kernel's number.
        """
        cdef LinkOptions options = LinkOptions(size=sizeof(LinkOptions), flags=mode, unused=0)
        cdef int link
        link = self.library.create_link(self.fd, interface, KIND_XDP, &options)
        if link < 0:
            raise OSError(-link, os.strerror(-link))
        return link

    def take_over(self, int link) -> None:
        """Take the place of the program of a link; each frame meets the one or the other.

        Raises:
            OSError: With the kernel's number.
        """
        cdef int outcome = self.library.update_link(link, self.fd, NULL)
        if outcome < 0:
            raise OSError(-outcome, os.strerror(-outcome))

    def run(self, bytes frame) -> int:
        """Run on one frame of at least 14 bytes, as if it had arrived on this CPU; give the action.

        Raises:
            OSError: With the kernel's number.
        """
        cdef RunOptions options
        cdef int outcome
        memset(&options, 0, sizeof(options))
        options.size = sizeof(options)
        options.repeat = 1
        options.data_in = <const char *>frame
        options.data_size_in = <uint32_t>len(frame)
        outcome = self.library.run_program(self.fd, &options)
        if outcome < 0:
            raise OSError(-outcome, os.strerror(-outcome))
        return options.outcome


def load_error(number, entries, log, release=None):
    """Give the error that says why the kernel refused maps or program."""
    running = release or os.uname().release
    text = os.strerror(number)
    if number in {errno.EPERM, errno.EACCES} and not log:
        text = f"needs {CAPABILITIES}: run as root, or give the service AmbientCapabilities=CAP_BPF CAP_NET_ADMIN"
    elif tuple(int(part) for part in running.split("-")[0].split(".")[:2]) < _OLD_KERNEL:
        text = f"needs {OLDEST} or later, this is {running}"
    elif number in {errno.ENOMEM, errno.E2BIG} and not log:
        text = f"no memory for its {entries} entries: fewer networks, or detection.ipv6_hosts, make it smaller"
    elif log:
        text = f"the kernel's verifier refuses the program: {log.strip().splitlines().pop()}"
    return OSError(number, text)
