"""Ends: every way in which a program can end, by what its pool is doing, by interpreter.

Each run is a program of its own, which tells when it has come to the place; a signal, if there
is to be one, follows up to 30 ms later. The expected end is computed by the rule of `endings`.

A signal that comes between CPython's last look for signals and the system call that blocks wakes
nobody. Where a program waits for it in such a call, it is sent again, as a user presses Ctrl-C
again; how often is counted.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import campaign
from activities import ACTIVITIES
from campaign import BETWEEN, OK, Run, Verdict
from child import Child
from endings import WAYS, Way, fits, lasts
from ends_program import BUFFERED

START = 60.0
"""Seconds within which a program must have come to its end's beginning, on a busy machine."""

MOMENT = 0.03
"""The signal comes up to so many seconds after the program was ready for it."""

AT_EXIT = 0.005

NOISE = ("Fatal Python error", "remaining subinterpreters", "Exception ignored", "Warning:",
         "exception was never retrieved")  # fmt: skip


@dataclass
class Seen:
    """The observed end of a program."""

    status: int
    seconds: float
    told: bytes
    out: str
    file: str
    errors: str


def main() -> int:
    """Run the command."""
    parser = campaign.options(__doc__)
    parser.add_argument("--limit", type=float, default=1.0, metavar="SECONDS",
                        help="how long an end may take, beside what it waits for")  # fmt: skip
    parser.add_argument("--hang", type=float, default=15.0, metavar="SECONDS",
                        help="what takes so much longer than that hangs (default: 15)")  # fmt: skip
    parser.add_argument("--executor", choices=["interpexec", "threads"], default="interpexec",
                        help="threads: the control group, with short calls")  # fmt: skip
    return campaign.main(parser, names, run_one)


def names(chosen: argparse.Namespace) -> list[str]:
    """Return the names of all cases that can be."""
    return [
        f"{way}{BETWEEN}{activity}"
        for way in WAYS
        for activity in ACTIVITIES
        if fits(WAYS[way], ACTIVITIES[activity])
        and (chosen.executor != "threads" or (WAYS[way].portable and ACTIVITIES[activity].portable))
    ]


def run_one(run: Run, chosen: argparse.Namespace) -> Verdict:
    """Run one program, and judge what was seen of it."""
    names = run.case.split(BETWEEN)
    way, activity = WAYS[names[0]], ACTIVITIES[names[1]]
    lasting, waits = lasts(way, activity, _version(run.python))
    if chosen.executor == "threads":
        lasting, waits = 0.3, True
    limit = chosen.limit + 5 * lasting * waits  # the machine may be busy
    with (
        tempfile.TemporaryDirectory() as folder,
        Child(
            run.python, "ends_program.py", chosen.executor, *names, lasting, Path(folder, "file")
        ) as child,
    ):
        told = bytearray()
        if not _await(child, told, START):
            return Verdict(run.case, "no start", child.abort())
        start = _send_signals(child, way, Random(run.seed))
        again: dict[str, float] = {}
        if way.blocks and not child.ended(chosen.hang + limit):
            again["pressed again"] = 1
            child.send(way.number)
            start = time.monotonic()
        if not child.ended(chosen.hang + limit):
            return Verdict(run.case, "hang", child.abort(), time.monotonic() - start)
        seconds = time.monotonic() - start
        told += child.hear(0)
        seen = Seen(child.status(), seconds, bytes(told), child.printed(),
                    _text(Path(folder, "file")), child.errors())  # fmt: skip
    if way.signals and not way.blocks and activity.is_brief:
        # It may have come when Python had given its handlers back, or after the end.
        ends_well = seen.status in {0, way.status} and seconds <= limit
        return Verdict(run.case, OK if ends_well else "wrong end", str(seen), seconds)
    kind, detail = judge(way, seen, limit)
    return Verdict(run.case, kind, detail, seconds, again)


def _await(child: Child, told: bytearray, timeout: float) -> bool:
    """Wait until the program tells that it is ready; note all that it tells."""
    end = time.monotonic() + timeout
    while b"r" not in told:
        if not (heard := child.hear(end - time.monotonic())):
            return child.ended()  # it ended too early: what is wrong is seen then
        told += heard
    return True


def _send_signals(child: Child, way: Way, random: Random) -> float:
    """Send the signals of a way, the first at a random moment; return the time of the last."""
    if way.signals:
        # At exit the moment is told by the last function that is called before ours.
        time.sleep(max(random.uniform(0, MOMENT), AT_EXIT * way.at_exit))
    for delay in way.signals:
        time.sleep(delay)
        child.send(way.number)
    return time.monotonic()


def judge(way: Way, seen: Seen, limit: float) -> tuple[str, str]:
    """Return in two words what is wrong with an end, the worst first; and the details."""
    return next(_judge(way, seen, limit), (OK, ""))


def _judge(way: Way, seen: Seen, limit: float) -> Iterator[tuple[str, str]]:
    """Yield all that is wrong."""
    told = {word: seen.told.count(word) for word in (b"c", b"d", b"a")}
    detail = f"status {seen.status}, told {_shortened(seen.told)}\n{seen.errors}"
    if seen.status != way.status:
        by_fault = seen.status < 0 and seen.status != -signal.SIGINT
        yield "crash" if by_fault else "wrong status", detail
    if told[b"d"] < told[b"c"] and not way.stops:
        yield "lost calls", detail
    if told[b"d"] > told[b"c"]:
        yield "doubled calls", detail
    if told[b"a"] > 1 or (way.is_orderly and not told[b"a"]):
        yield "no atexit", detail
    if way.is_orderly and not (seen.out == seen.file == BUFFERED):
        yield "not flushed", detail + f"\nstdout {seen.out!r}, file {seen.file!r}"
    if noise := find_noise(way, seen.errors):
        yield "noise", f"{noise}\n{detail}"
    if seen.seconds > limit:
        yield "late", f"{seen.seconds:.2f} s, and not {limit:.2f}\n{detail}"


def find_noise(way: Way, errors: str) -> str:
    """Return what is on stderr beside the program's own traceback."""
    if not way.last_line:
        return "stderr must be empty" if errors else ""
    last = errors.rstrip().rpartition("\n")[2]
    # Python says so itself of what is raised where it waits for threads at its end.
    ignores = "Exception ignored" in errors and "threading" in errors
    ignores &= way.at_exit or len(way.signals) > 1
    if not last.startswith(way.last_line):
        return f"the last line must be {way.last_line!r}"
    for word in NOISE:
        if word in errors and not (ignores and word == "Exception ignored"):
            return f"there is {word!r}"
    chained = errors.count("During handling of") + errors.count("was the direct cause")
    if errors.count("Traceback (most") - chained > max(1, len(way.signals)):
        return "there is more than one traceback"
    return ""


@cache
def _version(python: str) -> tuple[int, ...]:
    """Return the version of an interpreter by its own word."""
    import subprocess

    program = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return tuple(map(int, done.stdout.split()))


def _text(path: Path) -> str:
    """Return what is in a file that may not be there."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _shortened(told: bytes) -> str:
    """Return what was told by its counts."""
    return ", ".join(f"{told.count(word)} {chr(word)}" for word in sorted(set(told)))


if __name__ == "__main__":
    sys.exit(main())
