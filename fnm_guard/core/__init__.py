"""Decides: attacks, bans, wanted routes.  Pure: values in, values out; the time is an argument."""
