"""The summary of some readings: median and quartiles, of numbers and of ratios."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.sample import Sample


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


def values_of(readings: Mapping[Sample, float], case: str, contender: str) -> dict[int, float]:
    """Return the readings of one case and contender by turn."""
    return {
        sample.turn: value
        for sample, value in readings.items()
        if (sample.case, sample.contender) == (case, contender)
    }


def ratio(values: Mapping[int, float], reference: Mapping[int, float]) -> Summary | None:
    """Return the ratio of the medians, and the quartiles of the ratios turn by turn.

    Those of one turn were taken seconds apart, so what slowed the machine down for both is
    not in their ratio. None where the two have no turn in common.
    """
    turns = sorted(values.keys() & reference.keys())
    if not turns:
        return None
    each = summarize([values[turn] / reference[turn] for turn in turns])
    medians = statistics.median(values.values()) / statistics.median(reference.values())
    return Summary(medians, each.low, each.high, each.count)
