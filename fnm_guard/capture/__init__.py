"""The only user of capture_ext: sources and engine, built from the settings.  `live` and `replay` are the ways in."""
