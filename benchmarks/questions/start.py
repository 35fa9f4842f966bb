"""How long does it take from its start to its first answer?"""

import time
from collections.abc import Iterator, Sequence

from benchmarks.figures import Figure, Sample
from benchmarks.fleet import Fleet
from benchmarks.peers.install import tell
from benchmarks.peers.peer import Can, Peer
from benchmarks.processes import answers, launched
from benchmarks.question import Plan, Question, main

SECONDS = Figure("seconds", "s", "to the first answer")

_PAUSE_SECONDS = 0.005


def first_answer(peer: Peer) -> float | None:
    """Start it, ask until it answers, and give the time that took."""
    began = time.monotonic()
    with launched(peer) as (server, _):
        while not answers(server.port):
            is_late = time.monotonic() - began > peer.start_timeout_seconds
            if is_late or server.process.poll() is not None:
                return None
            time.sleep(_PAUSE_SECONDS)
        return time.monotonic() - began


def ask(plan: Plan, peers: Sequence[Peer], fleet: Fleet) -> Iterator[Sample]:
    """Start each anew in every round."""
    for number in range(plan.fewer(3).rounds):
        for peer in peers:
            seconds = first_answer(peer)
            if seconds is None:
                tell(f"!!!! {peer.name} DID NOT START !!!!")
                fleet.absent[peer.name] = "it did not start"
            else:
                yield Sample(peer.name, number, {SECONDS.name: seconds})


QUESTION = Question(
    "start",
    "Start",
    "From the start of the process to its first completion.",
    Can.PLAIN,
    (SECONDS,),
    ask,
)

if __name__ == "__main__":
    main(QUESTION)
