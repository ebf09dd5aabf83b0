"""The command line."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import report
from benchmarks.cases import CASES
from benchmarks.contenders import CONTENDERS, OURS, STDLIB, absentees
from benchmarks.rounds import Rounds, one_round
from benchmarks.sample import FLOOR
from benchmarks.setting import setting, title

ROUNDS = 9
QUICK_ROUNDS = 3
QUICK_SCALE = 0.25


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 unless something broke. A missed target is no breakage."""
    options = parser().parse_args(argv)
    absent = {name: why for name, why in absentees().items() if name in options.contender}
    present = [name for name in options.contender if name not in absent]
    start = time.perf_counter()
    rounds = run(options, [*present, FLOOR])
    say(f"{time.perf_counter() - start:.0f} s")
    show(options, rounds, [*present, FLOOR], absent)
    if options.json:
        options.json.write_text(document(options, rounds, absent), encoding="utf-8")
    return 1 if rounds.failed or OURS in absent else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(prog="run.py", description="interpexec and its peers")
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer rounds, less work: does it run at all")
    add("--rounds", type=int, metavar="N", help=f"default {ROUNDS}, or {QUICK_ROUNDS} if quick")
    add("--json", type=Path, metavar="FILE", help="write every reading and the setting")
    add("--case", nargs="+", choices=CASES, default=[*CASES], help="only these")
    add("--contender", nargs="+", choices=CONTENDERS, default=[*CONTENDERS], help="only these")
    return parser


def run(options: argparse.Namespace, names: Sequence[str]) -> Rounds:
    """Take every sample, round by round, telling stderr how far it is."""
    rounds = Rounds()
    count = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    cases = [CASES[name] for name in options.case]
    for number in range(count):
        say(f"round {number + 1} of {count}")
        for sample in one_round(number, cases, names):
            rounds.add(sample, QUICK_SCALE if options.quick else 1.0)
    return rounds


def show(
    options: argparse.Namespace, rounds: Rounds, names: Sequence[str], absent: dict[str, str]
) -> None:
    """Print the report."""
    cases = [CASES[name] for name in options.case]
    print(title())  # noqa: T201 - the report
    lines = [*report.tables(rounds, cases, names), "", *report.remarks(rounds, absent)]
    if STDLIB in absent:
        lines += ["no stdlib class here: ratios against threads and processes only"]
    for line in [*lines, "", *report.targets(rounds.readings, cases)]:
        print(line)  # noqa: T201 - the report


def document(options: argparse.Namespace, rounds: Rounds, absent: dict[str, str]) -> str:
    """Return the raw data as JSON."""
    readings = [{**asdict(sample), "value": value} for sample, value in rounds.readings.items()]
    data = {
        "setting": setting(),
        "quick": options.quick,
        "units": {name: CASES[name].unit for name in options.case},
        "absent": absent,
        "missing": [[*pair, reason] for pair, reason in rounds.missing.items()],
        "failed": [[*pair, reason] for pair, reason in rounds.failed.items()],
        "readings": readings,
    }
    return json.dumps(data, indent=1) + "\n"


def say(text: str) -> None:
    """Tell stderr, where progress belongs."""
    print(text, file=sys.stderr)  # noqa: T201 - progress
