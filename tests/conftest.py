"""What holds for every test."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A busy machine is no failure: speed is the benchmark's matter.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

NEEDS_ROOT = "needs root"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot run without root."""
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("netns"):
                item.add_marker(pytest.mark.skip(reason=NEEDS_ROOT))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests did not run for want of root: none of them has passed."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NEEDS_ROOT in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"{count} tests need root and did not run: as root, make test runs them all")


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> Iterator[None]:
    """Give Ctrl-C its meaning back: a shell that starts a job with & lets it and its children ignore SIGINT."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
