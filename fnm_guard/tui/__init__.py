"""The terminal screen, a client of the API."""
