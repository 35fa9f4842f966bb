"""What the gateway is to reach, held against what was measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.figures import Figure, Results
from benchmarks.question import Question
from benchmarks.questions import capacity, hop, latency, memory, plain, start, streams
from benchmarks.throughput import PER_SECOND

BASE = "veneer"
UVICORN = "veneer-uvicorn"


_SERVERS = {BASE: "Hypercorn", UVICORN: "uvicorn"}


@dataclass(frozen=True)
class Target:
    """One thing to reach: a bound, or a ratio to a peer."""

    title: str
    question: Question
    figure: Figure
    bound: float
    peer: str | None = None
    """Whose figure ours is to be `bound` times as good as; without one, `bound` is our own."""
    case: str = ""
    who: str = BASE
    """Which of ours is to reach it."""


_ON_HYPERCORN = (
    Target("plain completions", plain.QUESTION, PER_SECOND, 25, "litellm"),
    Target("plain completions", plain.QUESTION, PER_SECOND, 0.6, "fastapi"),
    Target("streams of ready chunks", streams.QUESTION, PER_SECOND, 50, "litellm"),
    Target("streams of ready chunks", streams.QUESTION, PER_SECOND, 2, "fastapi"),
    Target("slow streams on one core", capacity.QUESTION, capacity.STREAMS, 10, "litellm"),
    Target("added to a completion, median", latency.QUESTION, latency.P50, 1, case="plain"),
    Target("added to a completion, p99", latency.QUESTION, latency.P99, 3, case="plain"),
)
_ON_UVICORN = (
    Target("plain completions", plain.QUESTION, PER_SECOND, 2, "fastapi"),
    Target("plain completions", plain.QUESTION, PER_SECOND, 0.9, "fastify"),
    Target("streams of ready chunks", streams.QUESTION, PER_SECOND, 5, "fastapi"),
    Target("streams of ready chunks", streams.QUESTION, PER_SECOND, 1, "fastify"),
    Target("slow streams on one core", capacity.QUESTION, capacity.STREAMS, 20, "litellm"),
    Target("slow streams on one core", capacity.QUESTION, capacity.STREAMS, 1, "fastapi"),
    Target("added to a completion, median", latency.QUESTION, latency.P50, 0.5, case="plain"),
    Target("added to a completion, p99", latency.QUESTION, latency.P99, 2, case="plain"),
)
_ON_BOTH = (
    Target("memory at rest", memory.QUESTION, memory.REST, 80),
    Target("memory of a stream", memory.QUESTION, memory.STREAM, 40),
    Target("start to first answer", start.QUESTION, start.SECONDS, 1.5),
    Target("chunks through providers-openai", hop.QUESTION, PER_SECOND, 10, "litellm", "chunks"),
)
TARGETS = (
    *_ON_HYPERCORN,
    *_ON_BOTH,
    *(replace(target, who=UVICORN) for target in (*_ON_UVICORN, *_ON_BOTH)),
)


def lines(results: Sequence[Results]) -> Iterator[str]:
    """Give a table of them."""
    by_name = {one.question: one for one in results}
    yield "| what we aim at | on | aim | measured | |"
    yield "| --- | --- | --- | --- | --- |"
    for target in TARGETS:
        reached = _reached(target, by_name.get(target.question.name))
        yield f"| {target.title} | {_SERVERS[target.who]} | {_aim(target)} | {reached} |"
    yield ""


def _aim(target: Target) -> str:
    if target.peer is not None:
        return f"≥ {target.bound:g} × {target.peer}"
    return f"≤ {target.bound:g} {target.figure.unit}"


def _reached(target: Target, results: Results | None) -> str:
    if results is None:
        return "– | not measured"
    if target.peer is not None:
        ratio = results.ratio(target.who, target.peer, target.figure, target.case)
        if ratio is None:
            return "– | not measured"
        return f"{ratio.middle:.3g} × | {'reached' if ratio.middle >= target.bound else 'not yet'}"
    own = results.spread(target.who, target.figure.name, target.case)
    if own is None:
        return "– | not measured"
    reached = "reached" if own.middle <= target.bound else "not yet"
    return f"{own.middle:.3g} {target.figure.unit} | {reached}"
