"""The outcome of a target: met, missed, or not measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.cases.case import Case
from benchmarks.contenders import FLOOR, OURS
from benchmarks.summary import Readings, Summary, ratio, summarize, values_of
from benchmarks.target import Target


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures for a target: ours, and the *lowest* possible, the floor's."""

    case: Case
    target: Target
    measured: Summary | None
    lowest: Summary | None

    @property
    def verdict(self) -> str:
        """Return the last word on the target."""
        if self.measured is None:
            return "not measured"
        if self.target.met(self.measured.median):
            return "met"
        hopeless = self.lowest is not None and not self.target.met(self.lowest.median)
        return "missed, by the floor too" if hopeless else "missed"


def outcomes(readings: Readings, cases: Sequence[Case]) -> Iterator[Outcome]:
    """Yield the outcome of every target."""
    for case in cases:
        for target in case.targets:
            ours, floors = (against(readings, case, target, name) for name in (OURS, FLOOR))
            yield Outcome(case, target, ours, floors)


def against(readings: Readings, case: Case, target: Target, contender: str) -> Summary | None:
    """Return what *target* is about, for *contender*, if there is one."""
    values = values_of(readings, case.name, contender)
    if target.reference is not None:
        return ratio(values, values_of(readings, target.case or case.name, target.reference))
    return summarize(list(values.values())) if values else None
