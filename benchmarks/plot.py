"""One picture of it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes

from benchmarks.figures import Figure, Results
from benchmarks.peers import PEERS
from benchmarks.question import RESULTS
from benchmarks.questions import growth
from benchmarks.report import number

_COLOURS = {"veneer": "#c2410c"}
_OTHER = "#94a3b8"


@dataclass(frozen=True)
class _Bars:
    question: str
    figure: str
    title: str
    case: str = ""


_PANELS = (
    _Bars("plain", "per_second", "plain completions a second"),
    _Bars("streams", "per_second", "streams of 100 ready chunks a second"),
    _Bars("capacity", "streams", "50-token/s streams on one core"),
    _Bars("latency", "p50_ms", "added to one completion, ms", "plain"),
    _Bars("paced", "delay_p99_ms", "lateness of chunks, p99, ms, 100 streams", "100 streams"),
    _Bars("hop", "per_second", "chunks a second through a hop", "chunks"),
    _Bars("memory", "rest_mib", "memory at rest, MiB"),
    _Bars("memory", "stream_kib", "memory of an open stream, KiB"),
    _Bars("start", "seconds", "start to first answer, s"),
)


def draw(results: Sequence[Results]) -> None:
    """Draw the medians as bars, their bounds as whiskers, on logarithmic scales."""
    mpl.use("svg")
    # The same data gives the same file.
    mpl.rcParams |= {
        "svg.hashsalt": "veneer",
        "svg.fonttype": "none",
        "font.size": 8,
        "axes.titlesize": 9,
    }
    by_name = {one.question: one for one in results}
    figure, grid = pyplot.subplots(4, 3, figsize=(12, 10), layout="constrained")
    axes = [*grid.flat]
    for panel, place in zip(_PANELS, axes[:-3], strict=True):
        _bars(place, panel, by_name.get(panel.question))
    for place, lines in zip(axes[-3:], _GROWN, strict=True):
        _growth(place, lines, by_name.get("growth"))
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "summary.svg", metadata={"Date": None})
    pyplot.close(figure)


def _bars(axes: Axes, panel: _Bars, results: Results | None) -> None:
    axes.set_title(panel.title)
    if results is None:
        axes.axis("off")
        return
    for peer in reversed(PEERS):
        spread = results.spread(peer.name, panel.figure, panel.case)
        if spread is None or spread.middle <= 0:
            continue
        whiskers = [[spread.middle - spread.least], [spread.greatest - spread.middle]]
        colour = _COLOURS.get(peer.name, _OTHER)
        axes.barh(peer.title, spread.middle, color=colour, xerr=whiskers, ecolor="#334155")
        axes.annotate(f" {number(spread.middle)}", (spread.middle, peer.title), va="center")
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.margins(x=0.2)


@dataclass(frozen=True)
class _Lines:
    title: str
    figure: Figure
    sizes: Mapping[str, int]
    """By their cases."""


_GROWN = (
    _Lines(
        "one completion, ms, by bytes of prompt",
        growth.PLAIN,
        {f"prompt of {name}": size for name, size in growth.PROMPTS.items()},
    ),
    _Lines(
        "one completion, ms, by messages",
        growth.PLAIN,
        {f"history of {turns}": turns for turns in growth.TURNS},
    ),
    _Lines(
        "list of models, ms, by models",
        growth.LIST,
        {f"{count:,} models": count for count in growth.MODELS},
    ),
)


def _growth(axes: Axes, lines: _Lines, results: Results | None) -> None:
    axes.set_title(lines.title)
    if results is None:
        axes.axis("off")
        return
    for peer in PEERS:
        points = [
            (size, spread.middle)
            for case, size in lines.sizes.items()
            if (spread := results.spread(peer.name, lines.figure.name, case)) is not None
        ]
        if points:
            sizes, times = zip(*points, strict=True)
            axes.plot(sizes, times, marker="o", label=peer.title, color=_COLOURS.get(peer.name))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.legend(fontsize=6)
