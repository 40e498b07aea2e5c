from libc.stdint cimport uint32_t

from capture_ext.detector cimport Scene
from capture_ext.rates cimport State

cdef void judge(Scene *scene, uint32_t number) noexcept nogil
cdef void judge_coarsely(Scene *scene, uint32_t line, const State *sum, uint32_t ticks) noexcept nogil
cdef bint watch_line(Scene *scene, uint32_t line) noexcept nogil
cdef void release_line(Scene *scene, uint32_t line) noexcept nogil
cdef uint32_t group_of_line(const Scene *scene, uint32_t line) noexcept nogil
