"""What was measured, as tables between two markers of the README."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import machine, targets
from benchmarks.figures import Figure, Results, Spread
from benchmarks.peers import PEERS
from benchmarks.question import Question

README = Path(__file__).parent / "README.md"
BASE = "veneer"

_BLOCK = re.compile(r"(<!-- measured -->\n).*(<!-- /measured -->)", re.DOTALL)


def write(questions: Sequence[Question], results: Sequence[Results]) -> None:
    """Write all of it into the README."""
    text = README.read_text()
    block = "\n".join(_lines(questions, results))
    README.write_text(_BLOCK.sub(lambda found: f"{found[1]}\n{block}\n{found[2]}", text))


def number(value: float) -> str:
    """Give three figures that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.4f}"


def range_of(spread: Spread | None) -> str:
    """Give a median and its bounds."""
    if spread is None:
        return "–"
    if spread.least == spread.greatest:
        return number(spread.middle)
    return f"{number(spread.middle)} ({number(spread.least)}–{number(spread.greatest)})"


def _lines(questions: Sequence[Question], results: Sequence[Results]) -> Iterator[str]:
    yield f"{machine.describe()}\n"
    yield "![what was measured](results/summary.svg)\n"
    yield from targets.lines(results)
    by_name = {one.question: one for one in results}
    for question in questions:
        yield f"\n### {question.title}\n"
        yield f"{question.about}\n"
        if question.name not in by_name:
            yield "Not measured yet.\n"
            continue
        found = by_name[question.name]
        for case in found.cases():
            yield from _table(question, found, case)
        if found.broken_off:
            yield f"This is not all: {found.broken_off}\n"
        for peer in PEERS:
            if peer.name in found.absent:
                yield f"{peer.title}: not measured, as {found.absent[peer.name]}.\n"


def _table(question: Question, results: Results, case: str) -> Iterator[str]:
    if case:
        yield f"**{case}**\n"
    shown = [one for one in question.figures if _is_measured(results, one, case)]
    names = [f"{one.title}{f', {one.unit}' if one.unit else ''}" for one in shown]
    first = shown[0]
    yield f"| | {' | '.join(names)} | Veneer is as good, times |"
    yield f"| --- |{' --- |' * (len(names) + 1)}"
    for peer in PEERS:
        notes = {one.note for one in results.samples if (one.peer, one.case) == (peer.name, case)}
        if not notes:
            continue
        cells = [range_of(results.spread(peer.name, one.name, case)) for one in shown]
        ratio = results.ratio(BASE, peer.name, first, case)
        better = "" if peer.name == BASE else range_of(ratio)
        better += "" if peer.name == BASE or ratio is None else " ×"
        told = "; ".join(sorted(notes - {""}))
        title = f"{peer.title} ({told})" if told else peer.title
        yield f"| {title} | {' | '.join(cells)} | {better} |"
    yield ""


def _is_measured(results: Results, figure: Figure, case: str) -> bool:
    return any(results.values(peer.name, figure.name, case) for peer in PEERS)
