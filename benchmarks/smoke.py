"""A minute's guard: processor time of the gateway, as ratios to a raw ASGI application's.

Both run in turn on the same core in the same run, and processor time leaves out what others do on
the machine meanwhile, so that the ratios hold on any of them. It fails only where one is about ten
times what is usual.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import uvloop

from benchmarks.checks import check
from benchmarks.client import Connection
from benchmarks.peers import PEERS
from benchmarks.processes import Server, become_client, running
from benchmarks.requests import Request, plain, stream

_ROUNDS = 3
_SECONDS = 1.5
_CONNECTIONS = 4
_TOLERANCE = 10


@dataclass(frozen=True)
class Case:
    """One ratio."""

    title: str
    request: Request
    usual: float
    """What it is, measured on a quiet machine; write a new one when it changes for good."""


CASES = (
    Case("plain completion", plain(), 10),
    Case("stream of 100 ready chunks", stream(), 0.7),
    Case("prompt of 256 kB", plain(prompt="word " * 51_200), 0.9),
    Case("history of 501 messages", plain(turns=501), 19),
)


async def drive(port: int, request: Request, seconds: float) -> int:
    """Ask on a few connections, again and again; give how many answers came."""
    deadline = time.monotonic() + seconds

    async def ask() -> int:
        connection = await Connection.open(port)
        count = 0
        while time.monotonic() < deadline:
            await connection.exchange(request.raw)
            count += 1
        connection.close()
        return count

    return sum(await asyncio.gather(*(ask() for _ in range(_CONNECTIONS))))


def cost(server: Server, request: Request) -> float:
    """Give the processor time of one answer in seconds."""
    before = server.cpu_seconds()
    count = uvloop.run(drive(server.port, request, _SECONDS))
    return (server.cpu_seconds() - before) / count


def ratios(ours: Server, base: Server, case: Case) -> Sequence[float]:
    """Give the ratio of each round, after one that does not count."""
    for server in (ours, base):
        uvloop.run(drive(server.port, case.request, 0.3))
    return [cost(ours, case.request) / cost(base, case.request) for _ in range(_ROUNDS)]


def main() -> int:
    """Measure, print, and give the exit status."""
    become_client()
    peers = {peer.name: peer for peer in PEERS}
    is_well = True
    with running(peers["veneer"]) as ours, running(peers["raw-asgi"]) as base:
        for server in (ours, base):
            check(server)
        for case in CASES:
            seen = ratios(ours, base, case)
            limit = _TOLERANCE * case.usual
            is_well &= (middle := median(seen)) <= limit
            print(
                f"{case.title}: {middle:.1f} times the processor time of a raw ASGI application "
                f"({min(seen):.1f}–{max(seen):.1f}); usual are {case.usual:g}, allowed {limit:g}: "
                f"{'ok' if middle <= limit else 'TOO MUCH'}"
            )
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
