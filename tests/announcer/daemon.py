"""A daemon to be killed: an announcer and nothing else.  Arguments: the runtime folder, then the hosts it wants."""

import asyncio
import sys
from pathlib import Path

from announcer.stage import profile, routes
from fnm_guard.announcer.announcer import Announcer
from fnm_guard.announcer.settings import AnnouncerSettings


async def main(runtime: Path, hosts: list[str]) -> None:
    """Announce the hosts and stay."""
    announcer = Announcer(AnnouncerSettings(runtime=runtime), (profile(),), lambda _: None)
    announcer.want(routes(*hosts))
    await announcer.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
