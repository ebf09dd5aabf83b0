"""The common part of the commands beside `run.py`: options, progress, report, file."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks import report
from benchmarks.record import listed
from benchmarks.rounds import Rounds
from benchmarks.setting import setting, title


class Contest(Protocol):
    """Something that is measured in rounds."""

    rounds: Rounds

    def hold(self, number: int) -> None:
        """Take round *number*."""

    def tables(self) -> Iterator[str]:
        """Yield the lines of the report."""


def add_options(parser: argparse.ArgumentParser, rounds: int, quick: str) -> None:
    """Add the options that the commands share."""
    add = parser.add_argument
    add("--quick", action="store_true", help=quick)
    add("--rounds", type=int, metavar="N", help=f"default {rounds}, or 1 if quick")
    add("--json", type=Path, metavar="FILE", help="write every reading and the setting")
    parser.set_defaults(usual_rounds=rounds)


def conduct(
    contest: Contest,
    options: argparse.Namespace,
    contenders: Sequence[str],
    absent: Mapping[str, str],
) -> int:
    """Measure, print and write what came of it; return 1 if something broke."""
    count = options.rounds or (1 if options.quick else options.usual_rounds)
    begun = time.perf_counter()
    for number in range(count):
        say(f"round {number + 1} of {count}")
        contest.hold(number)
    say(f"{time.perf_counter() - begun:.0f} s")
    print(title(setting()))  # noqa: T201 - the report
    for line in [*contest.tables(), "", *report.remarks(contest.rounds, absent)]:
        print(line)  # noqa: T201 - likewise
    if options.json:
        head = {
            "setting": setting(),
            "quick": options.quick,
            "contenders": contenders,
            "absent": absent,
        }
        text = json.dumps(head | listed(contest.rounds), indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 1 if contest.rounds.failed else 0


def say(text: str) -> None:
    """Tell stderr, where progress belongs."""
    print(text, file=sys.stderr)  # noqa: T201 - progress
