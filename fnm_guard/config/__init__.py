"""Settings with defaults and units; load and check them."""
