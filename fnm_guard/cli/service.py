"""Commands that work without a daemon: be it, check for it, replay, begin."""

import importlib
import os
import tempfile
from pathlib import Path
from types import ModuleType

import click

from fnm_guard.cli.options import config_option

__all__ = ["check", "init", "replay", "run"]

_FAILED = 1


@click.command(epilog="Example: fnm-guard run -c /etc/fnm-guard/fnm-guard.yaml")
@config_option
def run(*, config: Path) -> int:
    """Run the daemon in the foreground.

    SIGTERM and SIGINT end it, SIGHUP makes it read its configuration again.
    """
    return int(_late("fnm_guard.app").run(config))


@click.command(epilog="Example: fnm-guard check -c new.yaml")
@config_option
def check(*, config: Path) -> int:
    """Check a configuration on this machine.

    Nothing is started and nothing is changed.
    """
    return int(_late("fnm_guard.app").check(config))


@click.command(epilog="Example: fnm-guard replay flood.pcap -c fnm-guard.yaml --mail-dir mails")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
@config_option
@click.option("-f", "--follow", is_flag=True, help="Wait for more at the end of the last FILE, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print totals, hosts and attacks as JSON.")
@click.option(
    "--mail-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write every mail into this directory as it would be sent.",
)
def replay(*, files: tuple[Path, ...], config: Path, follow: bool, as_json: bool, mail_dir: Path | None) -> int:
    """Run captures through the same decisions.

    FILE is pcap or pcapng, as it is or compressed by gzip or zstd; - is standard input.  The clock is the capture's
    own, no root is needed, and nothing is announced.
    """
    return int(_late("fnm_guard.replay").replay(files, config, mail_dir, as_json=as_json, follow=follow))


@click.command(epilog="Example: fnm-guard init -c fnm-guard.yaml")
@config_option
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
def init(*, config: Path, force: bool) -> int:
    """Write a first configuration.

    It is made from this machine's interfaces and addresses, and begins in monitor mode.
    """
    from fnm_guard import kernel  # noqa: PLC0415  # pyroute2 costs 0.5 s

    if config.exists() and not force:
        raise click.ClickException(f"{config} exists already; --force overwrites it")
    try:
        text = kernel.first_configuration(kernel.interfaces(), kernel.gateways())
        _write(config, text)
    except (OSError, kernel.KernelError) as error:
        raise click.ClickException(f"{config}: {getattr(error, 'strerror', None) or error}") from error
    click.echo(f"wrote {config}: look through it, then: fnm-guard check -c {config}")
    return 0


def _late(name: str) -> ModuleType:
    """Import what only one command needs: the daemon's parts take most of a second."""
    return importlib.import_module(name)


def _write(path: Path, text: str) -> None:
    """Put the whole file in place at once; it may come to hold passwords, so it is not for everybody."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, 0o640)
        Path(name).rename(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
