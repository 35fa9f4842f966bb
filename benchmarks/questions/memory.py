"""How much memory does it take at rest, and how much for a stream?"""

import asyncio
from collections.abc import Iterator, Sequence

import uvloop

from benchmarks.checks import check
from benchmarks.client import Record, Stream
from benchmarks.figures import Figure, Sample
from benchmarks.fleet import Fleet
from benchmarks.peers.install import tell
from benchmarks.peers.peer import Can, Peer
from benchmarks.processes import PeerError, Server, running
from benchmarks.question import Plan, Question, main
from benchmarks.requests import stream

REST = Figure("rest_mib", "MiB", "at rest")
STREAM = Figure("stream_kib", "KiB", "for each open stream")

COUNT = 500
_AT_ONCE = 25
_TIMEOUT_SECONDS = 60


async def held(server: Server) -> int:
    """Give the memory while streams are open, each with one chunk sent."""
    record = Record()
    raw = stream("bench/silent").raw
    streams: list[Stream] = []
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while len(streams) < COUNT:
                opened = [await Stream.open(server.port, raw, record) for _ in range(_AT_ONCE)]
                streams += opened
                for one in opened:
                    await one.began.wait()
        if record.broken:
            raise PeerError(f"{server.peer.name} broke {record.broken} streams")
        return server.memory_bytes()
    finally:
        for one in streams:
            one.close()


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Start each anew in every round."""
    for number in range(plan.half().rounds):
        for peer in peers:
            try:
                with running(peer) as server:
                    check(server)
                    server.settle()
                    rest = server.memory_bytes()
                    each = (uvloop.run(held(server)) - rest) / COUNT
            except (PeerError, TimeoutError) as error:
                tell(f"!!!! {peer.name}: {error} !!!!")
                fleet.absent[peer.name] = "it did not hold the streams"
                continue
            yield Sample(peer.name, number, {REST.name: rest / 2**20, STREAM.name: each / 2**10})


QUESTION = Question(
    "memory",
    "Memory",
    "Resident memory of all its processes after one completion and one stream, and what "
    f"{COUNT} open streams add, each of which has sent one chunk and is silent.",
    Can.PACED,
    (REST, STREAM),
    ask,
)

if __name__ == "__main__":
    main(QUESTION)
