"""The command: the works and the contenders of a run."""

import argparse
from collections.abc import Sequence

from benchmarks import contenders
from benchmarks.command import add_options, conduct
from benchmarks.missing import MissingError
from benchmarks.works.catalogue import WORKS
from benchmarks.works.contest import Contest

CONTENDERS = (
    contenders.OURS,
    contenders.STDLIB,
    contenders.THREADS,
    contenders.PROCESSES,
    contenders.POOL,
    contenders.LOKY,
    contenders.MPIRE,
)
ROUNDS = 5
QUICK_SCALE = 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if something broke."""
    options = parser().parse_args(argv)
    absent = contenders.absentees(CONTENDERS) | missing(options.work)
    works, names = (
        [one for one in every if one not in absent] for every in (options.work, CONTENDERS)
    )
    contest = Contest(works, names, QUICK_SCALE if options.quick else 1)
    return conduct(contest, options, names, absent)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        prog="real_work.py",
        description="Measure work that people have, by interpexec and its peers.",
    )
    names = [*WORKS]
    what = f"of {', '.join(names)}"
    parser.add_argument(
        "--work", nargs="+", choices=names, default=names, metavar="NAME", help=what
    )
    add_options(parser, ROUNDS, quick="a fifth of the work")
    return parser


def missing(works: Sequence[str]) -> dict[str, str]:
    """Return the works whose library is not installed, each with the reason."""
    reasons = {}
    for name in works:
        try:
            WORKS[name].load()
        except MissingError as error:
            reasons[name] = str(error)
    return reasons
