"""Figures: what was measured round by round, and what the rounds say together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Self


@dataclass(frozen=True)
class Figure:
    """Something that is measured."""

    name: str
    unit: str
    title: str
    more_is_better: bool = False


@dataclass(frozen=True)
class Sample:
    """What one round said of one peer in one case."""

    peer: str
    round: int
    values: Mapping[str, float | None]
    """By the name of the figure; None where it could not be had."""
    case: str = ""
    note: str = ""


@dataclass(frozen=True)
class Spread:
    """What several rounds say together."""

    middle: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self | None:
        """Give the median and the bounds, if there are values."""
        return cls(median(values), min(values), max(values)) if values else None


@dataclass
class Results:
    """All that one question gave."""

    question: str
    plan: dict[str, Any]
    samples: list[Sample] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    """Peers that were not measured, and why."""
    broken_off: str = ""
    """Why it is not all, if something failed in the middle."""

    def values(self, peer: str, figure: str, case: str = "") -> dict[int, float]:
        """Give what each round said."""
        return {
            sample.round: value
            for sample in self.samples
            if sample.peer == peer and sample.case == case
            if (value := sample.values.get(figure)) is not None
        }

    def spread(self, peer: str, figure: str, case: str = "") -> Spread | None:
        """Give what the rounds say together."""
        return Spread.of([*self.values(peer, figure, case).values()])

    def ratio(self, one: str, other: str, figure: Figure, case: str = "") -> Spread | None:
        """Give how many times better `one` is than `other`, from the ratios of each round."""
        ours = self.values(one, figure.name, case)
        theirs = self.values(other, figure.name, case)
        pairs = [(ours[number], theirs[number]) for number in ours if number in theirs]
        if not figure.more_is_better:
            pairs = [(theirs, ours) for ours, theirs in pairs]
        return Spread.of([above / below for above, below in pairs if below > 0])

    def cases(self) -> list[str]:
        """Give the cases in the order in which they were measured."""
        return [*dict.fromkeys(sample.case for sample in self.samples)]

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON's own types."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        samples = [Sample(**sample) for sample in raw["samples"]]
        return cls(raw["question"], raw["plan"], samples, raw["absent"], raw["broken_off"])


def percentile(values: Sequence[float], share: float) -> float | None:
    """Give the value below which `share` of `values` lie, if there are any."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values_ns: Sequence[int], share: float) -> float | None:
    """Give a percentile of nanoseconds in milliseconds."""
    found = percentile(values_ns, share)
    return None if found is None else found / 1e6
