"""The command: measure, show, write."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import contenders, report
from benchmarks.missing import MissingError
from benchmarks.record import listed
from benchmarks.setting import setting, title
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
ROUNDS = 3
QUICK_SCALE = 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if something broke."""
    options = parser().parse_args(argv)
    absent = {name: why for name, why in contenders.absentees().items() if name in CONTENDERS}
    absent |= missing(options.work)
    works, names = (
        [one for one in all_ if one not in absent] for all_ in (options.work, CONTENDERS)
    )
    contest = Contest(works, names, QUICK_SCALE if options.quick else 1)
    measure(contest, options.rounds or (1 if options.quick else ROUNDS))
    print(title(setting()))  # noqa: T201 - the report
    for line in [*contest.tables(), "", *report.remarks(contest.rounds, absent)]:
        print(line)  # noqa: T201 - likewise
    if options.json:
        head = {"setting": setting(), "quick": options.quick, "contenders": names, "absent": absent}
        text = json.dumps(head | listed(contest.rounds), indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 1 if contest.rounds.failed else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        prog="real_work.py",
        description="Measure work that people have, by interpexec and its peers.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a fifth of the work, and one round")
    add("--work", nargs="+", choices=WORKS, default=[*WORKS], metavar="NAME", help=", ".join(WORKS))
    add("--rounds", type=int, metavar="N", help=f"default {ROUNDS}, or 1 if quick")
    add("--json", type=Path, metavar="FILE", help="write every reading and the setting")
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


def measure(contest: Contest, rounds: int) -> None:
    """Take the rounds, telling stderr how far it is."""
    start = time.perf_counter()
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)  # noqa: T201 - progress
        contest.hold(number)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)  # noqa: T201 - likewise
