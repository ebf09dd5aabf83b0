"""The table: the medians of everybody and the targets, in Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.cases.case import Case
from benchmarks.contenders import FLOOR, OURS, STDLIB
from benchmarks.outcome import outcomes
from benchmarks.record import Record
from benchmarks.report import NOTHING, number, spread, times
from benchmarks.setting import title
from benchmarks.summary import Readings, ratio, summarize, values_of


def table(record: Record) -> str:
    """Return the two tables: figures, then targets."""
    lines = [
        f"Medians on {title(record.setting)}; in brackets the quartiles.",
        "",
        *figures(record),
        "",
        *targets(record),
    ]
    return "\n".join(lines) + "\n"


def figures(record: Record) -> Iterator[str]:
    """Yield a line per case: ours, its ratio to the stdlib class, the floor, everybody else."""
    others = [name for name in record.contenders if name not in {OURS, FLOOR}]
    yield line("case", "unit", OURS, f"÷ {STDLIB}", FLOOR, *others)
    yield line("---", "---", *["---:"] * (3 + len(others)))
    for case in record.cases:
        yield line(*figure(record.rounds.readings, case, others))


def figure(readings: Readings, case: Case, others: Sequence[str]) -> Iterator[str]:
    """Yield the cells of one case."""
    ours = values_of(readings, case.name, OURS)
    quotient = ratio(ours, values_of(readings, case.name, STDLIB))
    yield f"{case.title} (`{case.name}`)"
    yield case.unit
    summary = summarize(list(ours.values())) if ours else None
    yield f"{number(summary.median)} ({spread(summary)})" if summary else NOTHING
    yield f"{number(quotient.median)}" if quotient else NOTHING
    for name in (FLOOR, *others):
        values = list(values_of(readings, case.name, name).values())
        yield number(summarize(values).median) if values else NOTHING


def targets(record: Record) -> Iterator[str]:
    """Yield a line per target."""
    yield line("case", "against", "target", "ratio", "quartiles", "floor", "")
    yield line("---", "---", *["---:"] * 4, "---")
    for outcome in outcomes(record.rounds.readings, record.cases):
        target, measured = outcome.target, outcome.measured
        yield line(
            f"`{outcome.case.name}`",
            target.against,
            str(target),
            times(measured, target),
            spread(measured) if measured else NOTHING,
            times(outcome.lowest, target),
            outcome.verdict,
        )


def line(*cells: str) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"
