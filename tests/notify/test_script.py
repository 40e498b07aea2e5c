"""Rules of the script hook beyond the process itself."""

import asyncio
from pathlib import Path

import msgspec
import pytest
import structlog

from fnm_guard.notify.calls import ScriptCall
from fnm_guard.notify.delivery import Delivery
from fnm_guard.notify.model import Pace, ScriptSettings
from fnm_guard.notify.outcome import ChannelDownError
from fnm_guard.notify.script import ScriptChannel
from fnm_guard.store import Outbox

CALL = ScriptCall("203.0.113.7", "incoming", 120_613, "ban", "IP: 203.0.113.7\n")


def written(folder: Path, text: str, mode: int = 0o755) -> Path:
    """Write a script."""
    path = folder / "script"
    path.write_text(text)
    path.chmod(mode)
    return path


async def failure(channel: ScriptChannel) -> str:
    """Give why a call failed."""
    with pytest.raises(ChannelDownError) as caught:
        await channel.test(CALL)
    channel.close()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("#!/bin/sh\n", 0o644, "not executable: chmod +x"),
        ("echo\n", 0o755, "no #! line, or its interpreter is missing"),
        ("#!/no/such/interpreter\n", 0o755, "no #! line, or its interpreter is missing"),
        ("#!/bin/sh\nexit 3\n", 0o755, "exit 3"),
        ("#!/bin/sh\nkill -9 $$\n", 0o755, "exit -9"),
    ],
)
async def test_reason_of_a_failure(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    """Each way to fail is said in one line with the path."""
    path = written(tmp_path, text, mode)
    with structlog.testing.capture_logs():
        said = await failure(ScriptChannel(ScriptSettings(path)))
    assert said.startswith(f"{path}: ")
    assert reason in said


async def test_missing_file(tmp_path: Path) -> None:
    """A script that is not there is named."""
    channel = ScriptChannel(ScriptSettings(tmp_path / "missing"))
    assert "no such file" in channel.problem()
    assert "no such file" in await failure(channel)


async def test_time_limit(tmp_path: Path) -> None:
    """A script that hangs is killed after its time, which is logged with what it wrote."""
    path = written(tmp_path, "#!/bin/sh\necho thinking\nsleep 600\n")
    with structlog.testing.capture_logs() as lines:
        said = await failure(ScriptChannel(ScriptSettings(path, 0.3)))
    assert said == f"{path}: killed after 0.3 s"
    assert (lines[0]["output"], lines[0]["action"]) == ("thinking", "ban")


async def test_output_goes_to_the_log_in_one_line(tmp_path: Path) -> None:
    """What a script prints cannot forge lines of the log or break its encoding."""
    path = written(tmp_path, "#!/bin/sh\nprintf 'a\\nb\\377\\033[2Jc'\n")
    channel = ScriptChannel(ScriptSettings(path))
    with structlog.testing.capture_logs() as lines:
        await channel.test(CALL)
    channel.close()
    assert lines[0]["output"] == "a b\\xff [2Jc"


async def test_slow_scripts_are_bounded_in_number(tmp_path: Path) -> None:
    """Never more than the bound run at once; the others wait their turn and all are made."""
    path = written(
        tmp_path,
        f"#!/bin/sh\nmkdir {tmp_path}/run.$1\nls {tmp_path} | grep -c ^run\nsleep 0.3\nrmdir {tmp_path}/run.$1\n",
    )
    outbox = Outbox(lambda _: None)
    for number in range(10):
        host = f"203.0.113.{number}"
        outbox.put("script", host, msgspec.json.encode(ScriptCall(host, "incoming", 1, "ban")), 0.0)
    delivery = Delivery(ScriptChannel(ScriptSettings(path)), outbox, lambda: 1.0, Pace())
    with structlog.testing.capture_logs() as lines:
        delivery.start()
        async with asyncio.timeout(60):
            while outbox.pending():  # noqa: ASYNC110  # scripts tell nobody of their end
                await asyncio.sleep(0.01)
        await delivery.close(5.0)
    assert delivery.counters["sent"] == 10
    assert 1 < max(int(line["output"]) for line in lines) <= 4


async def test_call_cut_off_by_the_end_is_made_again(tmp_path: Path) -> None:
    """When the guard ends while a script hangs, the script is killed and its call stays for the next process."""
    path = written(tmp_path, f"#!/bin/sh\ntouch {tmp_path}/begun\nsleep 600\n")
    outbox = Outbox(lambda _: None)
    outbox.put("script", CALL.host, msgspec.json.encode(CALL), 0.0)
    delivery = Delivery(ScriptChannel(ScriptSettings(path)), outbox, lambda: 1.0, Pace())
    delivery.start()
    async with asyncio.timeout(60):
        while not (tmp_path / "begun").exists():  # noqa: ASYNC110  # the script makes it
            await asyncio.sleep(0.01)
    await delivery.close(0.1)
    assert outbox.pending() == {"script": 1}
    assert delivery.counters["failed"] == 0


async def test_unreadable_call_is_given_up() -> None:
    """A damaged row of the outbox does not stop the channel."""
    outbox = Outbox(lambda _: None)
    outbox.put("script", "x", b"garbage", 0.0)
    delivery = Delivery(ScriptChannel(ScriptSettings(Path("/bin/true"))), outbox, lambda: 1.0, Pace())
    delivery.start()
    async with asyncio.timeout(60):
        while outbox.pending():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
    await delivery.close(1.0)
    assert delivery.counters["failed"] == 1
