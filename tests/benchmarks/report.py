"""The report: a table for each case, then what is missing, then the targets."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.cases.case import Case
from benchmarks.contenders import OURS, REFERENCES
from benchmarks.rounds import Rounds
from benchmarks.sample import FLOOR, Sample
from benchmarks.summary import Summary, ratio, summarize, values_of
from benchmarks.target import Target

type Readings = Mapping[Sample, float]

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
    return f"{f'{case.title}, {case.unit}':<50}{'quartiles':>19}{ratios}"


def row(readings: Readings, case: Case, name: str, references: Sequence[str]) -> str:
    """Return the line of one contender."""
    values = values_of(readings, case.name, name)
    if not values:
        return f"  {name:<34}{NOTHING:>14}"
    summary = summarize(list(values.values()))
    ratios = (ratio(values, values_of(readings, case.name, other)) for other in references)
    return (
        f"  {name:<34}{number(summary.median):>14}{spread(summary):>19}"
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
        f"{'interpexec against its targets':<42}"
        f"{'ratio':>7}{'quartiles':>16}{'floor':>8}{'target':>9}"
    )
    for case in cases:
        target = case.target
        measured, lowest = against(readings, case, OURS), against(readings, case, FLOOR)
        yield (
            f"{f'{target.title}, {target.against}':<42}"
            f"{times(measured, target):>7}{spread(measured) if measured else NOTHING:>16}"
            f"{times(lowest, target):>8}{target!s:>9}  {verdict(target, measured, lowest)}"
        )


def against(readings: Readings, case: Case, contender: str) -> Summary | None:
    """Return what the target of *case* is about, for *contender*, if there is one."""
    values = values_of(readings, case.name, contender)
    if case.target.reference is not None:
        return ratio(values, values_of(readings, case.name, case.target.reference))
    return summarize(list(values.values())) if values else None


def times(measured: Summary | None, target: Target) -> str:
    """Return the median of what a target is about as text."""
    return f"{number(measured.median)}{target.unit}" if measured else NOTHING


def verdict(target: Target, measured: Summary | None, lowest: Summary | None) -> str:
    """Return the last word on a target."""
    if measured is None:
        return "not measured"
    if target.met(measured.median):
        return "met"
    return "missed, by the floor too" if lowest and not target.met(lowest.median) else "missed"


def spread(summary: Summary) -> str:
    """Return the quartiles as text."""
    return f"{number(summary.low)} … {number(summary.high)}"


def number(value: float) -> str:
    """Return *value* with three digits that count, and no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
