"""What is said of a capture file that cannot be read to its end."""

import os

from capture_ext.frame import LINK_TYPES

__all__ = ["explained"]

READ_FAILED = 1

_TEXTS = (
    "",
    "{reason} at byte {offset}",
    "cut off: the frame header at byte {offset} lacks {value} bytes",
    "cut off: the frame at byte {offset} lacks {value} bytes",
    "cut off: the block at byte {offset} lacks {value} bytes",
    "the frame at byte {offset} claims {value} bytes, more than {frame_bytes}",
    "the block at byte {offset} has the length {value}: too short for its type, or no multiple of 4",
    "the block at byte {offset} ends with another length ({value}) than it begins with",
    "the block at byte {offset} claims {value} bytes, more than {window_bytes}",
    "the frame in the block at byte {offset} claims {value} bytes, more than the block has",
    "the section at byte {offset} has no byte order (0x{value:08x})",
    "the section at byte {offset} has pcapng version {value}, supported is 1",
    "the frame at byte {offset} names interface {value}, which is not described",
    "the block at byte {offset} describes more than {interfaces} interfaces",
    "option {value} of the interface at byte {offset} runs past its block",
    "the interface at byte {offset} has time resolution 0x{value:02x}, supported are 10^-0 to 10^-19 and 2^-0 to 2^-63",
    "the frame at byte {offset} has link type {value}, supported are {link_types}",
    "not a capture file ({shown})",
    "pcap version {high}.{low}, supported is 2.4",
    "link type {value}, supported are {link_types}",
    "the file was cut while it was followed: it is shorter than the {value} bytes that were read",
    "the file was replaced by another one; what was followed is read to its end, {value} bytes",
    "the file was removed; it is read to its end, {value} bytes",
    "a compressed file cannot be followed: tail -c +1 -f {name} | fnm-guard replay -",
    "",
)
"""Texts of window.FaultCode, in its order."""


def explained(name: str, code: int, *, offset: int, value: int, beginning: bytes, **bounds: int) -> str:
    """Give one line on a fault, "" if there is none.

    Args:
        name: The file.
        code: A window.FaultCode.
        offset: Where the record that is wrong begins.
        value: What is wrong with it; what it means differs with the code.
        beginning: Its first bytes.
        bounds: What was the most, by name.
    """
    text = _TEXTS[code].format(
        name=name,
        offset=offset,
        value=value,
        reason=os.strerror(value) if code == READ_FAILED else "",
        high=value >> 16,
        low=value & 0xFFFF,
        shown=f"first bytes {beginning.hex(' ')}" if beginning else "it is empty",
        link_types=LINK_TYPES,
        **bounds,
    )
    return f"{name}: {text}" if text else ""
