"""The command line: arguments in, one request to the daemon, text or the API's own JSON out.

It starts fast: no command pays for another one's imports, and `--help` pays for none.

Exit codes: 0 done, 1 refused or failed, 2 usage or configuration, 3 daemon not reachable; 130 after Ctrl-C.
"""

import io
import sys
from typing import TYPE_CHECKING

import click

from fnm_guard.api.client import NotReachableError, RequestRefusedError
from fnm_guard.cli.orders import ban, notify_test, reload, unban
from fnm_guard.cli.service import check, init, replay, run
from fnm_guard.cli.shows import attack, attacks, bans, peers, status, top
from fnm_guard.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["commands", "main"]

FAILED = 1
USAGE = 2
NOT_REACHABLE = 3
INTERRUPTED = 130

_BAD_REQUEST = 400
_COMMANDS = (
    *(run, check, reload, replay),
    *(status, top, bans, ban, unban, attacks, attack, peers),
    *(notify_test, init),
)


class _InOrder(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # the signature is click's
        """Name the commands."""
        return list(self.commands)


@click.group(
    name="fnm-guard",
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: fnm-guard status",
)
@click.version_option(None, "--version", package_name="fnm-guard", message="%(prog)s %(version)s")
def commands() -> None:
    """See floods in the traffic of your networks, and blackhole their victims by BGP."""


for _command in _COMMANDS:
    commands.add_command(_command)


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run one command and give the exit code; an error is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = commands.main(arguments, prog_name="fnm-guard", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)
        return INTERRUPTED
    except (click.ClickException, ConfigError, NotReachableError, RequestRefusedError) as error:
        return _explain(error)
    except OSError as error:  # standard output: a full disk
        sys.stdout = None
        click.echo(f"fnm-guard: {error.strerror or error}", err=True)
        return FAILED
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    """Say what went wrong and give its exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        place = context.command_path if context else "fnm-guard"
        click.echo(f"{place}: {_one_line(error.format_message())}", err=True)
        return error.exit_code
    if isinstance(error, ConfigError):
        click.echo(str(error), err=True)
        return USAGE
    if isinstance(error, NotReachableError):
        click.echo(f"fnm-guard: {_one_line(str(error))}", err=True)
        return NOT_REACHABLE
    return _explain_refusal(error)


def _explain_refusal(error: Exception) -> int:
    assert isinstance(error, RequestRefusedError)  # noqa: S101  # the last kind that main catches
    click.echo(f"fnm-guard: {_one_line(error.text)}", err=True)
    for line in error.details:
        click.echo(f"  {_one_line(line)}", err=True)
    return USAGE if error.status == _BAD_REQUEST else FAILED


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
