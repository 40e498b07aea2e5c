"""What `check` looks at beyond the configuration itself: everything this machine must have for it, in one go.

Nothing is started and nothing is changed.
"""

import asyncio
import grp
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fnm_guard import kernel
from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.program import find_program
from fnm_guard.capture.devices import kernel_names, shared_devices
from fnm_guard.capture.inspection import missing_backends, offload_warnings
from fnm_guard.capture.live import Capture
from fnm_guard.capture.thread_checks import thread_problems, thread_warnings
from fnm_guard.notify import check_script, check_templates
from fnm_guard.specs import audit_spec, source_specs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fnm_guard.config.settings import Settings

__all__ = ["Findings", "examine", "folder_problem"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, a line each.

    Attributes:
        problems: What keeps the daemon from doing its job.
        warnings: What an operator should know although it works.
    """

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def examine(settings: "Settings") -> Findings:
    """Look at this machine with the eyes of a configuration."""
    problems = (
        *_capture_problems(settings),
        *_exabgp_problems(settings),
        *_notify_problems(settings),
        *_folder_problems(settings),
    )
    specs = source_specs(settings)
    return Findings(problems, (*offload_warnings(specs), *thread_warnings(specs), *_group_warnings(settings)))


def _capture_problems(settings: "Settings") -> "Iterator[str]":
    specs = source_specs(settings)
    if not specs:
        yield "capture: nothing to read: name a source and its interfaces"
    try:
        yield from kernel.conflicts(kernel_names(specs))
    except kernel.KernelError as error:
        yield str(error)
    yield from shared_devices(specs)
    yield from missing_backends(specs)
    yield from thread_problems(specs)
    try:
        Capture(settings.detection_policy(), specs, audit_spec(settings))
    except (ValueError, MemoryError) as error:
        yield f"detection: {error or 'there is no memory for so many hosts'}"


def _exabgp_problems(settings: "Settings") -> "Iterator[str]":
    if not settings.bgp.peers:
        return
    try:
        asyncio.run(_find(settings))
    except AnnouncerError as error:
        yield f"bgp.exabgp: {error}"


async def _find(settings: "Settings") -> None:
    await find_program(settings.bgp.exabgp.command)


def _notify_problems(settings: "Settings") -> "Iterator[str]":
    notify = settings.notify
    if notify.templates is not None:
        yield from check_templates(notify.templates)
    if notify.script is not None and (problem := check_script(notify.script.path)):
        yield f"notify.script: {problem}"


def _folder_problems(settings: "Settings") -> "Iterator[str]":
    for key, folder in (("paths.runtime", settings.paths.runtime), ("paths.state", settings.paths.state)):
        if problem := folder_problem(folder):
            yield f"{key}: {problem}"


def folder_problem(folder: "Path") -> str:
    """Say why a folder cannot be written to, or not be made, by this user; "" if it can."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return f"{place} is no folder"
    if not os.access(place, os.W_OK | os.X_OK):
        what = "cannot be written to" if place == folder else f"is missing and cannot be made in {place}"
        return f"{folder} {what} by this user: give it to the user that runs fnm-guard"
    return ""


def _group_warnings(settings: "Settings") -> "Iterator[str]":
    try:
        grp.getgrnam(settings.api.group)
    except KeyError:
        yield f"api.group: there is no group {settings.api.group}: only root and the daemon's user can use its socket"
