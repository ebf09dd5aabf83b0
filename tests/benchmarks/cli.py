"""The command line: measure or read, show, write, check."""

import sys
import time
from collections.abc import Sequence

from benchmarks import check, record, report
from benchmarks.cases import CASES, QUICK
from benchmarks.chart import chart
from benchmarks.check import Reference
from benchmarks.contenders import FLOOR, OURS, STDLIB, absentees
from benchmarks.options import Options, parse
from benchmarks.record import Record
from benchmarks.rounds import Rounds, one_round
from benchmarks.setting import setting, title
from benchmarks.summary import Readings
from benchmarks.table import table

CPU = "cpu_map"
"""The case whose floor tells how many cores the machine has to give."""

LONGER = 2
"""How many times as many rounds a case gets that seems to have fallen."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 unless something broke, or a check found a fall.

    A missed target is no breakage. A check does not ask what broke in other contenders.
    """
    options = parse(argv)
    run = options.source.only(options.cases) if options.source else measured(options)
    show(run)
    write(options, run)
    broken = {name for _, name in run.rounds.failed}
    if options.reference:
        broken &= {OURS}  # a check is about ours
    good = not broken and OURS not in run.absent
    if options.reference:
        good = checked(options, options.reference, run) and good
    return 0 if good else 1


def measured(options: Options) -> Record:
    """Return what a new run measures."""
    names = [name for name in options.contenders if name != FLOOR]
    absent = absentees(names)
    present = [name for name in options.contenders if name not in absent]
    start = time.perf_counter()
    rounds = take(options, options.cases, present, options.rounds)
    say(f"{time.perf_counter() - start:.0f} s")
    cases = [CASES[name] for name in options.cases]
    return Record(setting(), options.quick, cases, present, absent, rounds)


def take(options: Options, cases: Sequence[str], names: Sequence[str], count: int) -> Rounds:
    """Take every sample, round by round, telling stderr how far it is."""
    rounds = Rounds()
    for number in range(count):
        say(f"round {number + 1} of {count}")
        for sample in one_round(number, [CASES[name] for name in cases], names):
            rounds.add(sample, options.scale)
    return rounds


def show(run: Record) -> None:
    """Print the report."""
    print(title(run.setting))  # noqa: T201 - the report
    lines = [*report.tables(run.rounds, run.cases, run.contenders), ""]
    lines += report.remarks(run.rounds, run.absent)
    if STDLIB in run.absent:
        lines += ["no stdlib class here: ratios against threads and processes only"]
    for line in [*lines, "", *report.targets(run.rounds.readings, run.cases)]:
        print(line)  # noqa: T201 - the report


def write(options: Options, run: Record) -> None:
    """Write the files that were asked for."""
    outputs = (
        (options.json, record.dump),
        (options.table, table),
        (options.chart, chart),
        (options.new_reference, lambda run: check.dump(new_reference(run))),
    )
    for path, make in outputs:
        if path:
            path.write_text(make(run), encoding="utf-8")


def new_reference(run: Record) -> Reference:
    """Return the ratios of a run to the stdlib class, of the cases of a quick one."""
    found = check.ratios(run.rounds.readings, QUICK, STDLIB)
    return Reference(title(run.setting), STDLIB, found)


def checked(options: Options, reference: Reference, run: Record) -> bool:
    """Compare with *reference*, tell stderr what has fallen, and return whether nothing has."""

    def again(names: Sequence[str]) -> Readings:
        say(f"seems to have fallen, once more: {', '.join(names)}")
        return take(options, names, run.contenders, LONGER * options.rounds).readings

    if reference.against in run.absent:
        say(f"nothing to compare with: {reference.against} is not here")
        return False
    reference = comparable(reference, run.rounds)
    if not reference.ratios:
        say(f"nothing to compare with: {reference.against} has failed")
        return False
    if options.source:
        fallen = check.falls(reference, run.rounds.readings)
    else:
        fallen = check.last_falls(reference, run.rounds.readings, again)
    for fall in fallen:
        say(f"FALLEN: {fall}")
    return not fallen or (options.source is None and crowded(options))


def comparable(reference: Reference, rounds: Rounds) -> Reference:
    """Return *reference* without the cases in which who is compared with has failed."""
    against = reference.against
    left = {
        name: ratio
        for name, ratio in reference.ratios.items()
        if (name, against) not in rounds.failed
    }
    return Reference(reference.made_on, against, left)


def crowded(options: Options) -> bool:
    """Tell whether the machine has no two cores to give, so that no fall means anything.

    A wake-up costs a tenth where both threads must share a core, and the ratios are others.
    """
    rounds = take(options, [CPU], [FLOOR], 1)
    speeds = [speed for speed in rounds.readings.values() if speed < check.TWO_CORES]
    for speed in speeds:
        say(f"UNDECIDED: two bare processes are {speed:.2f} times as fast as one, so that")
        say("somebody else has a core, or there is only one. Repeat it when it is free.")
    return bool(speeds)


def say(text: str) -> None:
    """Tell stderr, where progress belongs."""
    print(text, file=sys.stderr)  # noqa: T201 - progress
