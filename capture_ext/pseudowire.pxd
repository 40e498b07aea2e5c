"""Ethernet pseudowires (RFC 4448): what lies below a label stack, when it is not IP.  Inline, for tunnel.pyx.

Nothing on the wire says that a label stack carries a pseudowire, nor whether there is a control word (RFC 4385): both
ends of the path know.  So it is guessed.

1. The first four bits are 4 or 6: IP, as every router guesses (RFC 4928).  A frame without control word to a MAC
   address that begins with 4 or 6 is misread; that is what the control word is for (RFC 8469).
2. The first bytes are 10 00: an associated channel (RFC 5586), which carries no traffic.
3. An Ethernet header at the bottom of the stack (no control word), or 4 bytes behind it (only if the first four bits
   are 0, as those of a control word are).  It is taken for one if the EtherType behind its tags fits what follows:
   IPv4 and 4, IPv6 and 6, a PPPoE session and 11 hex, or MPLS.  If both fit, the one with a control word is right when
   the first two bytes are 0, as senders make them, else the other.
4. Otherwise it is none: ARP, spanning tree and the like inside, or a pseudowire of another kind.
"""

from libc.stdint cimport uint16_t, uint32_t

from capture_ext.frame cimport PARSED
from capture_ext.link cimport (
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_PPPOE_SESSION,
    Cursor,
    advance,
    enter_ethernet,
    enter_tags,
    is_labelled,
)
from capture_ext.wire cimport be16

cdef enum:
    CONTROL_WORD_BYTES = 4
    ASSOCIATED_CHANNEL = 0x1000
    PPPOE_VERSION_TYPE = 0x11    # RFC 2516, 4


cdef inline bint is_ethernet(Cursor at, uint32_t skipped) noexcept nogil:
    """Whether what lies `skipped` bytes behind the cursor reads as Ethernet with something to count in it."""
    if at.size < skipped:
        return False
    advance(&at, skipped)
    if enter_ethernet(&at) != PARSED or enter_tags(&at) != PARSED or at.size == 0:
        return False
    if at.type == TYPE_IPV4 or at.type == TYPE_IPV6:
        return at.data[0] >> 4 == (4 if at.type == TYPE_IPV4 else 6)
    return is_labelled(at.type) or (at.type == TYPE_PPPOE_SESSION and at.data[0] == PPPOE_VERSION_TYPE)


cdef inline int before_ethernet(Cursor at) noexcept nogil:
    """Give the bytes before the Ethernet header of a pseudowire, -1 if there is none; the cursor is below the stack.

    The caller has ruled out IP.
    """
    cdef bint without_word, with_word
    cdef uint16_t start
    if at.size < CONTROL_WORD_BYTES:
        return -1
    start = be16(at.data)
    if start == ASSOCIATED_CHANNEL:
        return -1
    without_word = is_ethernet(at, 0)
    with_word = start >> 12 == 0 and is_ethernet(at, CONTROL_WORD_BYTES)
    if with_word and (start == 0 or not without_word):
        return CONTROL_WORD_BYTES
    return 0 if without_word else -1
