"""How much time does it add to each token of many slow streams?"""

from collections.abc import Iterator, Sequence

from benchmarks.figures import Figure, Sample, milliseconds
from benchmarks.fleet import Fleet
from benchmarks.pacing import Pace, watch
from benchmarks.peers.peer import Can, Peer
from benchmarks.question import Plan, Question, interleaved, main
from benchmarks.workload import TOKENS_PER_SECOND

FIGURES = (
    Figure("delay_p99_ms", "ms", "late for its time, 99th percentile"),
    Figure("first_p50_ms", "ms", "first token, median"),
    Figure("first_p99_ms", "ms", "first token, 99th percentile"),
    Figure("added_p50_ms", "ms", "added to a chunk, median"),
    Figure("added_p99_ms", "ms", "added to a chunk, 99th percentile"),
)
COUNTS = (1, 100, 1000)


def values(pace: Pace) -> dict[str, float | None]:
    """Give the figures."""
    record = pace.record
    return {
        "delay_p99_ms": milliseconds(record.delays_ns, 0.99),
        "first_p50_ms": milliseconds(record.first_ns, 0.5),
        "first_p99_ms": milliseconds(record.first_ns, 0.99),
        "added_p50_ms": milliseconds(record.added_ns, 0.5),
        "added_p99_ms": milliseconds(record.added_ns, 0.99),
    }


def note(pace: Pace) -> str:
    """Tell what went wrong."""
    share = len(pace.record.delays_ns) / pace.expected
    told = [f"{share:.0%} of the chunks came"] if share < 0.95 else []
    told += [f"{pace.record.broken} streams broke"] if pace.record.broken else []
    told += ["the client was the limit"] if pace.is_bound_by_client else []
    return ", ".join(told)


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Watch 1, 100 and 1,000 streams."""
    present = fleet.servers(peers)
    for count in COUNTS[1:] if plan.is_quick else COUNTS:
        for number, server in interleaved(present, plan.half().rounds):
            pace = watch(server.port, count, plan.seconds)
            case = f"{count:,} stream{'s' if count > 1 else ''}"
            yield Sample(server.peer.name, number, values(pace), case, note(pace))
            server.settle()


QUESTION = Question(
    "paced",
    "Streams as slow as models",
    f"Streams of {TOKENS_PER_SECOND} tokens a second, opened evenly. Each chunk tells when it was "
    "due and when it was said; the client subtracts that from the time of its arrival.",
    Can.PACED,
    FIGURES,
    ask,
)

if __name__ == "__main__":
    main(QUESTION)
