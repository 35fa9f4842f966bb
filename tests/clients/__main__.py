"""Tries the clients that are named, or all: `hatch run clients [--write | --here] [NAME …]`."""

import argparse
import asyncio
import shutil
import sys
import time

from tests.clients import table
from tests.clients.browser import Pages, find_browser
from tests.clients.environments import FailureError
from tests.clients.gateway import gateway
from tests.clients.matrix import CLIENTS, Client
from tests.clients.trial import Result, attempt

# Each waits now and then: for an index, and to ask again.
_AT_ONCE = 3


def main() -> None:
    """Try them, tell what came of it, and fail where one did not do what it should."""
    names = [client.name for client in CLIENTS]
    parser = argparse.ArgumentParser(prog="hatch run clients", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--write", action="store_true", help=f"write {table.PAGE.name}")
    kinds.add_argument(
        "--here",
        action="store_true",
        help="leave out, loudly, what wants programs that are not here",
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(names):
        parser.error(f"there is no client {', '.join(sorted(unknown))}")
    wanted = [client for client in CLIENTS if client.name in (given.names or names)]
    chosen = [client for client in wanted if not given.here or _can_be_tried(client)]
    results = asyncio.run(_try(chosen))
    stale = [] if given.write else table.differences(results)
    if given.write:
        table.write(results, CLIENTS)
    if stale:
        print(*stale, "`hatch run clients --write` writes what was found.", sep="\n")
    failed, left_out = len(chosen) - len(results), len(wanted) - len(chosen)
    print(f"{len(results)} passed, {failed} failed, {left_out} not tried")
    sys.exit(bool(stale or failed))


def _can_be_tried(client: Client) -> bool:
    missing = [] if client.is_python or shutil.which("npm") else ["npm"]
    if client.is_page and find_browser() is None:
        missing.append("browser")
    if missing:
        print(
            f"!!!! {client.name} IS NOT TRIED: THERE IS NO {' AND NO '.join(missing).upper()} !!!!"
        )
    return not missing


async def _try(clients: list[Client]) -> list[Result]:
    pages, turn = Pages(), asyncio.Semaphore(_AT_ONCE)

    async def one(client: Client, port: int) -> Result | None:
        async with turn:
            began = time.monotonic()
            try:
                result = await attempt(client, port, pages)
            except FailureError as error:
                print(f"{client.name} FAILED after {time.monotonic() - began:.0f} s:\n{error}")
                return None
        print(f"{client.name} {result.version}: {result.seconds:.1f} s", flush=True)
        return result

    with pages.serving():
        async with gateway(pages.origin) as port:
            tried = await asyncio.gather(*(one(client, port) for client in clients))
    return [result for result in tried if result is not None]


if __name__ == "__main__":
    main()
