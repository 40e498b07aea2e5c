cdef class Pages:
    cdef readonly size_t bytes   # what may be used at `data`
    cdef void *data              # page aligned, zero until written
    cdef void *_mapping
    cdef size_t _mapped
