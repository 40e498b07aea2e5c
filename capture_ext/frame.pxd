from capture_ext.batch cimport FrameBatch, Packet

cdef void parse_batch(const FrameBatch *batch, Packet *packets) noexcept nogil
