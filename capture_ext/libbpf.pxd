"""Our own declarations of the few functions of libbpf 1.x that are used; they are stable within a major release."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef struct OpenOptions:             # struct bpf_object_open_opts, its beginning
    size_t size
    const char *object_name

cdef struct LinkOptions:             # struct bpf_link_create_opts, its beginning
    size_t size
    uint32_t flags
    uint32_t unused                  # libbpf refuses what is not zero here

cdef struct RunOptions:              # struct bpf_test_run_opts
    size_t size
    const void *data_in
    void *data_out
    uint32_t data_size_in
    uint32_t data_size_out
    const void *context_in
    void *context_out
    uint32_t context_size_in
    uint32_t context_size_out
    uint32_t outcome
    int repeat
    uint32_t duration_ns
    uint32_t flags
    uint32_t processor
    uint32_t batch_size

ctypedef void *(*silence_function)(void *printer) noexcept nogil
ctypedef void *(*open_function)(const void *bytes, size_t size, const OpenOptions *options) noexcept nogil
ctypedef int (*object_function)(void *thing) noexcept nogil
ctypedef void (*close_function)(void *thing) noexcept nogil
ctypedef void *(*find_function)(const void *thing, const char *name) noexcept nogil
ctypedef int (*resize_function)(void *map, uint32_t entries) noexcept nogil
ctypedef void *(*value_function)(void *map, size_t *size) noexcept nogil
ctypedef int (*log_function)(void *program, char *text, size_t size) noexcept nogil
ctypedef int (*update_function)(int map, const void *key, const void *value, uint64_t flags) noexcept nogil
ctypedef int (*delete_function)(int map, const void *key) noexcept nogil
ctypedef int (*link_function)(int program, int target, int kind, const LinkOptions *options) noexcept nogil
ctypedef int (*relink_function)(int link, int program, const void *options) noexcept nogil
ctypedef int (*run_function)(int program, RunOptions *options) noexcept nogil


cdef class LibBpf:
    """The loaded library; it is never unloaded."""
    cdef readonly str name
    cdef void *_handle
    cdef open_function open_object
    cdef object_function load_object
    cdef close_function close_object
    cdef find_function find_map
    cdef find_function find_program
    cdef object_function map_fd
    cdef object_function program_fd
    cdef resize_function set_max_entries
    cdef value_function initial_value
    cdef log_function set_log
    cdef update_function update
    cdef delete_function delete
    cdef link_function create_link
    cdef relink_function update_link
    cdef run_function run_program

    cdef void *_symbol(self, str symbol) except NULL
