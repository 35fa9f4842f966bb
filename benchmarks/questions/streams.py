"""How many streams, and how many chunks, can it send in a second?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.figures import Sample
from benchmarks.fleet import Fleet
from benchmarks.peers.peer import Can, Peer
from benchmarks.question import Plan, Question, main
from benchmarks.requests import stream
from benchmarks.throughput import CPU, P50, P99, PER_SECOND, Work, throughput
from benchmarks.workload import CHUNKS

CONNECTIONS = 8


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Load each peer with wrk."""
    yield from throughput(fleet.servers(peers), plan, Work(stream(), CONNECTIONS))


QUESTION = Question(
    "streams",
    "Streams",
    f"wrk on {CONNECTIONS} connections asks for streams of {CHUNKS} chunks, all of which are "
    f"ready at once; chunks a second are {CHUNKS} times the streams.",
    Can.STREAM,
    (replace(PER_SECOND, title="streams a second"), CPU, P50, P99),
    ask,
    needs_wrk=True,
)

if __name__ == "__main__":
    main(QUESTION)
