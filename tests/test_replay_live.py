"""Replays of captures that are still being written, as processes: followed files, pipes, Ctrl-C, bad input."""

import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from backports import zstd

from fnm_guard.cli import main
from frames.capture_files import pcap, pcap_record

COMMAND = Path(sys.executable).parent / "fnm-guard"
FLOOD = Path(__file__).parents[1] / "docs" / "examples" / "flood.pcap"
FRAMES = 1800
CONFIGURATION = FLOOD.with_name("replay.yaml")
DEADLINE = 30.0
OVER = "incoming attack on 198.51.100.7: pps above its threshold, 1,015 pps"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give what starts a replay; those that still run at the end are killed."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*words: "str | Path", stdin: "int | None" = None) -> "subprocess.Popen[str]":
        command = [COMMAND, "replay", *words, "-c", CONFIGURATION]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    yield begin
    for process in processes:
        with process:  # closes its streams and waits
            process.kill()


def end(process: "subprocess.Popen[str]", number: int = signal.SIGINT) -> tuple[int, str, str]:
    """Stop a replay by a signal; give exit code, output and errors."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=DEADLINE)
    return process.returncode, output, errors


def until(process: "subprocess.Popen[str]", text: str) -> str:
    """Read lines of output until one has the text; give that line."""
    assert process.stdout
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"{text} never came: {process.stderr and process.stderr.read()}")


def eventually(claim: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Give what runs a replay in this process, with a content in a pipe on standard input."""
    before = os.dup(0)

    def once(*words: "str | Path", content: bytes = b"") -> tuple[int, str, str]:
        reader, writer = os.pipe()
        os.dup2(reader, 0)
        os.close(reader)
        feeder = threading.Thread(target=feed, args=(writer, content))
        feeder.start()
        code = main(["replay", *map(str, words), "-c", str(CONFIGURATION)])
        os.dup2(before, 0)
        feeder.join()
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    yield once
    os.dup2(before, 0)
    os.close(before)


def feed(writer: int, content: bytes) -> None:
    """Write all of it, or what is wanted of it."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb") as stream:
        stream.write(content)


@pytest.fixture
def whole(run: Run) -> dict[str, object]:
    """Give what a replay of the finished file says."""
    code, output, _ = run(FLOOD, "--json")
    assert code == 0
    found: dict[str, object] = json.loads(output)
    return found


def test_a_growing_file_is_told_of_while_it_grows(tmp_path: Path, start: Start, run: Run) -> None:
    """The crossing and its mails are there as soon as the frames are; the report is that of the finished file."""
    content = FLOOD.read_bytes()
    file, mails = tmp_path / "growing.pcap", tmp_path / "mails"
    file.write_bytes(content[:10])
    process = start("--follow", file, "--mail-dir", mails)
    with file.open("ab", buffering=0) as stream:
        half = len(content) * 2 // 3
        for begin in range(10, half, 40_000):
            stream.write(content[begin : min(begin + 40_000, half)])
        assert until(process, "attack on") == f"2014-07-04T13:59:54.200000Z {OVER}\n"
        eventually(lambda: len(list(mails.glob("*.eml"))) >= 2)
        assert process.poll() is None
        stream.write(content[half:])
    until(process, "attack on 198.51.100.7 over: syn flood, peak 1,025 pps")
    code, output, errors = end(process)
    assert (code, errors) == (0, "")
    _, expected, _ = run(FLOOD)
    assert output.endswith(expected)


def test_the_last_of_several_files_is_followed(tmp_path: Path, start: Start) -> None:
    """Those before it are finished; SIGTERM ends it like Ctrl-C, with the report as JSON and the lines beside it."""
    content = FLOOD.read_bytes()
    records = len(content) // 2
    first, last = tmp_path / "first.pcap", tmp_path / "last.pcap"
    first.write_bytes(content)
    last.write_bytes(content[:records])
    process = start("-f", first, last, "--json", "--mail-dir", tmp_path / "mails")
    eventually(lambda: len(list((tmp_path / "mails").glob("*.eml"))) >= 3)
    with last.open("ab") as stream:
        stream.write(content[records:])
    code, output, errors = end(process, signal.SIGTERM)
    assert code == 0
    assert json.loads(output)["frames"] == 2 * FRAMES
    assert errors.splitlines()[0] == f"2014-07-04T13:59:54.200000Z {OVER}"


@pytest.mark.parametrize("change", ["cut", "replaced"])
def test_a_followed_file_that_changes_ends_with_the_report(tmp_path: Path, start: Start, change: str) -> None:
    """Exit 1, one line, and what was counted until then."""
    file = tmp_path / "growing.pcap"
    shutil.copy(FLOOD, file)
    process = start("--follow", file)
    until(process, "attack on 198.51.100.7 over")
    if change == "cut":
        os.truncate(file, 1000)
    else:
        shutil.copy(FLOOD, tmp_path / "other")
        (tmp_path / "other").rename(file)
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert f"frames    {FRAMES:>12,}" in output
    assert errors.startswith(f"{file}: the file was {change} ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["plain", "gzip", "zstd"])
def test_standard_input_gives_what_the_file_gives(
    run: Run, whole: dict[str, object], pack: Callable[[bytes], bytes]
) -> None:
    """A pipe, compressed or not, decides as the file does."""
    code, output, errors = run("-", "--json", content=pack(FLOOD.read_bytes()))
    assert code == 0
    assert json.loads(output) == whole
    assert all(line.startswith("2014-07-04T") for line in errors.splitlines())


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_a_compressed_file_gives_what_the_plain_one_gives(
    tmp_path: Path, run: Run, whole: dict[str, object], pack: Callable[[bytes], bytes]
) -> None:
    """Whatever it is called."""
    file = tmp_path / "capture"
    file.write_bytes(pack(FLOOD.read_bytes()))
    code, output, errors = run(file, "--json")
    assert (code, errors) == (0, "")
    assert json.loads(output) == whole


def test_ctrl_c_on_a_pipe_reads_what_is_still_coming(start: Start) -> None:
    """A writer that the same Ctrl-C ends passes on what it holds; then comes the report."""
    content = FLOOD.read_bytes()
    process = start("-", stdin=subprocess.PIPE)
    assert process.stdin
    raw = process.stdin.buffer.raw  # type: ignore[attr-defined]  # of a text stream over a buffer
    raw.write(content[:-5000])
    until(process, "attack on 198.51.100.7")
    process.send_signal(signal.SIGINT)
    raw.write(content[-5000:])
    process.stdin.close()
    assert process.stdout
    assert process.stderr
    output, errors = process.stdout.read(), process.stderr.read()
    assert process.wait(DEADLINE) == 0
    assert errors == ""
    assert f"frames    {FRAMES:>12,}" in output


def test_a_fifo_is_read_like_a_pipe(tmp_path: Path, start: Start) -> None:
    """Nobody has to write yet when it starts; what is at hand is told of, and Ctrl-C gives the report."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start(fifo)
    with fifo.open("wb", buffering=0) as stream:
        stream.write(gzip.compress(FLOOD.read_bytes()))
        until(process, "attack on 198.51.100.7")
        code, output, errors = end(process)
    assert (code, errors) == (0, "")
    assert f"frames    {FRAMES:>12,}" in output


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump")
def test_tcpdump_writes_the_pipe(run: Run, whole: dict[str, object]) -> None:
    """The real writer: tcpdump -w - | fnm-guard replay -."""
    tcpdump = ["tcpdump", "-r", str(FLOOD), "-w", "-"]
    written = subprocess.run(tcpdump, capture_output=True, timeout=60, check=True).stdout
    code, output, _ = run("-", "--json", content=written)
    assert code == 0
    assert json.loads(output) == whole


BIG = pcap([]) + pcap_record((0, 0, bytes(60))) * 3


@pytest.mark.parametrize(
    ("words", "content", "line"),
    [
        (["."], b"", ".: Is a directory"),
        (["-"], b"", "standard input: not a capture file (it is empty)"),
        (["-"], b"some text, no capture at all", "standard input: not a capture file (first bytes 73 6f 6d 65 20 74"),
        (["-"], BIG[:-1], "standard input: cut off: the frame at byte 176 lacks 1 bytes"),
        (["-"], BIG + b"\xff" * 40, "standard input: the frame at byte 252 claims 4294967295 bytes, more than 262144"),
        (["-"], gzip.compress(BIG)[:-3], "standard input: cut off: the gzip data ends unfinished at byte"),
        (["-"], b"\x28\xb5\x2f\xfd garbage", "standard input: the zstd data is damaged at byte 0 to 12 ("),
        (["/dev/null"], b"", "/dev/null: not a capture file (it is empty)"),
        (["/dev/zero"], b"", "/dev/zero: not a capture file (first bytes 00 00 00 00 00 00 00 00)"),
        (["/nowhere/x.pcap"], b"", "/nowhere/x.pcap: No such file or directory"),
        (["-f", "/nowhere/x.pcap"], b"", "/nowhere/x.pcap: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(run: Run, words: Sequence[str], content: bytes, line: str) -> None:
    """Exit 1, and one line that names the input and what is wrong with it; what was counted is shown."""
    code, output, errors = run(*words, content=content)
    assert code == 1
    assert output.startswith("frames ")
    assert errors.startswith(line)
    assert errors.count("\n") == 1


def test_a_closed_standard_input_is_one_line() -> None:
    """A descriptor that is not there is no capture, and nothing else is read in its place."""
    words = f"exec {COMMAND} replay - -c {CONFIGURATION} <&-"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "standard input: it is closed\n")


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may read everything")
def test_a_file_without_permission_is_one_line(tmp_path: Path) -> None:
    """The system's reason."""
    file = tmp_path / "secret.pcap"
    shutil.copy(FLOOD, file)
    file.chmod(0)
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    words = [*drop, str(COMMAND), "replay", str(file), "-c", str(CONFIGURATION)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"{file}: Permission denied\n")
