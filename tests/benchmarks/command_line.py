"""`interpexec map` against other tools of the command line, and a script by hand.

    python tests/benchmarks/command_line.py                    # some minutes
    python tests/benchmarks/command_line.py --row first slow   # only these

    million   a million short lines through `x.upper()`: this, pyp, and a script with
              `ProcessPoolExecutor.map(chunksize=...)`, which reads and writes as this does
    items     10,000 lines: this, and one process for each line, by GNU parallel and xargs (these
              get 300 lines, and their time is multiplied)
    first     ms from the start of a run to its first result, and those of an empty Python
    slow      ms from a line, that comes alone, to its result: median and 99th percentile

Tools that are not installed are left out. The contenders take turns; a figure is the median of its
rounds. CPU seconds count the children of a tool, too, and memory is the largest of its processes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from platform import python_version
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

MAP = (sys.executable, "-m", "interpexec", "map")

BY_HAND = """
import sys
from concurrent.futures import ProcessPoolExecutor
def work(line):
    return line[:-1].upper()
if __name__ == "__main__":
    with ProcessPoolExecutor({jobs}) as pool:
        for result in pool.map(work, sys.stdin, chunksize=10_000):
            print(result)
"""

ONE_LINE = "import sys; print(sys.argv[1].upper())"

FEW = 300
"""Lines for tools that start a process for each."""


class Spent(NamedTuple):
    """The time and the memory of a run."""

    wall: float
    cpu: float
    memory: float
    """MB, of the largest process; a child begins with the memory of this one."""


def run(command: Sequence[str], given: Path) -> Spent:
    """Run a command with a file as its input, and no output."""
    with given.open("rb") as stdin:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.DEVNULL, env=environment()
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} has ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def environment() -> dict[str, str]:
    """Return the environment, with this checkout."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


# -- many lines ---------------------------------------------------------------------------


def million(folder: Path, count: int) -> "dict[str, tuple[Sequence[str], int]]":
    """Return the contenders, and how many lines each gets."""
    (folder / "by_hand.py").write_text(BY_HAND.format(jobs=os.process_cpu_count()))
    commands: dict[str, Sequence[str]] = {
        "interpexec map": (*MAP, "x.upper()"),
        "ProcessPoolExecutor": (sys.executable, str(folder / "by_hand.py")),
    }
    if pyp := shutil.which("pyp"):
        commands["pyp"] = (pyp, "x.upper()")
    return {name: (command, count) for name, command in commands.items()}


def items(folder: Path, count: int) -> "dict[str, tuple[Sequence[str], int]]":
    """Return the contenders, and how many lines each gets."""
    few, jobs = min(FEW, count), str(os.process_cpu_count())
    each = sys.executable, "-c", ONE_LINE
    found: dict[str, tuple[Sequence[str], int]] = {
        "interpexec map": ((*MAP, "x.upper()"), count),
        "xargs -P python -c": (("xargs", f"-P{jobs}", "-n1", *each), few),
    }
    if parallel := shutil.which("parallel"):
        quoted = f"'{sys.executable}' -c '{ONE_LINE}' {{}}"
        found["parallel python -c"] = ((parallel, f"-j{jobs}", quoted), few)
        found["parallel echo"] = ((parallel, f"-j{jobs}", "echo {}"), few)
    return found


def compare(
    contenders: "dict[str, tuple[Sequence[str], int]]", folder: Path, count: int, rounds: int
) -> Iterator[str]:
    """Yield the lines of a table."""
    spent: dict[str, list[Spent]] = {name: [] for name in contenders}
    for lines in {lines for _, lines in contenders.values()}:
        with (folder / f"{lines}.txt").open("w") as file:  # line by line: see `Spent.memory`
            file.writelines(f"line {n}\n" for n in range(lines))
    for _ in range(rounds):
        for name, (command, lines) in contenders.items():
            spent[name].append(run(command, folder / f"{lines}.txt"))
    yield "| tool | s | lines/s | CPU s | MB |"
    yield "|---|---|---|---|---|"
    for name, (_, lines) in contenders.items():
        factor = count / lines
        wall, cpu, memory = (median(each) for each in zip(*spent[name], strict=True))
        row = f"{wall * factor:.2f} | {lines / wall:,.0f} | {cpu * factor:.2f} | {memory:.0f}"
        yield f"| {name} | {row} |"


# -- one line -----------------------------------------------------------------------------


def first(_folder: Path, rounds: int) -> Iterator[str]:
    """Yield the time from the start to the first result."""
    commands = {
        "first result of map": (*MAP, "x.upper()", ":::", "a"),
        "python -c pass": (sys.executable, "-c", "print()"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds * 5):
        for name, command in commands.items():
            begun = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
                assert process.stdout is not None
                process.stdout.readline()
                times[name].append((time.perf_counter() - begun) * 1e3)
    for name, each in times.items():
        yield f"{name}: {median(each):.0f} ms (fastest {min(each):.0f})"


def slow(_folder: Path, rounds: int) -> Iterator[str]:
    """Yield the time from a line to its result."""
    times = []
    with subprocess.Popen(
        (*MAP, "x.upper()"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(rounds * 100):
            begun = time.perf_counter()
            process.stdin.write(f"line {number}\n".encode())
            process.stdout.readline()
            times.append((time.perf_counter() - begun) * 1e3)
            time.sleep(0.003)
        process.stdin.close()
    cuts = quantiles(times[1:], n=100)
    yield f"a line alone: median {cuts[49]:.2f} ms, 99th percentile {cuts[98]:.2f} ms"


# -- the command ---------------------------------------------------------------------------

ROWS: "dict[str, tuple[int, Callable[[Path, int], dict[str, tuple[Sequence[str], int]]]]]" = {
    "million": (1_000_000, million),
    "items": (10_000, items),
}
ALONE: "dict[str, Callable[[Path, int], Iterator[str]]]" = {"first": first, "slow": slow}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return 0."""
    parser = argparse.ArgumentParser(description="Measure `interpexec map` beside other tools.")
    names = [*ROWS, *ALONE]
    parser.add_argument("--row", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--lines", type=int, help="other numbers of lines than 1,000,000 and 10,000"
    )
    options = parser.parse_args(argv)
    load = os.getloadavg()[0]
    print(f"CPython {python_version()}, {os.process_cpu_count()} CPUs, load {load:.1f}")  # noqa: T201 - the report
    with TemporaryDirectory() as name:
        for row in options.row:
            print(f"\n{row}")  # noqa: T201 - likewise
            for line in lines_of(row, Path(name), options):
                print(line, flush=True)  # noqa: T201 - likewise
    return 0


def lines_of(row: str, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Measure a row; yield its lines."""
    if row in ALONE:
        return ALONE[row](folder, options.rounds)
    usual, contenders = ROWS[row]
    count = options.lines or usual
    return compare(contenders(folder, count), folder, count, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
