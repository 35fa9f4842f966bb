"""How much time does it add to one request at a time?"""

import time
from collections.abc import Iterator, Sequence

import uvloop

from benchmarks.client import Connection, Times
from benchmarks.figures import Figure, Sample, milliseconds
from benchmarks.fleet import Fleet
from benchmarks.peers.peer import Can, Peer
from benchmarks.question import Plan, Question, interleaved, main
from benchmarks.requests import Request, plain, stream

P50 = Figure("p50_ms", "ms", "median")
P99 = Figure("p99_ms", "ms", "99th percentile")

_WARM = 20
_LEAST = 5


async def one_by_one(port: int, request: Request, seconds: float, warm: int = _WARM) -> list[Times]:
    """Ask again and again on one connection, each time when the answer before is there."""
    connection = await Connection.open(port)
    try:
        for _ in range(warm):
            await connection.exchange(request.raw)
        deadline = time.monotonic() + seconds
        times: list[Times] = []
        while len(times) < _LEAST or time.monotonic() < deadline:
            times.append(await connection.exchange(request.raw))
        return times
    finally:
        connection.close()


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Ask one by one."""
    present = fleet.servers(peers)
    for number, server in interleaved(present, plan.rounds):
        whole = uvloop.run(one_by_one(server.port, plain(), plan.seconds / 2))
        streamed = uvloop.run(one_by_one(server.port, stream(), plan.seconds / 2))
        seen = {
            "plain": [times.whole_ns for times in whole],
            "first token": [times.first_event_ns for times in streamed],
            "whole stream": [times.whole_ns for times in streamed],
        }
        for case, values in seen.items():
            values_ms = {
                P50.name: milliseconds(values, 0.5),
                P99.name: milliseconds(values, 0.99),
            }
            yield Sample(server.peer.name, number, values_ms, case)


QUESTION = Question(
    "latency",
    "Added time, one request at a time",
    "One connection, the next request when the answer is there. The model takes no time, so all "
    "of it was added, the loopback and the client (about 0.1 ms) included.",
    Can.STREAM,
    (P50, P99),
    ask,
)

if __name__ == "__main__":
    main(QUESTION)
