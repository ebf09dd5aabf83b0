"""The shared parts of the four campaigns: options, runs side by side, verdicts, tables.

A command has a list of *cases* and a function that runs one of them, by one interpreter and
with one seed, in a process of its own (see `child`), and returns a *verdict*. All that a run
draws by chance comes from its seed, which stands in the report of each failure:

    python tests/stress/ends.py --only 'sigint / busy' --python P --runs 1 --seed SEED

This side imports nothing of the package, so that a fault of it cannot hide here.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

OK = "ok"
BETWEEN = " / "
"""Stands between the parts of a case's name. Each part gets a table of its own."""


@dataclass(frozen=True)
class Verdict:
    """How one run went."""

    case: str
    kind: str = OK
    """"ok", or in two words what is wrong: "hang", "wrong status", "noise", …"""
    detail: str = ""
    seconds: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    """Counts to be added up: signals sent, calls made."""
    seed: int = 0
    python: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.kind == OK


@dataclass(frozen=True)
class Run:
    """One thing to do: a case, by an interpreter, with a seed."""

    case: str
    python: str
    seed: int


type Runner = Callable[[Run, argparse.Namespace], Verdict]


def options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that all commands have."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    add = parser.add_argument
    add("--seed", type=int, default=1, help="what all chance comes from (default: 1)")
    add("--seconds", type=float, help="begin no run after so many seconds")
    add("--runs", type=int, help="how many runs for each interpreter (default: each case once)")
    add("--jobs", type=int, default=1, help="how many runs at a time (default: 1)")
    add("--python", action="append", metavar="PATH", help="an interpreter to try; repeatable")
    add("--only", action="append", metavar="PATTERN", help="cases whose names have this in them, "
        "or fit it if it has a * (`--list` shows the names); repeatable")  # fmt: skip
    add(
        "--without", action="append", metavar="PATTERN", help="no cases with such names; repeatable"
    )
    add("--table", type=Path, metavar="PATH", help="write PATH.md; add to PATH.jsonl")
    add("--list", action="store_true", help="print the names of the cases, and end")
    add(
        "--again",
        action="store_true",
        help="run a case that went wrong once more by its seed; "
        "it counts as wrong if it is again (the first failure is printed all the same)",
    )
    add("--lines", type=int, default=12, metavar="N",
        help="how many lines to print of each failure (--table keeps all)")  # fmt: skip
    return parser


type Names = Callable[[argparse.Namespace], Sequence[str]]


def main(parser: argparse.ArgumentParser, names: Names, runner: Runner) -> int:
    """Do what the command line says; return the exit status: 1 if anything went wrong."""
    chosen = parser.parse_args()
    cases = _asked_for(names(chosen), chosen.only, chosen.without)
    if chosen.list:
        print(*cases, sep="\n")  # noqa: T201  # a command
        return 0
    if not cases:
        parser.error("no case has such a name; see --list")
    chosen.python = chosen.python or [sys.executable]
    versions = {python: _version(python) for python in chosen.python}
    verdicts = []
    for verdict in _judge(_plan(cases, chosen), runner, chosen):
        verdicts.append(verdict)
        _write_down(verdict, versions, chosen)
    text = table(verdicts, versions, chosen.seed)
    print(text)  # noqa: T201  # a command
    if chosen.table:
        chosen.table.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    return 0 if all(verdict.is_ok for verdict in verdicts) else 1


def _asked_for(
    names: Sequence[str], only: list[str] | None, without: list[str] | None
) -> list[str]:
    """Return the cases that are asked for. The name of a case means that one alone."""

    def fits(name: str, pattern: str) -> bool:
        if pattern in names:
            return name == pattern
        return fnmatchcase(name, pattern) if "*" in pattern else pattern in name

    return [
        name
        for name in names
        if (not only or any(fits(name, some) for some in only))
        and not any(fits(name, some) for some in without or ())
    ]


def _plan(cases: list[str], chosen: argparse.Namespace) -> Iterator[Run]:
    """Yield what to do: all cases in an order by chance, by all interpreters, again and again.

    The seed of the first run is the one that was given, so that a failure can be run again
    alone by its seed.
    """
    random = Random(chosen.seed)
    left = chosen.runs or (sys.maxsize if chosen.seconds else len(cases))
    seed = chosen.seed
    while left > 0:
        for case in random.sample(cases, len(cases))[:left]:
            for python in chosen.python:
                yield Run(case, python, seed)
            seed += 1
        left -= len(cases)


def _judge(plan: Iterator[Run], runner: Runner, chosen: argparse.Namespace) -> Iterator[Verdict]:
    """Run the plan, some runs at a time, until it or the time is over; yield the verdicts."""
    end = time.monotonic() + (chosen.seconds or float("inf"))
    running: set[Future[Verdict]] = set()
    with ThreadPoolExecutor(chosen.jobs) as threads:
        while True:
            while len(running) < chosen.jobs and time.monotonic() < end:
                if (run := next(plan, None)) is None:
                    break
                running.add(threads.submit(_judge_one, runner, run, chosen))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                _tell(future.result(), chosen)
                yield future.result()


def _judge_one(runner: Runner, run: Run, chosen: argparse.Namespace) -> Verdict:
    """Run a case; once more where that is asked for."""
    verdict = _named(runner(run, chosen), run)
    if verdict.is_ok or not chosen.again:
        return verdict
    _tell(verdict, chosen)
    second = _named(runner(run, chosen), run)
    second.counts["wrong once"] = int(second.is_ok)
    return second


def _named(verdict: Verdict, run: Run) -> Verdict:
    """Return a verdict with the case that it is about."""
    return Verdict(
        run.case, verdict.kind, verdict.detail, verdict.seconds, dict(verdict.counts), run.seed,
        run.python,
    )  # fmt: skip


def _tell(verdict: Verdict, chosen: argparse.Namespace) -> None:
    """Print a failure at once, with all that is needed to see it again."""
    if verdict.is_ok:
        return
    again = f"--only '{verdict.case}' --seed {verdict.seed} --python {verdict.python}"
    lines = [f"{verdict.kind.upper()}: {again} ({verdict.seconds:.2f} s)"]
    lines += [f"    {line}" for line in verdict.detail.splitlines()[: chosen.lines]]
    print(*lines, sep="\n", flush=True)  # noqa: T201  # a command


# -- tables ---------------------------------------------------------------------------------


def _write_down(verdict: Verdict, versions: dict[str, str], chosen: argparse.Namespace) -> None:
    """Add a verdict to the file, at once: a campaign that is stopped keeps what it has."""
    if chosen.table:
        facts = asdict(verdict) | {"version": versions[verdict.python], "date": _today()}
        with chosen.table.with_suffix(".jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")


def table(verdicts: list[Verdict], versions: dict[str, str], seed: int) -> str:
    """Return Markdown: for each part of the names a table of cases by versions."""
    wrong = sum(not verdict.is_ok for verdict in verdicts)
    lines = [
        f"{Path(sys.argv[0]).stem}, {_today()}, seed {seed}: {len(verdicts)} runs, {wrong} wrong"
    ]
    lines += _totals(verdicts)
    for part in range(max((len(_parts(verdict)) for verdict in verdicts), default=0)):
        lines += ["", *_table_of(part, verdicts, versions)]
    return "\n".join(lines)


def _totals(verdicts: list[Verdict]) -> list[str]:
    """Return a line with all that was counted."""
    total: Counter[str] = Counter()
    for verdict in verdicts:
        total.update(verdict.counts)  # type: ignore[arg-type]  # floats can be added up, too
    return [", ".join(f"{name}: {count:,}" for name, count in total.items())] if total else []


def _table_of(part: int, verdicts: list[Verdict], versions: dict[str, str]) -> list[str]:
    """Return a table with a line for each name that stands at this place."""
    cells: dict[str, dict[str, list[Verdict]]] = {}
    for verdict in verdicts:
        if part < len(parts := _parts(verdict)):
            cells.setdefault(parts[part], {}).setdefault(verdict.python, []).append(verdict)
    head = ["case", *versions.values()]
    rows = [
        [name, *(_cell(row.get(python, [])) for python in versions)]
        for name, row in sorted(cells.items())
    ]
    everything = [
        _cell([verdict for verdict in verdicts if verdict.python == python]) for python in versions
    ]
    return _markdown([head, *rows, ["all", *everything]])


def _parts(verdict: Verdict) -> list[str]:
    return verdict.case.split(BETWEEN)


def _cell(verdicts: list[Verdict]) -> str:
    """Return "12" for twelve that went well, "3 of 12: hang 2, noise 1" for some that did not."""
    kinds = Counter(verdict.kind for verdict in verdicts if not verdict.is_ok)
    if not kinds:
        return str(len(verdicts) or "")
    named = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    return f"**{kinds.total()} of {len(verdicts)}**: {named}"


def _markdown(rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]


def _version(python: str) -> str:
    """Ask an interpreter for its version, and whether it is a debug build."""
    program = "import sys; print(sys.version.split()[0] + getattr(sys, 'abiflags', ''))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
