"""How many slow streams can one core hold?"""

from collections.abc import Iterator, Sequence

from benchmarks.figures import Figure, Sample
from benchmarks.fleet import Fleet
from benchmarks.pacing import watch
from benchmarks.peers.peer import Can, Peer
from benchmarks.processes import Server
from benchmarks.question import Plan, Question, interleaved, main
from benchmarks.workload import TOKENS_PER_SECOND

STREAMS = Figure("streams", "", "streams held", more_is_better=True)
DELAY = Figure("p99_delay_ms", "ms", "99th percentile of the delay there")

LIMIT_MS = 100
_FIRST = 64
_MOST = 4096
_HALVINGS = 3
_TRIES = 2
_SECONDS = 2


def search(server: Server, plan: Plan) -> tuple[int, float | None, bool]:
    """Give the greatest number of streams held, the delay there, and whether we are the limit.

    The number is doubled until it is too much, and then closed in on.
    """
    held, delay, refused, count = 0, None, 0, _FIRST
    while not (refused and refused - held <= max(1, held >> _HALVINGS)):
        late, is_bound = _delay(server, count, plan)
        if late is not None and late < LIMIT_MS:
            held, delay = count, late
        elif is_bound:
            return held, delay, True
        else:
            refused = count
        if held >= _MOST:
            return held, delay, True
        count = (held + refused) // 2 if refused else 2 * count
    return held, delay, False


def _delay(server: Server, count: int, plan: Plan) -> tuple[float | None, bool]:
    """Give the delay, and whether we are its cause; a bad one gets another chance."""
    late, is_bound = None, False
    for _ in range(1 if plan.is_quick else _TRIES):
        pace = watch(server.port, count, 1 if plan.is_quick else _SECONDS)
        server.settle()
        late, is_bound = pace.p99_delay_ms, pace.is_bound_by_client
        if late is not None and late < LIMIT_MS:
            break
    return late, is_bound


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Search for each."""
    present = fleet.servers(peers)
    for number, server in interleaved(present, plan.half().rounds):
        held, delay, is_bound = search(server, plan)
        note = "at least; the client was the limit" if is_bound else ""
        values = {STREAMS.name: float(held), DELAY.name: delay}
        yield Sample(server.peer.name, number, values, note=note)


QUESTION = Question(
    "capacity",
    "Streams that one core holds",
    f"The greatest number of streams of {TOKENS_PER_SECOND} tokens a second of which 99 % of the "
    f"chunks are less than {LIMIT_MS} ms late, found by doubling and halving, to an eighth.",
    Can.PACED,
    (STREAMS, DELAY),
    ask,
)

if __name__ == "__main__":
    main(QUESTION)
