# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Walk the blocks of a pcapng file.

Every block is a type, a total length, a body and the total length again.  A block is checked as a whole before its
body is read: length at least 12, a multiple of 4, the same twice.  Unknown blocks are stepped over, however long;
those that are read must fit the window.

A section starts with its own byte order and no interfaces.  An interface gives link type, time resolution and time
offset of its frames; one with a link type we do not read is no fault before its first frame.

Source: draft-ietf-opsawg-pcapng, sections 3 and 4.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from capture_ext.frame cimport is_link_type
from capture_ext.window cimport (
    BAD_LINK_TYPE,
    BLOCK_LENGTH,
    BLOCK_TOO_LONG,
    BLOCK_TRAILER,
    CUT_BLOCK,
    FILE_BROKEN,
    FRAME_BYTES,
    FRAME_OUTSIDE,
    FRAME_TOO_LONG,
    GOT_FRAME,
    GOT_NOTHING,
    NEEDS_FILL,
    OPTION_OUTSIDE,
    RESOLUTION,
    SECTION_ORDER,
    SECTION_VERSION,
    STARVED,
    TOO_MANY_INTERFACES,
    UNKNOWN_INTERFACE,
    WINDOW_BYTES,
    advance,
    broken,
    first,
    need,
    skip,
)
from capture_ext.wire cimport host16, host32, host64

cdef extern from *:
    ctypedef unsigned long long uint128 "unsigned __int128"

cdef enum:
    # https://www.iana.org/assignments/pcapng: block types
    BLOCK_INTERFACE = 1
    BLOCK_PACKET = 2             # obsolete
    BLOCK_SIMPLE = 3
    BLOCK_ENHANCED = 6
    BLOCK_SECTION = 0x0a0d0d0a

    ORDER_MAGIC = 0x1a2b3c4d
    MAJOR_VERSION = 1

    # total lengths without data and options
    BLOCK_BYTES = 12
    SECTION_BYTES = 28
    INTERFACE_BYTES = 20
    SIMPLE_BYTES = 16
    PACKET_BYTES = 32
    TRAILER_BYTES = 4

    OPTION_END = 0
    OPTION_TSRESOL = 9
    OPTION_TSOFFSET = 14

    NANOSECONDS = 1000000000
    DECIMAL_DIGITS = 19          # 10 ** 19 is the largest power of ten below 2 ** 64
    BINARY_DIGITS = 63

# Times are held within half of what 64 bits can say, 1823 to 2116; a file that says more gets the bound.
cdef int64_t TIME_BOUND = INT64_MAX // 2


cdef int64_t nanoseconds(const Interface *interface, uint64_t ticks) noexcept nogil:
    """Convert a block's time."""
    cdef uint128 value = <uint128>ticks * interface.multiplier
    if interface.divisor != 1:
        # Without the cast Cython divides 64 bits.
        value = value / <uint128>interface.divisor
    return <int64_t>min(value, <uint128>TIME_BOUND) + interface.offset_ns


cdef bint set_resolution(Interface *interface, uint8_t resolution) noexcept nogil:
    """Take if_tsresol: a negative power of ten, or of two if the first bit is set; say whether we can."""
    cdef int digits = resolution & 0x7f
    interface.multiplier = NANOSECONDS
    interface.divisor = 1
    if resolution & 0x80:
        interface.divisor = <uint64_t>1 << min(digits, BINARY_DIGITS)
        return digits <= BINARY_DIGITS
    if digits > DECIMAL_DIGITS:
        return False
    while digits > 0:
        if interface.multiplier > 1:
            interface.multiplier //= 10
        else:
            interface.divisor *= 10
        digits -= 1
    return True


cdef void set_offset(Interface *interface, int64_t seconds) noexcept nogil:
    """Take if_tsoffset, held within the bound of times."""
    cdef int64_t bound = TIME_BOUND // NANOSECONDS
    interface.offset_ns = max(-bound, min(bound, seconds)) * NANOSECONDS


cdef int read_options(
    const Window *window, const uint8_t *data, uint32_t size, bint swapped, Interface *interface, Fault *fault
) noexcept nogil:
    """Take the two options that change times from `size` bytes at `data`; GOT_NOTHING or FILE_BROKEN."""
    cdef uint32_t code, length, padded
    while size >= 4:
        code = host16(data, swapped)
        length = host16(data + 2, swapped)
        padded = (length + 3) & ~3u
        if code == OPTION_END:
            break
        data += 4
        size -= 4
        if padded > size:
            return broken(fault, OPTION_OUTSIDE, window, code)
        if code == OPTION_TSRESOL and length == 1 and not set_resolution(interface, data[0]):
            return broken(fault, RESOLUTION, window, data[0])
        if code == OPTION_TSOFFSET and length == 8:
            set_offset(interface, <int64_t>host64(data, swapped))
        data += padded
        size -= padded
    return GOT_NOTHING


cdef int read_interface(Window *window, Section *section, uint32_t length, Fault *fault) noexcept nogil:
    """Add the interface described at the window's first byte."""
    cdef const uint8_t *block = first(window)
    cdef Interface *interface
    if section.interface_count == INTERFACES:
        return broken(fault, TOO_MANY_INTERFACES, window, 0)
    interface = &section.interfaces[section.interface_count]
    section.interface_count += 1
    interface.link_type = host16(block + 8, section.swapped)
    interface.is_read = is_link_type(interface.link_type)
    interface.snaplen = host32(block + 12, section.swapped)
    interface.offset_ns = 0
    set_resolution(interface, 6)
    return read_options(window, block + 16, length - INTERFACE_BYTES, section.swapped, interface, fault)


cdef bint set_order(const Window *window, Section *section) noexcept nogil:
    """Take the byte order of the section that begins at the window's first byte; say whether it has one."""
    section.swapped = host32(first(window) + 8, False) != ORDER_MAGIC
    return host32(first(window) + 8, section.swapped) == ORDER_MAGIC


cdef int read_version(Window *window, Section *section, Fault *fault) noexcept nogil:
    """Begin the section at the window's first byte: forget the interfaces of the one before."""
    cdef uint16_t major = host16(first(window) + 12, section.swapped)
    section.interface_count = 0
    return GOT_NOTHING if major == MAJOR_VERSION else broken(fault, SECTION_VERSION, window, major)


cdef int set_frame(
    Window *window, const Interface *interface, Frame *frame, uint32_t captured, Fault *fault
) noexcept nogil:
    """Finish a frame whose data is known to lie inside its block."""
    if captured > FRAME_BYTES:
        return broken(fault, FRAME_TOO_LONG, window, captured)
    if not interface.is_read:
        return broken(fault, BAD_LINK_TYPE, window, interface.link_type)
    frame.captured = captured
    frame.link_type = interface.link_type
    frame.stripped_tag = 0
    return GOT_FRAME


cdef int read_packet(
    Window *window, Section *section, uint32_t length, uint32_t number, Frame *frame, Fault *fault
) noexcept nogil:
    """Read an enhanced packet block, or the obsolete one, which differs in the interface's `number` alone."""
    cdef const uint8_t *block = first(window)
    cdef bint swapped = section.swapped
    cdef uint32_t captured = host32(block + 20, swapped)
    cdef uint64_t ticks = (<uint64_t>host32(block + 12, swapped) << 32) | host32(block + 16, swapped)
    if number >= section.interface_count:
        return broken(fault, UNKNOWN_INTERFACE, window, number)
    if captured > length - PACKET_BYTES:
        return broken(fault, FRAME_OUTSIDE, window, captured)
    frame.data = block + 28
    frame.wire_bytes = host32(block + 24, swapped)
    frame.timestamp_ns = section.last_ns = nanoseconds(&section.interfaces[number], ticks)
    return set_frame(window, &section.interfaces[number], frame, captured, fault)


cdef int read_simple(Window *window, Section *section, uint32_t length, Frame *frame, Fault *fault) noexcept nogil:
    """Read a simple packet block: no time of its own, interface 0, captured bytes by the snap length."""
    cdef const uint8_t *block = first(window)
    cdef uint32_t captured = host32(block + 8, section.swapped)
    if section.interface_count == 0:
        return broken(fault, UNKNOWN_INTERFACE, window, 0)
    frame.data = block + 12
    frame.wire_bytes = captured
    frame.timestamp_ns = section.last_ns
    if section.interfaces[0].snaplen:
        captured = min(captured, section.interfaces[0].snaplen)
    if captured > length - SIMPLE_BYTES:
        return broken(fault, FRAME_OUTSIDE, window, captured)
    return set_frame(window, &section.interfaces[0], frame, captured, fault)


cdef int read_block(
    Window *window, Section *section, uint32_t kind, uint32_t length, Frame *frame, Fault *fault
) noexcept nogil:
    """Read the whole block at the window's first byte; GOT_NOTHING if it is right but holds no frame."""
    cdef const uint8_t *block = first(window)
    if kind == BLOCK_ENHANCED and length >= PACKET_BYTES:
        return read_packet(window, section, length, host32(block + 8, section.swapped), frame, fault)
    if kind == BLOCK_PACKET and length >= PACKET_BYTES:
        return read_packet(window, section, length, host16(block + 8, section.swapped), frame, fault)
    if kind == BLOCK_SIMPLE and length >= SIMPLE_BYTES:
        return read_simple(window, section, length, frame, fault)
    if kind == BLOCK_INTERFACE and length >= INTERFACE_BYTES:
        return read_interface(window, section, length, fault)
    if kind == BLOCK_SECTION and length >= SECTION_BYTES:
        return read_version(window, section, fault)
    return broken(fault, BLOCK_LENGTH, window, length) if is_known(kind) else GOT_NOTHING


cdef inline bint is_known(uint32_t kind) noexcept nogil:
    """Say whether blocks of this type are read."""
    return (
        kind == BLOCK_ENHANCED or kind == BLOCK_INTERFACE or kind == BLOCK_SIMPLE or kind == BLOCK_PACKET
        or kind == BLOCK_SECTION
    )


cdef int step_over(Window *window, Section *section, bint may_fill, Fault *fault) noexcept nogil:
    """Go on stepping over a block longer than the window."""
    if not may_fill:
        return NEEDS_FILL
    if skip(window, section.skip_end - window.offset):
        section.skip_end = 0
        return GOT_NOTHING
    if not window.at_end:
        return STARVED
    broken(fault, CUT_BLOCK, window, section.skip_end - window.offset)
    fault.offset = section.skip_begin
    return FILE_BROKEN


cdef int next_block(Window *window, Section *section, Frame *frame, bint may_fill, Fault *fault) noexcept nogil:
    """Read the next block; GOT_NOTHING if it holds no frame."""
    cdef uint32_t kind, length
    cdef int step
    if section.skip_end:
        return step_over(window, section, may_fill, fault)
    step = need(window, BLOCK_BYTES, may_fill, CUT_BLOCK, fault)
    if step != GOT_FRAME:
        return step
    kind = host32(first(window), section.swapped)
    if kind == BLOCK_SECTION and not set_order(window, section):
        return broken(fault, SECTION_ORDER, window, host32(first(window) + 8, False))
    length = host32(first(window) + 4, section.swapped)
    if length < BLOCK_BYTES or length & 3:
        return broken(fault, BLOCK_LENGTH, window, length)
    if length > WINDOW_BYTES:
        if is_known(kind):
            return broken(fault, BLOCK_TOO_LONG, window, length)
        section.skip_begin = window.offset
        section.skip_end = window.offset + length
        return step_over(window, section, may_fill, fault)
    step = need(window, length, may_fill, CUT_BLOCK, fault)
    if step != GOT_FRAME:
        return step
    if host32(first(window) + length - TRAILER_BYTES, section.swapped) != length:
        return broken(fault, BLOCK_TRAILER, window, host32(first(window) + length - TRAILER_BYTES, section.swapped))
    step = read_block(window, section, kind, length, frame, fault)
    if step >= 0:
        advance(window, length)
    return step


cdef int next_frame(Window *window, Section *section, Frame *frame, bint may_fill, Fault *fault) noexcept nogil:
    """Fill `frame` from the next block that holds one; return a Step.

    Moves nothing in the window unless `may_fill`.  `section` starts zeroed, but for its table.
    """
    cdef int step = GOT_NOTHING
    while step == GOT_NOTHING:
        step = next_block(window, section, frame, may_fill, fault)
    return step
