"""Build the load generator."""

import os
import subprocess
from pathlib import Path

__all__ = ["build"]

FOLDER = Path(__file__).resolve().parent
SOURCES = [
    FOLDER / name for name in ("blast.c", "blast_options.c", "blast_frames.c", "blast_live.c", "blast_program.c")
]
BUILT = FOLDER.parents[1] / "build" / "blast"


def build() -> Path:
    """Compile `blast.c` and its parts if they changed, and give the program; called without, it tells its arguments.

    Safe to call from several processes at once.
    """
    newest = max(path.stat().st_mtime for path in [*SOURCES, FOLDER / "blast.h"])
    if BUILT.exists() and BUILT.stat().st_mtime >= newest:
        return BUILT
    BUILT.parent.mkdir(exist_ok=True)
    made = BUILT.with_name(f"blast.{os.getpid()}")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", "-O2", "-std=gnu11", "-pthread", *warnings, "-o", made, *SOURCES], check=True)
    made.replace(BUILT)
    return BUILT
