"""What can keep the announcer from its work."""

__all__ = ["AnnouncerError"]


class AnnouncerError(Exception):
    """ExaBGP cannot be run as it should; the text says why and what to do."""
