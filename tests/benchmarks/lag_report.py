"""The report on an event loop's lag: rounds, the table, the command line. See `loop_lag.py`."""

import argparse
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

from benchmarks.lag import IDLE, REQUESTS, WAYS, Lag, take
from benchmarks.lag_chart import chart
from benchmarks.meeting import WORKERS
from benchmarks.missing import MissingError
from benchmarks.pages import page, render
from benchmarks.report import number
from benchmarks.setting import setting, title
from benchmarks.table import line
from benchmarks.timing import median_ms

type Found = dict[str, list[Lag]]
"""The readings of each executor."""


def measured(names: Sequence[str], rounds: int, seconds: float) -> tuple[Found, dict[str, str]]:
    """Measure in turns; return the readings, and why some executors have none."""
    found: Found = {name: [] for name in names}
    missing: dict[str, str] = {}
    for turn in range(rounds):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            if name in missing:
                continue
            try:
                found[name].append(take(name, seconds))
            except MissingError as error:
                missing[name] = str(error)
    return {name: lags for name, lags in found.items() if lags}, missing


def middle(lags: Sequence[Lag]) -> Lag:
    """Return the medians of some readings, and the latest wake-up of all."""
    *medians, _ = (statistics.median(each) for each in zip(*map(astuple, lags), strict=True))
    return Lag(*medians, max(each.latest for each in lags))


def table(rows: Mapping[str, Lag]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield line("executor", "pages/s", "late by, p50", "p95", "p99", "the latest")
    yield line("---", *["---:"] * 5)
    for name, lag in rows.items():
        pages = number(lag.pages) if lag.pages else "-"
        late = (f"{number(each)} ms" for each in (lag.p50, lag.p95, lag.p99, lag.latest))
        yield line(name, pages, *late)


def heading(rounds: int, seconds: float) -> str:
    """Return the line above the table."""
    text = page()
    alone = median_ms(lambda: render(text), 1.0)
    return (
        f"{title(setting())}, load {os.getloadavg()[0]:.1f}; {REQUESTS} pages of {number(alone)} ms"
        f" at a time, {WORKERS} workers; {rounds} x {seconds:g} s"
    )


def options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Measure how late an event loop is under load.")
    names = [IDLE, *WAYS]
    parser.add_argument("--executor", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument("--rounds", type=int, help="5, or 1 with --quick")
    parser.add_argument("--seconds", type=float, help="of a reading: 5, or 0.3 with --quick")
    parser.add_argument("--quick", action="store_true", help="to see that it works")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write a chart as SVG")
    given = parser.parse_args(argv)
    given.rounds = given.rounds or (1 if given.quick else 5)
    given.seconds = given.seconds or (0.3 if given.quick else 5.0)
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return 0."""
    given = options(argv)
    print(heading(given.rounds, given.seconds), end="\n\n", flush=True)  # noqa: T201 - the report
    found, missing = measured(given.executor, given.rounds, given.seconds)
    rows = {name: middle(lags) for name, lags in found.items()}
    print("\n".join(table(rows)))  # noqa: T201 - likewise
    for name, reason in missing.items():
        print(f"\nleft out: {name} ({reason})")  # noqa: T201 - likewise
    if given.chart is not None:
        given.chart.write_text(chart(rows, title(setting())), encoding="utf-8")
    return 0
