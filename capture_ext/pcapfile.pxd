from libc.stdint cimport uint64_t

from capture_ext.batch cimport Frame, FrameBatch
from capture_ext.pcap cimport PcapHeader
from capture_ext.pcapng cimport Section
from capture_ext.source cimport FrameSource
from capture_ext.window cimport Fault, FaultCode, Window

# PcapFile.form
cdef enum Form:
    FORM_UNKNOWN = 0             # the first bytes are not there yet
    FORM_PCAP = 1
    FORM_PCAPNG = 2


cdef class PcapFile(FrameSource):
    cdef object name             # of the file, for people
    cdef bytes path              # None: standard input
    cdef const char *path_text   # of `path`, NULL: none
    cdef bint follow
    cdef object unpacker         # unpacking.Unpacker, None: the file is not compressed
    cdef str unpacking           # why the unpacking failed, "" if it did not
    cdef Window window
    cdef Fault fault
    cdef FaultCode change        # what became of a followed file, to be told when it is read to its end
    cdef Form form
    cdef PcapHeader pcap
    cdef Section section
    cdef int ending              # 0 while frames may come, else SOURCE_ENDED or SOURCE_FAILED
    cdef FrameBatch ahead        # read by `open`, given by the first `next_batch`
    cdef uint64_t received
    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil
    cdef int read_batch(self, FrameBatch *batch) noexcept nogil
    cdef int read_form(self) noexcept nogil
    cdef int read_frame(self, Frame *frame, bint may_fill) noexcept nogil
    cdef int look(self) noexcept nogil
    cdef int ended(self, int step) noexcept nogil
    cdef int unpack(self) noexcept with gil
    cdef int ended_unpacking(self, int step) noexcept with gil
