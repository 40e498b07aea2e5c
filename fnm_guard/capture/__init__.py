"""The only user of capture_ext: sources and engine, built from the settings."""
