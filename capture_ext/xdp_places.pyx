# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""IPv6 hosts for the program in the kernel.

hosts6.pyx alone says who has which place; the program has a map from address to place and generation, which only we
write.  It asks for a host that is not in it by giving us the frame; we find or enter the host, count that one packet,
and tell the map.  It notes when it saw a place last; the directory learns that before it evicts somebody.

When a place changes its host, the old address is deleted before the new one is told, so that on no CPU a packet of the
old host can follow one of the new host.  A place that another thread gave away is found by the sweep, 64 buckets each
time; until then what the old host counts is under a generation that nobody reads.

One thread owns a book.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from capture_ext.atomics cimport peek32, set32
from capture_ext.hosts6 cimport WAYS, Directory, Mark, add_ipv6, bucket_of, find_ipv6, generation_of
from capture_ext.hosts6 cimport NO_PLACE
from capture_ext.pages cimport Pages
from capture_ext.totals cimport KIND_FRAGMENT, Tables
from capture_ext.xdp_tables cimport SLICE_BYTES, KernelTables

cdef enum:
    SWEEP_BUCKETS = 64

cdef struct Entry:                   # struct place in bpf/tables.bpf.h
    uint32_t place
    uint32_t generation


cdef uint64_t weigh_slices(void *context, uint32_t place, uint32_t generation) noexcept nogil:
    """Give the packets that all CPUs counted for the host at a place, both directions."""
    cdef PlaceBook *book = <PlaceBook *>context
    cdef uint32_t host = book.tables.first_ipv6 + place
    cdef uint64_t packets = 0
    cdef uint32_t slice
    cdef const Tables *tables
    cdef int kind
    for slice in range(book.slices):
        tables = <const Tables *>(<const uint8_t *>book.first + <size_t>slice * SLICE_BYTES)
        if peek32(&tables.tags[place]) != generation:
            continue
        for kind in range(KIND_FRAGMENT):
            packets += peek32(&tables.lines[host].packets[kind])
            packets += peek32(&tables.lines[tables.hosts + host].packets[kind])
    return packets


cdef void note_seen(PlaceBook *book, uint32_t bucket) noexcept nogil:
    """Tell the directory when the program saw the hosts of a bucket."""
    cdef Mark *marks = book.tables.directory.buckets[bucket].marks
    cdef uint32_t way, stamp
    for way in range(<uint32_t>WAYS):
        stamp = peek32(&book.stamps[bucket * WAYS + way])
        if stamp and <int32_t>(stamp - peek32(&marks[way].tick)) > 0:
            set32(&marks[way].tick, stamp)


cdef void enter_host(PlaceBook *book, const uint64_t *address, uint32_t tick) noexcept nogil:
    """Give a host of ours a place if it has none.  No GIL."""
    cdef Directory *directory = book.tables.directory
    cdef uint32_t bucket, generation = 0
    if directory.count == 0:
        return
    bucket = bucket_of(directory, address)
    note_seen(book, bucket)
    if find_ipv6(directory, address, bucket, tick, &generation) == NO_PLACE:
        add_ipv6(directory, address, bucket, tick, &generation, weigh_slices, book)


cdef void forget_place(PlaceBook *book, uint32_t place) noexcept nogil:
    """Take a place out of the program's map."""
    book.delete(book.map, &book.keys[place])
    book.known[place] = 0


cdef void tell_place(PlaceBook *book, const uint64_t *address, uint32_t place) noexcept nogil:
    """Tell the program where a host is counted, if it does not know.  No GIL."""
    cdef Entry entry
    cdef uint32_t way, other
    entry.place = place
    entry.generation = peek32(&book.tables.tags[place])
    if entry.generation == 0 or book.known[place] == entry.generation:
        return
    if book.known[place]:
        forget_place(book, place)
    for way in range(<uint32_t>WAYS):
        other = place // WAYS * WAYS + way
        if book.known[other] and book.keys[other][0] == address[0] and book.keys[other][1] == address[1]:
            book.known[other] = 0        # the host has moved: its key is written anew below
    if book.update(book.map, address, &entry, 0) == 0:
        book.keys[place][0] = address[0]
        book.keys[place][1] = address[1]
        book.known[place] = entry.generation


cdef void sweep_places(PlaceBook *book) noexcept nogil:
    """Go through some buckets: note who was seen, and forget places that changed their host.  No GIL."""
    cdef Directory *directory = book.tables.directory
    cdef uint32_t _step, way, place
    for _step in range(min(<uint32_t>SWEEP_BUCKETS, directory.count)):
        book.swept = book.swept + 1 if book.swept + 1 < directory.count else 0
        note_seen(book, book.swept)
        for way in range(<uint32_t>WAYS):
            place = book.swept * WAYS + way
            if book.known[place] and book.known[place] != generation_of(directory, place):
                forget_place(book, place)


cdef class Places:
    cdef object set_up(self, KernelTables kernel, Tables *tables):
        """Begin with a program that knows no host; `tables` are those of the engine's own thread, which stay."""
        cdef size_t places = <size_t>tables.directory.count * WAYS
        self._kernel = kernel
        self._keys = Pages(places * 16)
        self._known = Pages(places * sizeof(uint32_t))
        self.book.tables = tables
        self.book.first = &kernel.slice_at(0).tables
        self.book.slices = kernel.slices
        self.book.stamps = kernel.stamps
        self.book.keys = <uint64_t (*)[2]>self._keys.data
        self.book.known = <uint32_t *>self._known.data
        self.book.map = kernel.places
        self.book.update = kernel.program.library.update
        self.book.delete = kernel.program.library.delete
