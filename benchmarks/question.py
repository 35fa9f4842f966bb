"""A question: a script that measures one thing on all peers, and keeps the raw data."""

import argparse
import gc
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import wrk
from benchmarks.client import RefusedError
from benchmarks.figures import Figure, Results, Sample
from benchmarks.fleet import Fleet
from benchmarks.peers import PEERS, having
from benchmarks.peers.install import tell
from benchmarks.peers.peer import Can, Peer
from benchmarks.processes import PeerError, Server, become_client

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 3
    """How long one peer is measured in one round."""
    peers: tuple[str, ...] = ()
    """Their names; all of them unless given."""

    is_quick: bool = False
    """Whether some cases are left out."""

    def half(self) -> "Plan":
        """Give a plan for what takes very long."""
        return self.fewer(max(1, self.rounds // 2))

    def fewer(self, rounds: int) -> "Plan":
        """Give a plan for what takes long in each round."""
        return replace(self, rounds=min(self.rounds, rounds))


QUICK = Plan(rounds=2, seconds=1, is_quick=True)


@dataclass(frozen=True)
class Question:
    """Something to find out."""

    name: str
    title: str
    about: str
    """How it is measured, in a sentence or two."""
    can: Can
    """Which peers it is asked of."""
    figures: Sequence[Figure]
    """What is measured; the first is what matters most."""
    ask: Callable[[Plan, Sequence[Peer], Fleet], Iterator[Sample]]
    needs_wrk: bool = False


def interleaved(servers: Sequence[Server], rounds: int) -> Iterator[tuple[int, Server]]:
    """Give every server in each round, awake as long as it is its turn."""
    for number in range(rounds):
        for server in servers:
            with server.awake():
                yield number, server


def answer(question: Question, plan: Plan, fleet: Fleet) -> Results:
    """Ask `question` of all peers that can be had.

    Raises:
        UnavailableError: what it is measured with cannot be had.
    """
    if question.needs_wrk:
        wrk.install()
    wanted = [peer.name for peer in PEERS if question.can in peer.can]
    wanted = [name for name in wanted if not plan.peers or name in plan.peers]
    present, absent = having(wanted) if wanted else ([], {})
    results = Results(question.name, asdict(plan), absent=absent)
    began = time.monotonic()
    tell(f"== {question.title}")
    gc.disable()
    try:
        for sample in question.ask(plan, present, fleet):
            results.samples.append(sample)
            tell(_line(sample))
    except (OSError, PeerError, RefusedError, subprocess.SubprocessError) as error:
        results.broken_off = str(error)
        tell(f"!!!! {question.name} IS BROKEN OFF: {error} !!!!")
    finally:
        gc.enable()
    results.absent |= {name: why for name, why in fleet.absent.items() if name in wanted}
    tell(f"   {time.monotonic() - began:.0f} s")
    return results


def keep(results: Results) -> None:
    """Write the raw data."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(results.to_json(), indent=1)
    (RESULTS / f"{results.question}.json").write_text(text + "\n")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a plan is made of."""
    parser.add_argument("--rounds", type=int, help="how often each peer is measured")
    parser.add_argument("--seconds", type=float, help="how long each time, where it is a choice")
    parser.add_argument("--peers", nargs="+", choices=[peer.name for peer in PEERS], default=())
    parser.add_argument("--quick", action="store_true", help="two short rounds")


def plan_of(options: argparse.Namespace) -> Plan:
    """Make the plan."""
    plan = replace(QUICK if options.quick else Plan(), peers=tuple(options.peers))
    if options.rounds is not None:
        plan = replace(plan, rounds=options.rounds)
    if options.seconds is not None:
        plan = replace(plan, seconds=options.seconds)
    return plan


def main(question: Question) -> None:
    """Run one question as a script; the data is printed, not kept."""
    parser = argparse.ArgumentParser(description=question.about)
    add_options(parser)
    become_client()
    plan = plan_of(parser.parse_args())
    with Fleet() as fleet:
        results = answer(question, plan, fleet)
    print(json.dumps(results.to_json(), indent=1))


def _line(sample: Sample) -> str:
    values = "  ".join(
        f"{name} {'-' if value is None else f'{value:.4g}'}"
        for name, value in sample.values.items()
    )
    case = f" [{sample.case}]" if sample.case else ""
    return f"   {sample.round} {sample.peer:10}{case}  {values}  {sample.note}".rstrip()
