"""The report: a table for each case, then what is missing, then the targets."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.cases.case import Case
from benchmarks.contenders import REFERENCES
from benchmarks.outcome import outcomes
from benchmarks.rounds import Rounds
from benchmarks.summary import Readings, Summary, ratio, summarize, values_of
from benchmarks.target import Target

NOTHING = "-"


def tables(rounds: Rounds, cases: Sequence[Case], contenders: Sequence[str]) -> Iterator[str]:
    """Yield the lines of one table per case."""
    references = [name for name in REFERENCES if name in contenders]
    for case in cases:
        yield ""
        yield heading(case, references)
        for name in contenders:
            yield row(rounds.readings, case, name, references)


def heading(case: Case, references: Sequence[str]) -> str:
    """Return the line above the rows of *case*."""
    ratios = "".join(f"{f'÷ {name}':>11}" for name in references)
    return f"{f'{case.title}, {case.unit}':<58}{'quartiles':>26}{ratios}"


def row(readings: Readings, case: Case, name: str, references: Sequence[str]) -> str:
    """Return the line of one contender."""
    values = values_of(readings, case.name, name)
    if not values:
        return f"  {name:<42}{NOTHING:>14}"
    summary = summarize(list(values.values()))
    ratios = (ratio(values, values_of(readings, case.name, other)) for other in references)
    return (
        f"  {name:<42}{number(summary.median):>14}{spread(summary):>26}"
        + "".join(f"{number(one.median) if one else NOTHING:>11}" for one in ratios)
    ).rstrip()


def remarks(rounds: Rounds, absent: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for all that is not in the tables, and why."""
    for name, reason in absent.items():
        yield f"left out: {name} ({reason})"
    for (case, name), reason in rounds.missing.items():
        yield f"left out: {name} in {case} ({reason})"
    for (case, name), reason in rounds.failed.items():
        yield f"BROKEN: {name} in {case}: {reason}"


def targets(readings: Readings, cases: Sequence[Case]) -> Iterator[str]:
    """Yield the lines of the targets, which end the report."""
    yield (
        f"{'interpexec against its targets':<54}"
        f"{'ratio':>14}{'quartiles':>19}{'floor':>11}{'target':>14}"
    )
    for outcome in outcomes(readings, cases):
        case, target, measured = outcome.case, outcome.target, outcome.measured
        yield (
            f"{f'{case.name}, {target.against}':<54}"
            f"{times(measured, target):>14}{spread(measured) if measured else NOTHING:>19}"
            f"{times(outcome.lowest, target):>11}{target!s:>14}  {outcome.verdict}"
        )


def times(measured: Summary | None, target: Target) -> str:
    """Return the median of what a target is about as text."""
    return f"{number(measured.median)}{target.unit}" if measured else NOTHING


def spread(summary: Summary) -> str:
    """Return the quartiles as text."""
    return f"{number(summary.low)} … {number(summary.high)}"


def number(value: float) -> str:
    """Return *value* with three digits that count, or three decimals, and no exponent."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
