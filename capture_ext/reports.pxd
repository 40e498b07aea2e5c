from libc.stdint cimport uint32_t

from capture_ext.detector cimport Scene

cdef object host_of(const Scene *scene, uint32_t line)
