"""Coverage-guided fuzzing of what reads bytes from outside: build it for libFuzzer, let it run, say what came of it.

    python tests/fuzz/run.py [SECONDS]      # all targets together; 60 if nothing is said

What reaches something new is kept in build/fuzz/corpus/TARGET, and the next run goes on from there.  The exit code is 1
when an input was read wrongly: it is written to build/fuzz, and its path is told.  A copy of it in
tests/fuzz/found/TARGET is a test from then on.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from fuzz.targets import FOUND, TARGETS

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build" / "fuzz"
FUZZER = BUILD / "fuzzer"
SECONDS = 60
GRACE_SECONDS = 60  # how much longer than asked for a run may take, before it is ended
INPUT_SECONDS = 10  # an input that takes longer hangs
MODULES = ("frame", "pcap", "pcapfile", "pcapng", "source", "tunnel", "window", "xdp_ring")
SANITIZERS = "address,undefined"
COUNTS = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")
COVERAGE = re.compile(rb"cov: (\d+) ft: (\d+) corp: (\d+)")


def build() -> None:
    """Build the modules with coverage, and the program that calls them."""
    flags = {"CC": "clang", "FNM_DEBUG": "1", "FNM_ONLY": " ".join(MODULES)}
    places = ["--build-lib", str(BUILD), "--build-temp", str(BUILD / "objects")]
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", *places],
        cwd=ROOT,
        env=os.environ | flags | {"FNM_SANITIZE": f"fuzzer-no-link,{SANITIZERS}"},
        check=True,
    )
    for module in (ROOT / "capture_ext").glob("*.py"):
        shutil.copy(module, BUILD / "capture_ext")
    source = Path(__file__).with_name("fuzzer.c")
    if not FUZZER.exists() or FUZZER.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([*compiler(), "-o", str(FUZZER), str(source), *libraries()], check=True)


def compiler() -> list[str]:
    """Give the words that compile the program; the modules find its symbols."""
    words = ["clang", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-rdynamic", f"-fsanitize=fuzzer,{SANITIZERS}"]
    return [*words, f"-I{sysconfig.get_path('include')}"]


def libraries() -> list[str]:
    """Give the words that link this Python."""
    place = sysconfig.get_config_var("LIBDIR")
    return [f"-L{place}", f"-Wl,-rpath,{place}", f"-lpython{sysconfig.get_config_var('LDVERSION')}"]


def lay_out(name: str) -> Path:
    """Write the inputs to begin with; give the folder."""
    folder = BUILD / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    found = [path.read_bytes() for path in sorted((FOUND / name).glob("*"))]
    for content in [*TARGETS[name].seeds(), *found]:
        (folder / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
    return folder


def environment(name: str) -> dict[str, str]:
    """Give the environment of a run: the modules built here come before those of the checkout."""
    return os.environ | {
        "FUZZ_TARGET": name,
        "FUZZ_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(BUILD), str(ROOT / "tests")]),
        "PYTHONMALLOC": "malloc",  # each object in memory of its own, where the sanitizer sees its ends
        "PYTHONDONTWRITEBYTECODE": "1",
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def fuzz(name: str, seconds: int) -> bool:
    """Run one target; say what came of it, and whether all went well."""
    log, folder = BUILD / f"{name}.log", lay_out(name)
    words = [
        f"-max_total_time={seconds}",
        f"-max_len={TARGETS[name].input_bytes}",
        f"-timeout={INPUT_SECONDS}",
        f"-artifact_prefix={BUILD}/{name}-",
        "-detect_leaks=0",
        "-print_final_stats=1",
    ]
    with log.open("wb") as out:
        try:
            code = subprocess.run(
                [FUZZER, *words, folder],
                env=environment(name),
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=seconds + GRACE_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    return told(name, code, log)


def told(name: str, code: int, log: Path) -> bool:
    """Say how a run ended; a run that tried nothing has not ended well."""
    text = log.read_bytes()
    executed, coverage = COUNTS.findall(text), COVERAGE.findall(text)
    if code == 0 and executed and coverage and int(coverage[-1][0]) > 0:
        reached, features, corpus = map(int, coverage[-1])
        sys.stdout.write(
            f"{name}: {int(executed[-1]):,} inputs, {reached} edges and {features} features reached, {corpus} kept\n"
        )
        return True
    sys.stdout.write(text[-6000:].decode(errors="replace"))
    sys.stdout.write(
        f"\n{name}: failed ({code}); everything is in {log}; the input, if one is named above, is a test\n"
    )
    sys.stdout.write(f"once it is copied to {FOUND.relative_to(ROOT)}/{name}/, under a name that says what is wrong\n")
    return False


def main(arguments: list[str]) -> int:
    """Build, and run each target for its share of the time."""
    seconds = int(arguments[0]) if arguments else SECONDS
    build()
    results = [fuzz(name, max(seconds // len(TARGETS), 1)) for name in TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
