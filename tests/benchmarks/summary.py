"""The summary of some readings: median and quartiles, of numbers and of ratios."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.sample import Sample

type Readings = Mapping[Sample, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """A median with its quartiles: half of the readings lie between *low* and *high*."""

    median: float
    low: float
    high: float
    count: int


def summarize(values: Sequence[float]) -> Summary:
    """Return the summary of one value or more."""
    median = statistics.median(values)
    if len(values) == 1:
        return Summary(median, median, median, 1)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Summary(median, low, high, len(values))


def values_of(readings: Readings, case: str, contender: str) -> dict[int, float]:
    """Return the readings of one case and contender by turn."""
    return {
        sample.turn: value
        for sample, value in readings.items()
        if (sample.case, sample.contender) == (case, contender)
    }


def ratio(values: Mapping[int, float], reference: Mapping[int, float]) -> Summary | None:
    """Return the ratio of the medians, and the quartiles of the ratios turn by turn.

    Only turns that both have count: their two readings were taken seconds apart, so a load
    that slowed both down is not in their ratio. None where there is no such turn,
    or the reference has nothing but zeros to divide by.
    """
    turns = sorted(turn for turn in values.keys() & reference.keys() if reference[turn])
    if not turns:
        return None
    each = summarize([values[turn] / reference[turn] for turn in turns])
    above, below = ([side[turn] for turn in turns] for side in (values, reference))
    medians = statistics.median(above) / statistics.median(below)
    return Summary(medians, each.low, each.high, each.count)
