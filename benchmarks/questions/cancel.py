"""How soon does a model learn that its caller has left?"""

import asyncio
import socket
import time
from collections.abc import Iterator, Sequence

import uvloop

from benchmarks.client import Record, Stream
from benchmarks.figures import Figure, Sample, milliseconds
from benchmarks.fleet import Fleet
from benchmarks.peers.peer import Can, Peer
from benchmarks.question import Plan, Question, interleaved, main
from benchmarks.requests import Request, plain, stream

P50 = Figure("p50_ms", "ms", "median")
MISSED = Figure("missed", "%", "never within a second")

_TRIES = 5
_PATIENCE_SECONDS = 1
_WORK_SECONDS = 0.2


async def leave(port: int, request: Request, farewells: socket.socket, identity: str) -> int | None:
    """Leave in the middle; give how many nanoseconds later the model stopped, if it did."""
    opened = await Stream.open(port, request.raw, Record())
    if request.hint == "stream":
        await opened.began.wait()
    await asyncio.sleep(_WORK_SECONDS)
    left = time.monotonic_ns()
    opened.close()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                said = await asyncio.get_running_loop().sock_recv(farewells, 200)
                name, stopped = said.decode().split()
                if name == identity:
                    return int(stopped) - left
    except TimeoutError:
        return None


async def several(port: int, case: str, farewells: socket.socket, number: int) -> list[int | None]:
    """Leave some times, one after the other."""
    seen = []
    for attempt in range(_TRIES):
        identity = f"{port}-{case}-{number}-{attempt}"
        make = stream if case == "stream" else plain
        request = make("bench/silent", prompt=identity)
        seen.append(await leave(port, request, farewells, identity))
    return seen


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Leave in the middle of streams, and of plain completions."""
    for number, server in interleaved(fleet.servers(peers), plan.half().rounds):
        for case in ("stream", "plain"):
            seen = uvloop.run(several(server.port, case, fleet.farewells, number))
            stopped = [one for one in seen if one is not None]
            values = {
                P50.name: milliseconds(stopped, 0.5),
                MISSED.name: 100 * (len(seen) - len(stopped)) / len(seen),
            }
            yield Sample(server.peer.name, number, values, case)


QUESTION = Question(
    "cancel",
    "Callers that leave",
    "The client closes its connection while the model is silent; the model tells by a datagram "
    "when it was stopped.",
    Can.CANCEL,
    (P50, MISSED),
    ask,
)

if __name__ == "__main__":
    main(QUESTION)
