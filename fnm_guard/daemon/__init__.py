"""The running daemon: its parts, its life from start to stop, its reload, and the desk where operators are served."""
