# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The loops that bench_frame.py times: frames from memory through the parser, a file through reader and parser."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from posix.time cimport CLOCK_THREAD_CPUTIME_ID, clock_gettime, timespec

from capture_ext.batch cimport BATCH, FrameBatch, Packet
from capture_ext.frame cimport parse_batch
from capture_ext.source cimport FrameSource
from capture_ext.tunnel cimport Tunnels, open_batch, set_tunnels

cdef enum:
    STRIDE = 128                 # bytes from frame to frame, as in a TPACKET_V3 block of small frames


cdef int64_t cpu_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef uint64_t use(const Packet *packets, int count) noexcept nogil:
    """Touch what the counters touch, so that no work is left out."""
    cdef uint64_t total = 0
    cdef int i
    for i in range(count):
        total += packets[i].ip_bytes + packets[i].destination[1] + packets[i].status
    return total


def parse_ns(frames: list[bytes], link_type: int, rounds: int, decapsulate: tuple[str, ...] = ()) -> float:
    """Give CPU nanoseconds a packet for frames that lie one behind the other in memory; whole batches only.

    As a worker does: the stage of the tunnels runs if one is switched on.
    """
    cdef int batches = len(frames) // BATCH
    cdef uint8_t *memory = <uint8_t *>calloc(batches * BATCH, STRIDE)
    cdef FrameBatch *list_of = <FrameBatch *>calloc(batches, sizeof(FrameBatch))
    cdef Packet packets[BATCH]
    cdef Tunnels tunnels
    cdef uint64_t total = 0
    cdef int64_t started
    cdef int number, i, count = rounds
    set_tunnels(&tunnels, decapsulate, 4789)
    for number in range(batches * BATCH):
        data = frames[number][:STRIDE]
        memcpy(memory + number * STRIDE, <const char *>data, len(data))
        frame = &list_of[number // BATCH].frames[number % BATCH]
        frame.data = memory + number * STRIDE
        frame.captured = frame.wire_bytes = len(data)
        frame.link_type = <uint16_t>link_type
        list_of[number // BATCH].count = BATCH
    with nogil:
        started = cpu_ns()
        for number in range(count):
            for i in range(batches):
                parse_batch(&list_of[i], packets)
                if tunnels.kinds:
                    open_batch(&list_of[i], packets, &tunnels)
                total += use(packets, BATCH)
        started = cpu_ns() - started
    free(memory)
    free(list_of)
    assert total > 0
    return <double>started / (count * batches * BATCH)


def read_ns(source: FrameSource, parse: bool) -> tuple[int, float]:
    """Give the frames of an open source and the CPU nanoseconds each took to read, and to parse if asked."""
    cdef FrameSource frames = source
    cdef FrameBatch batch
    cdef Packet packets[BATCH]
    cdef uint64_t total = 0
    cdef int64_t started, number = 0
    cdef int count = 1
    cdef bint with_parser = parse
    with nogil:
        started = cpu_ns()
        while count > 0:
            count = frames.next_batch(&batch, 0)
            if count > 0:
                number += count
                if with_parser:
                    parse_batch(&batch, packets)
                    total += use(packets, count)
        started = cpu_ns() - started
    return number, <double>started / max(number, 1)
