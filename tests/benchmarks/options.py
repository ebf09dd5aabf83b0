"""The options of the command line, and what follows from them."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import check, record
from benchmarks.cases import CASES, QUICK
from benchmarks.check import Reference
from benchmarks.contenders import CONTENDERS, FLOOR, OURS, STDLIB
from benchmarks.record import Record

ROUNDS = 5
QUICK_ROUNDS = 3
QUICK_SCALE = 0.25


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run: cases to measure or a file to read, and the reports to make."""

    quick: bool
    rounds: int
    cases: Sequence[str]
    contenders: Sequence[str]
    source: Record | None
    reference: Reference | None
    json: Path | None
    table: Path | None
    chart: Path | None
    new_reference: Path | None

    @property
    def scale(self) -> float:
        """Return the size of the work."""
        return QUICK_SCALE if self.quick else 1.0


def parse(argv: Sequence[str] | None) -> Options:
    """Return the options; exit with status 2 where they make no sense."""
    given = parser().parse_args(argv)
    source = read(given.source, record.load)
    reference = read(given.check, check.load)
    return Options(
        quick=given.quick,
        rounds=given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS),
        cases=given.case or default_cases(given.quick, source, reference),
        contenders=given.contender or default_contenders(given.quick, reference),
        source=source,
        reference=reference,
        json=given.json,
        table=given.table,
        chart=given.chart,
        new_reference=given.write_reference,
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(prog="run.py", description="interpexec and its peers")
    add = parser.add_argument
    add("--quick", action="store_true", help="less work, the main cases, stdlib and floor only")
    add("--rounds", type=int, metavar="N", help=f"default {ROUNDS}, or {QUICK_ROUNDS} if quick")
    add("--case", nargs="+", choices=CASES, metavar="CASE", help=f"of {', '.join(CASES)}")
    names = [*CONTENDERS, FLOOR]
    add("--contender", nargs="+", choices=names, metavar="WHO", help=f"of {', '.join(names)}")
    add("--from", dest="source", type=Path, metavar="FILE", help="what --json wrote: no measuring")
    add("--json", type=Path, metavar="FILE", help="write every reading and the setting")
    add("--table", type=Path, metavar="FILE", help="write medians and targets as Markdown")
    add("--chart", type=Path, metavar="FILE", help="write the ratios as SVG")
    add("--check", type=Path, metavar="FILE", help="fail if a ratio is twice as bad as in there")
    add("--write-reference", type=Path, metavar="FILE", help="write what --check compares with")
    return parser


def read[T](path: Path | None, load: Callable[[str], T]) -> T | None:
    """Return what *load* makes of a file; exit with status 2 where there is nothing to read."""
    if path is None:
        return None
    try:
        return load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser().error(f"{path}: {type(error).__name__}: {error}")


def default_cases(quick: bool, source: Record | None, reference: Reference | None) -> list[str]:
    """Return the cases if none is named."""
    if reference:
        return list(reference.ratios)
    if source:
        return [case.name for case in source.cases]
    return [*(QUICK if quick else CASES)]


def default_contenders(quick: bool, reference: Reference | None) -> list[str]:
    """Return the contenders if none is named."""
    if reference:
        return [OURS, reference.against]
    return [OURS, STDLIB, FLOOR] if quick else [*CONTENDERS, FLOOR]
