"""The log: never in the way, never too much."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog

from fnm_guard.daemon.log import LINES_A_SECOND, Log, Outlet, Ration


@dataclass
class Pipe:
    """Both ends of a pipe."""

    reader: int
    writer: int

    def lines(self) -> list[str]:
        """Give the lines written so far."""
        return os.read(self.reader, 1 << 20).decode().splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Give a pipe whose ends are closed after the test, if they are not yet."""
    made = Pipe(*os.pipe())
    yield made
    for end in (made.reader, made.writer):
        try:
            os.close(end)
        except OSError:
            continue


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def passed(ration: Ration, text: str, **fields: object) -> dict[str, object] | None:
    """Give a line as the ration passes it on; None: left out."""
    try:
        return dict(ration(None, "info", {"event": text, **fields}))
    except structlog.DropEvent:
        return None


def test_a_line_is_text_with_fields(pipe: Pipe) -> None:
    """As text a line has the time in UTC, the level, the constant text and the fields."""
    Log(pipe.writer).configure("info", "text")
    structlog.get_logger("fnm_guard").warning("host banned", host="203.0.113.7")
    (line,) = pipe.lines()
    assert line.endswith("host banned host=203.0.113.7")
    assert "[warning" in line
    assert "Z " in line


def test_a_line_is_one_json_object(pipe: Pipe) -> None:
    """As json a line is one object, a traceback inside it."""
    Log(pipe.writer).configure("info", "json")
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("fnm_guard").exception("pulse failed")
    (line,) = pipe.lines()
    found = json.loads(line)
    assert (found["event"], found["level"]) == ("pulse failed", "error")
    assert "ValueError: invalid literal" in found["exception"]


def test_another_level_and_form_apply_at_once(pipe: Pipe) -> None:
    """A logger that was used before takes a new level and form with the next line."""
    log, logger = Log(pipe.writer), structlog.get_logger("fnm_guard")
    log.configure("warning", "text")
    logger.info("unseen")
    log.configure("debug", "json")
    logger.debug("seen")
    assert [json.loads(line)["event"] for line in pipe.lines()] == ["seen"]


def test_lines_of_libraries_are_ours(pipe: Pipe) -> None:
    """What asyncio or uvicorn log with Python's own logging comes as a line of ours."""
    Log(pipe.writer).configure("info", "json")
    logging.getLogger("asyncio").error("Task was %s", "destroyed")
    found = json.loads(pipe.lines()[0])
    assert (found["event"], found["text"], found["level"]) == ("asyncio", "Task was destroyed", "error")


def test_a_closed_pipe_costs_lines_only(pipe: Pipe) -> None:
    """When nobody is at the other end any more, lines are counted as lost and nothing is raised."""
    outlet = Outlet(pipe.writer)
    os.close(pipe.reader)
    outlet.msg("lost")
    outlet.msg("lost too")
    assert outlet.lost == 2


def test_a_pipe_that_nobody_reads_never_makes_us_wait(pipe: Pipe) -> None:
    """A full pipe takes no line and holds nobody up; lines pass again when it was read."""
    outlet = Outlet(pipe.writer)
    for _ in range(200):
        outlet.msg("x" * 999)
    assert 0 < outlet.lost < 200
    kept = pipe.lines()
    outlet.msg("again")
    assert pipe.lines()[-1] == "again"
    assert len([line for line in kept if len(line) == 999]) == 200 - outlet.lost


def test_a_full_disk_costs_lines_only() -> None:
    """A device without room takes no line; it is counted and nothing is raised."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        outlet = Outlet(descriptor)
        outlet.msg("lost")
        assert outlet.lost == 1
    finally:
        os.close(descriptor)


def test_so_many_lines_of_a_kind_pass_in_a_second() -> None:
    """Of one text a few pass in a second; other texts have their own share; the next second begins anew."""
    clock = Clock()
    ration = Ration(clock)
    assert [passed(ration, "attack started", attack=n) is not None for n in range(LINES_A_SECOND + 5)] == [
        *[True] * LINES_A_SECOND,
        *[False] * 5,
    ]
    assert passed(ration, "attack ended") is not None
    clock.now += 1.0
    assert passed(ration, "attack started") == {"event": "attack started", "left_out": 5}
    assert passed(ration, "attack started") == {"event": "attack started"}
    assert ration.left_out == 5


def test_a_refusal_passes_once_a_second_a_reason() -> None:
    """A thousand hosts refused for one reason are one line a second; another reason is another line."""
    ration = Ration(Clock())
    assert passed(ration, "host not banned", refusal="too_many", host="a")
    assert passed(ration, "host not banned", refusal="too_many", host="b") is None
    assert passed(ration, "host not banned", refusal="never_ban", host="c")


def test_bans_and_their_ends_always_pass() -> None:
    """No number of bans in a second is too many: the log is the last witness of each."""
    ration = Ration(Clock())
    for text in ("host banned", "host unbanned", "host would be banned"):
        assert all(passed(ration, text, host=number) for number in range(1000))
    assert ration.left_out == 0


def test_what_was_left_out_is_told_without_a_further_line(pipe: Pipe) -> None:
    """When no later line tells of it, the count gets a line of its own, once."""
    log = Log(pipe.writer)
    clock = Clock()
    log.ration = Ration(clock)
    log.configure("info", "json")
    for number in range(1000):
        structlog.get_logger("fnm_guard").warning("host not banned", refusal="too_many", host=number)
    log.settle()
    assert len(pipe.lines()) == 1
    clock.now += 1
    log.settle()
    log.settle()
    (line,) = pipe.lines()
    found = json.loads(line)
    assert (found["event"], found["of"], found["count"]) == ("log lines left out", "host not banned: too_many", 999)
