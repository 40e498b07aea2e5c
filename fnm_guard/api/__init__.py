"""JSON shapes and routes over a Unix socket; the command line and the screen are its clients."""
