# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Load libbpf when it is asked for, not before: without `source: xdp` nothing of it is needed.

libbpf puts our object's maps and program into the kernel.  What it prints is switched off: the reasons are told by
xdp_program.pyx.
"""

import errno
import os

_NAMES = ("libbpf.so.1",)
_OVERRIDE = "FNM_GUARD_LIBBPF"       # environment: the library to load instead


cdef extern from "<dlfcn.h>" nogil:
    void *dlopen(const char *name, int flags)
    void *dlsym(void *library, const char *symbol)
    const char *dlerror()
    enum:
        RTLD_NOW


cdef class LibBpf:
    """The functions of an installed libbpf 1.x.

    Args:
        library: Name or path of the library; None: what the environment names, else the usual name.

    Raises:
        OSError: ENOENT or ELIBACC: libbpf is missing or cannot be used; the text says why and what to install.
    """

    def __init__(self, library: str | None = None) -> None:
        wanted = library or os.environ.get(_OVERRIDE)
        reason = ""
        for name in (wanted,) if wanted else _NAMES:
            self.name = name
            self._handle = dlopen(os.fsencode(name), RTLD_NOW)
            if self._handle != NULL:
                break
            reason = dlerror().decode(errors="replace")
        else:
            raise OSError(
                errno.ENOENT, f"libbpf cannot be loaded ({reason}): install Debian's package libbpf1, or use af_packet"
            )
        self.open_object = <open_function>self._symbol("bpf_object__open_mem")
        self.load_object = <object_function>self._symbol("bpf_object__load")
        self.close_object = <close_function>self._symbol("bpf_object__close")
        self.find_map = <find_function>self._symbol("bpf_object__find_map_by_name")
        self.find_program = <find_function>self._symbol("bpf_object__find_program_by_name")
        self.map_fd = <object_function>self._symbol("bpf_map__fd")
        self.program_fd = <object_function>self._symbol("bpf_program__fd")
        self.set_max_entries = <resize_function>self._symbol("bpf_map__set_max_entries")
        self.initial_value = <value_function>self._symbol("bpf_map__initial_value")
        self.set_log = <log_function>self._symbol("bpf_program__set_log_buf")
        self.update = <update_function>self._symbol("bpf_map_update_elem")
        self.delete = <delete_function>self._symbol("bpf_map_delete_elem")
        self.create_link = <link_function>self._symbol("bpf_link_create")
        self.update_link = <relink_function>self._symbol("bpf_link_update")
        self.run_program = <run_function>self._symbol("bpf_prog_test_run_opts")
        (<silence_function>self._symbol("libbpf_set_print"))(NULL)

    cdef void *_symbol(self, str symbol) except NULL:
        cdef void *address = dlsym(self._handle, symbol.encode())
        if address == NULL:
            raise OSError(errno.ELIBACC, f"{self.name} has no {symbol}: it is no libbpf of 1.0 or later")
        return address
