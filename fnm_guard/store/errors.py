__all__ = ["StoreError"]


class StoreError(Exception):
    """The database cannot be used; the text is one line for the operator: which file, what is wrong, what to do."""
