"""What does a hop to an upstream cost that speaks the OpenAI API already?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.figures import Sample
from benchmarks.fleet import Fleet
from benchmarks.pacing import watch
from benchmarks.peers.peer import Can, Peer
from benchmarks.question import Plan, Question, interleaved, main
from benchmarks.questions import paced
from benchmarks.requests import plain, stream
from benchmarks.throughput import CPU, P50, P99, PER_SECOND, Work, throughput
from benchmarks.workload import CHUNKS

CONNECTIONS = 8
WORKS = (
    Work(plain("up/ready"), CONNECTIONS, "completions"),
    Work(stream("up/ready"), CONNECTIONS, "chunks", CHUNKS),
)
PACED = 50


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Load each gateway in front of the same upstream, and watch slow streams through it."""
    present = fleet.servers(peers)
    short = replace(plan.half(), seconds=max(2, plan.seconds - 1))
    for work in WORKS:
        yield from throughput(present, short, work)
    for number, server in interleaved(present, short.rounds):
        pace = watch(server.port, PACED, short.seconds, "up/paced")
        case = f"{PACED} slow streams"
        yield Sample(server.peer.name, number, paced.values(pace), case, paced.note(pace))
        server.settle()


QUESTION = Question(
    "hop",
    "A hop to an upstream",
    "The upstream is on the loopback and shares the client's core. Ours goes through "
    "providers-openai, FastAPI by hand through the official client, nginx is a proxy.",
    Can.HOP,
    (PER_SECOND, CPU, P50, P99, *paced.FIGURES),
    ask,
    needs_wrk=True,
)

if __name__ == "__main__":
    main(QUESTION)
