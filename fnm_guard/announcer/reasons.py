"""Why a session is down, in words that an operator can act on."""

import re

__all__ = ["SILENT_SECONDS", "explain_down", "is_telling", "missing_families", "no_session"]

SILENT_SECONDS = 30.0
"""After this long without a session, and without a word about it, the reason says where to look."""

# RFC 4271 section 4.5, RFC 4486, RFC 5492, RFC 6608, RFC 8538: what they mean for whoever set this session up.
_NOTIFICATIONS = {
    (1, 1): "connection not synchronized",
    (2, 1): "unsupported BGP version",
    (2, 2): "wrong AS number: compare `as` and `local_as` with the peer's configuration",
    (2, 3): "bad BGP identifier: is `router_id` the peer's own?",
    (2, 4): "unsupported optional parameter",
    (2, 6): "hold time not acceptable",
    (2, 7): "unsupported capability",
    (3, 8): "next hop not accepted",
    (4, 0): "hold timer expired",
    (6, 0): "ceased",
    (6, 1): "max-prefix reached: the peer takes fewer routes than are announced",
    (6, 2): "administratively shut down",
    (6, 3): "peer not configured there any more",
    (6, 4): "administratively reset",
    (6, 5): "connection rejected: is this address configured as a neighbor there?",
    (6, 6): "configuration changed",
    (6, 7): "connection collision",
    (6, 8): "out of resources",
    (6, 9): "hard reset",
    (6, 10): "BFD down",
}
_CODES = {1: "message header error", 2: "OPEN refused", 3: "UPDATE refused", 4: "hold timer expired", 5: "state error"}
_NOTIFICATION = re.compile(r"notification (received|sent) \((\d+),(\d+)\)")


def explain_down(reason: str, message: str = "") -> str:
    """Turn ExaBGP's reason for a lost session into the operator's.

    Args:
        reason: `notification received (6,1)`, `closing connection`, `stop, message [shutting down]`, ...
        message: The text that came with the notification (RFC 9003), "" for none.
    """
    found = _NOTIFICATION.search(reason)
    if found is None:
        return _PLAIN.get(reason, reason or "the session ended")
    code, subcode = int(found[2]), int(found[3])
    text = _NOTIFICATIONS.get((code, subcode)) or _CODES.get(code, "ended")
    who = "refused by the peer" if found[1] == "received" else "refused by us"
    said = f": {_printable(message)}" if _printable(message) else ""
    return f"{who}: {text} (NOTIFICATION {code}/{subcode}){said}"


def is_telling(reason: str) -> bool:
    """Whether ExaBGP's reason for a lost session says more than that it is lost."""
    return _NOTIFICATION.search(reason) is not None


_PLAIN = {
    "closing connection": "the peer closed the connection",
    "peer reset": "the peer closed the connection",
}


def no_session(address: object) -> str:
    """Give the reason of a session that never came, of which BGP itself says nothing."""
    return f"no session within {SILENT_SECONDS:.0f} s: MD5 password, TTL security, ACL or routing to {address}?"


def missing_families(missing: "tuple[str, ...]") -> str:
    """Give the reason for routes that the peer cannot take, "" when it takes all families that are configured."""
    return f"family {' and '.join(missing)} not negotiated: enable it at the peer" if missing else ""


def _printable(text: str) -> str:
    """Give the part of a peer's text that may stand in a log or on a screen, 128 characters at most."""
    return "".join(c for c in text if c.isascii() and c.isprintable())[:128].strip()
