from libc.stdint cimport uint32_t, uint64_t

from capture_ext.detector cimport Scene
from capture_ext.rates cimport State

cdef bint read_line(const Scene *scene, uint32_t line, State *sum) noexcept nogil
cdef uint64_t packets_of(const Scene *scene, uint32_t line, const State *sum, int kind) noexcept nogil
cdef void read_ahead_line(const Scene *scene, uint32_t line) noexcept nogil
cdef bint address_of(const Scene *scene, uint32_t line, uint64_t *address) noexcept nogil
cdef void note_line(Scene *scene, uint32_t line, const State *sum) noexcept nogil
cdef void figures_of(const State *before, const State *now, uint64_t *figures) noexcept nogil
