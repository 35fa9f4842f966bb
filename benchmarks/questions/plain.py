"""How many plain completions can it answer in a second?"""

from collections.abc import Iterator, Sequence

from benchmarks.figures import Sample
from benchmarks.fleet import Fleet
from benchmarks.peers.peer import Can, Peer
from benchmarks.question import Plan, Question, main
from benchmarks.requests import plain
from benchmarks.throughput import CPU, P50, P99, PER_SECOND, Work, throughput

CONNECTIONS = 32


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Load each peer with wrk."""
    yield from throughput(fleet.servers(peers), plan, Work(plain(), CONNECTIONS))


QUESTION = Question(
    "plain",
    "Plain completions",
    f"wrk on {CONNECTIONS} connections asks for completions of about 340 bytes.",
    Can.PLAIN,
    (PER_SECOND, CPU, P50, P99),
    ask,
    needs_wrk=True,
)

if __name__ == "__main__":
    main(QUESTION)
