"""The greatest number of answers a second, as several questions ask for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure, Sample
from benchmarks.processes import Server
from benchmarks.question import Plan, interleaved
from benchmarks.requests import Request
from benchmarks.wrk import Load, load

PER_SECOND = Figure("per_second", "", "answers a second", more_is_better=True)
CPU = Figure("cpu_us", "µs", "processor time an answer")
P50 = Figure("p50_ms", "ms", "median time under that load")
P99 = Figure("p99_ms", "ms", "99th percentile of it")

_WARM_SECONDS = 1


@dataclass(frozen=True)
class Work:
    """What a server is loaded with."""

    request: Request
    connections: int
    case: str = ""
    answers: int = 1
    """As how many one answer counts."""


def throughput(servers: Sequence[Server], plan: Plan, work: Work) -> Iterator[Sample]:
    """Load each server as much as it takes."""
    for server in servers:
        with server.awake():
            _load(server, work, _WARM_SECONDS)
    for number, server in interleaved(servers, plan.rounds):
        before = server.cpu_seconds()
        done = _load(server, work, plan.seconds)
        spent = server.cpu_seconds() - before
        count = done.requests * work.answers
        values = {
            PER_SECOND.name: done.per_second * work.answers,
            CPU.name: spent / count * 1e6 if count else None,
            P50.name: done.p50_ms if done.requests else None,
            P99.name: done.p99_ms if done.requests else None,
        }
        note = f"{done.failures} failed" if done.failures else ""
        yield Sample(server.peer.name, number, values, work.case, note)
        server.settle()


def _load(server: Server, work: Work, seconds: float) -> Load:
    return load(server.port, work.request, connections=work.connections, seconds=seconds)
