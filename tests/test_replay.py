"""A capture through the whole decision, on its own clock."""

import json
import struct
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from fnm_guard.replay import replay

VICTIM, QUIET = "203.0.113.7", "203.0.113.8"
START = 1_404_482_394


def _ipv4(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    def address(text: str) -> bytes:
        return bytes(map(int, text.split(".")))

    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
    return bytes(12) + b"\x08\x00" + head + address(source) + address(destination) + payload


def _syn(number: int) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", 1024 + number % 60_000, 80, number, 0, 0x50, 2, 8192, 0, 0)
    return _ipv4(f"198.51.100.{number % 250 + 1}", VICTIM, 6, tcp)


def _write(path: Path, frames: "list[tuple[int, bytes]]") -> Path:
    """Write frames, each with its microseconds after the start."""
    records = b"".join(
        struct.pack("<IIII", START + at // 1_000_000, at % 1_000_000, len(frame), len(frame)) + frame
        for at, frame in frames
    )
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1) + records)
    return path


def _flood(path: Path, seconds: float = 2.0, pps: int = 2_000, silence: float = 0.0) -> Path:
    frames = [(number * 1_000_000 // pps, _syn(number)) for number in range(int(seconds * pps))]
    frames.append((int((seconds + silence) * 1e6), _ipv4("198.51.100.9", QUIET, 17, bytes(8))))
    return _write(path, frames)


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Give a configuration with a threshold of 1,000 pps."""
    path = tmp_path / "fnm-guard.yaml"
    path.write_text(
        "networks: [203.0.113.0/24]\ndetection: {thresholds: {incoming: {pps: 1000}}}\nban: {mode: monitor}\n"
    )
    return path


def _json(files: "list[Path]", configuration: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = replay(files, configuration, None, as_json=True)
    return code, json.loads(capsys.readouterr().out)


def test_the_json_has_the_documented_structure(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Field names and units are an interface; 4,000 SYN of 40 bytes and one UDP packet give exactly this."""
    code, outcome = _json([_flood(tmp_path / "flood.pcap")], configuration, capsys)
    assert code == 0
    assert set(outcome) == {"frames", "unparsed", "totals", "hosts", "attacks"}
    assert outcome["frames"] == 4001
    assert outcome["totals"] == {
        "incoming": {"packets": 4001, "bytes": 160_028},
        "outgoing": {"packets": 0, "bytes": 0},
        "internal": {"packets": 0, "bytes": 0},
        "other": {"packets": 0, "bytes": 0},
    }
    counted = {"packets": 4000, "bytes": 160_000, "tcp": 4000, "syn": 4000}
    silent = dict.fromkeys(("packets", "bytes", "tcp", "syn", "udp", "icmp", "other", "fragments"), 0)
    assert outcome["hosts"][VICTIM] == {"incoming": silent | counted, "outgoing": silent}
    (attack,) = outcome["attacks"]
    assert attack == {
        "host": VICTIM,
        "direction": "incoming",
        "metric": "pps",
        "power": 2000,
        "peak": 2000,
        "started": attack["started"],
        "detected": attack["detected"],
        "ended": None,
        "type": "syn flood",
        "audit_packets": 100,
    }
    assert attack["started"] == "2014-07-04T13:59:54.000000Z"
    assert attack["started"] < attack["detected"] <= "2014-07-04T13:59:54.600000Z"


def test_an_attack_ends_on_the_clock_of_the_capture(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After 20 s of silence in the capture the attack is over, since the moment its rate fell."""
    _, outcome = _json([_flood(tmp_path / "flood.pcap", silence=20)], configuration, capsys)
    (attack,) = outcome["attacks"]
    assert "2014-07-04T13:59:56" < attack["ended"] < "2014-07-04T13:59:58"


def test_the_same_capture_gives_the_same_answer(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replay depends on the capture alone."""
    flood = _flood(tmp_path / "flood.pcap", silence=20)
    assert _json([flood], configuration, capsys) == _json([flood], configuration, capsys)


def test_strictly_above_the_threshold(tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly 1,000 packets in a second are no attack."""
    frames = [(number * 1000, _syn(number)) for number in range(1000)]
    _, outcome = _json([_write(tmp_path / "even.pcap", frames)], configuration, capsys)
    assert outcome["attacks"] == []


def test_mails_are_written_as_act_mode_sends_them(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two mails, the second threaded under the first, with 100 packets, although the configuration says monitor."""
    folder = tmp_path / "mails"
    assert replay([_flood(tmp_path / "flood.pcap")], configuration, folder, as_json=False) == 0
    parser = BytesParser(policy=policy.default)
    first, second = (parser.parsebytes(path.read_bytes()) for path in sorted(folder.iterdir()))
    subject = f"Myflower Guard: IP {VICTIM} blocked because incoming attack with power 2000 pps"
    assert first["Subject"] == second["Subject"] == subject
    assert first.get_content().strip() == ""
    assert second["In-Reply-To"] == first["Message-ID"]
    lines = second.get_content().splitlines()
    assert lines[:4] == [
        f"IP: {VICTIM}",
        "Attack power: 2000 packets per second",
        "Peak attack power: 2000 packets per second",
        "Attack direction: incoming",
    ]
    assert lines[8] == ""
    assert len(lines[9:]) == 100
    assert all(line.endswith("protocol: tcp size: 40 bytes") for line in lines[9:])
    assert "syn flood" in capsys.readouterr().out


def test_a_cut_capture_gives_what_it_had_and_says_where(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was counted before the cut is shown; exit 1 and one line with the byte."""
    path = _flood(tmp_path / "flood.pcap")
    path.write_bytes(path.read_bytes()[:-20])
    code = replay([path], configuration, None, as_json=True)
    captured = capsys.readouterr()
    assert code == 1
    assert json.loads(captured.out)["frames"] == 4000
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"{path}: cut off")


@pytest.mark.parametrize("content", [b"", b"not a capture at all", None])
def test_what_is_no_capture_is_one_clear_line(
    content: bytes | None, tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty, garbage, missing: exit 1, one line that names the file."""
    path = tmp_path / "thing"
    if content is not None:
        path.write_bytes(content)
    assert replay([path], configuration, None, as_json=True) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{path}: ")
    assert captured.err.count("\n") == 1


def test_a_bad_configuration_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong key is named with its place."""
    path = tmp_path / "bad.yaml"
    path.write_text("networks: [203.0.113.0/24]\nthreshold: 5\n")
    assert replay([tmp_path / "x.pcap"], path, None, as_json=True) == 2
    assert capsys.readouterr().err.startswith(f"{path}:2:1: threshold: ")
