"""A house of real parts for each test, and a log that stays out of the way."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from capture_ext.source import FrameSource
from daemon.house import House

Build = Callable[..., House]


@pytest.fixture(autouse=True)
def _plain_log() -> Iterator[None]:
    """Put the log back as it was: `Log.configure` is for the whole process."""
    handlers, level = logging.root.handlers[:], logging.root.level
    logging.root.handlers = []
    yield
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Give a function that builds a house; it is closed after the test."""
    with ExitStack() as stack:

        def make(*sources: FrameSource, **settings: Any) -> House:
            house = House.build(tmp_path, *sources, **settings)
            stack.callback(house.close)
            return house

        yield make
