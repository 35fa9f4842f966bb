"""How do the times grow with the prompt, the history, and the number of models?"""

from collections.abc import Iterator, Sequence

import uvloop

from benchmarks.client import RefusedError
from benchmarks.figures import Figure, Sample, milliseconds
from benchmarks.fleet import Fleet
from benchmarks.peers.peer import Can, Peer
from benchmarks.processes import Server, Start
from benchmarks.question import Plan, Question, interleaved, main
from benchmarks.questions.latency import one_by_one
from benchmarks.requests import QUESTION as PROMPT
from benchmarks.requests import Request, models, plain, stream

PLAIN = Figure("plain_ms", "ms", "completion, median")
FIRST = Figure("first_ms", "ms", "first token, median")
LIST = Figure("models_ms", "ms", "list of models, median")

KIB = 1024
PROMPTS = {"1 kB": KIB, "16 kB": 16 * KIB, "256 kB": 256 * KIB, "1 MB": KIB**2, "4 MB": 4 * KIB**2}
TURNS = (1, 9, 99, 999)
MODELS = (10, 100, 1000)


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Ask one by one for ever more."""
    for count in MODELS[::2] if plan.is_quick else MODELS:
        with fleet.others(peers, Start(models=count)) as present:
            yield from _grown(present, plan, f"{count:,} models", {"prompt": PROMPT})
    present = fleet.servers(peers)
    sizes = [*PROMPTS.items()]
    for name, size in sizes[::4] if plan.is_quick else sizes:
        prompt = (PROMPT * (size // len(PROMPT) + 1))[:size]
        yield from _grown(present, plan, f"prompt of {name}", {"prompt": prompt})
    for turns in TURNS[::3] if plan.is_quick else TURNS:
        yield from _grown(present, plan, f"history of {turns}", {"turns": turns})


def _grown(
    present: Sequence[Server], plan: Plan, case: str, options: dict[str, str | int]
) -> Iterator[Sample]:
    seconds = plan.seconds / 10
    for number, server in interleaved(present, plan.half().rounds):
        asked = {
            PLAIN.name: plain(**options),  # type: ignore[arg-type]  # One of the two.
            FIRST.name: stream(**options),  # type: ignore[arg-type]
        }
        if case.endswith("models"):
            asked[LIST.name] = models()
        values = {name: _median(server, one, seconds) for name, one in asked.items()}
        note = "" if None not in values.values() else "it refused"
        yield Sample(server.peer.name, number, values, case, note)


def _median(server: Server, request: Request, seconds: float) -> float | None:
    try:
        times = uvloop.run(one_by_one(server.port, request, seconds, warm=3))
    except RefusedError:
        return None
    is_stream = b'"stream": true' in request.body
    return milliseconds([one.first_event_ns if is_stream else one.whole_ns for one in times], 0.5)


QUESTION = Question(
    "growth",
    "Growth",
    "One request at a time, with ever longer prompts, histories (of messages of 106 characters) "
    "and lists of models.",
    Can.MODELS,
    (PLAIN, FIRST, LIST),
    ask,
)

if __name__ == "__main__":
    main(QUESTION)
