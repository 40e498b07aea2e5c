"""List the extensions; everything else stands in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

CORES = os.cpu_count() or 1
DEBUG = os.environ.get("FNM_DEBUG") == "1"
SANITIZE = os.environ.get("FNM_SANITIZE", "")
ONLY = os.environ.get("FNM_ONLY", "").split()
COMPILE_ARGS = ["-O1", "-g"] if DEBUG else ["-O3", "-fno-plt", "-fno-strict-aliasing"]
# What is undefined ends the run, and an overflow of signed numbers is undefined again (Python's flags say -fwrapv).
SANITIZE_ARGS = (
    [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-fno-wrapv", "-fno-omit-frame-pointer"] if SANITIZE else []
)

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"capture_ext.{source.stem}",
                [str(source)],
                extra_compile_args=[*COMPILE_ARGS, *SANITIZE_ARGS],
                extra_link_args=SANITIZE_ARGS,
                libraries=["dl", "pthread"],
                define_macros=[("_GNU_SOURCE", "1")],
            )
            for source in sorted(Path("capture_ext").glob("*.pyx"))
            if not ONLY or source.stem in ONLY
        ],
        build_dir="build/cython",
        compiler_directives={"language_level": 3},
        nthreads=CORES,
    ),
    options={"build_ext": {"parallel": CORES}},
)
