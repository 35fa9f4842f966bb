"""The command: asks every question, keeps the raw data, and writes what it says into the README."""

import argparse
import json
import time

from benchmarks import machine, plot, report
from benchmarks.figures import Results
from benchmarks.fleet import Fleet
from benchmarks.peers import having
from benchmarks.peers.install import tell
from benchmarks.peers.peer import UnavailableError
from benchmarks.processes import become_client
from benchmarks.question import RESULTS, Question, add_options, answer, keep, plan_of
from benchmarks.questions import (
    cancel,
    capacity,
    growth,
    hop,
    latency,
    memory,
    paced,
    plain,
    start,
    streams,
)

QUESTIONS: dict[str, Question] = {
    module.QUESTION.name: module.QUESTION
    for module in (plain, streams, latency, paced, capacity, memory, start, cancel, hop, growth)
}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="hatch run bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, help="ask only these")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing; write the README from what is kept"
    )
    add_options(parser)
    options = parser.parse_args()
    if not options.report:
        _measure(options)
    kept = [read(question) for question in QUESTIONS.values()]
    results = [one for one in kept if one is not None]
    report.write([*QUESTIONS.values()], results)
    plot.draw(results)


def read(question: Question) -> Results | None:
    """Give what is kept, if there is something."""
    path = RESULTS / f"{question.name}.json"
    return Results.from_json(json.loads(path.read_text())) if path.exists() else None


def _measure(options: argparse.Namespace) -> None:
    become_client()
    plan = plan_of(options)
    began = time.monotonic()
    present, _ = having(plan.peers)
    machine.keep({peer.name: peer.version() for peer in present})
    with Fleet() as fleet:
        for name in options.only or QUESTIONS:
            try:
                keep(answer(QUESTIONS[name], plan, fleet))
            except UnavailableError as error:
                tell(f"!!!! {name} CANNOT BE ASKED HERE: {error} !!!!")
    tell(f"All of it took {(time.monotonic() - began) / 60:.0f} minutes.")


if __name__ == "__main__":
    main()
