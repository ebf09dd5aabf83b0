"""One sample: one case, one contender, one fresh process that prints the number.

A fresh process for each, because memory, threads and interpreters that an earlier
measurement left behind would be part of the next one; and because a crash of one contender
then costs that contender's number and no other.
"""

import asyncio
import faulthandler
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.cases.case import Case
from benchmarks.contenders import CONTENDERS, FLOOR
from benchmarks.missing import MissingError

TIME_LIMIT = 60.0
"""Seconds. A sample takes one or two, a million pending calls half a minute; one that hangs
shows its stacks and ends."""

GRACE = 10.0
"""Seconds more, for a process too stuck to end by itself, or whose workers stay on."""

TESTS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Sample:
    """The origin of a number. The turn counts within a case: contenders are paired by it."""

    turn: int
    case: str
    contender: str


class SampleError(Exception):
    """The process of a sample raised, crashed or hung; the text has its last words."""


def take(sample: Sample, scale: float) -> float:
    """Return the number that a fresh process measures.

    Raises MissingError where the case cannot be had here, SampleError when it broke.
    """
    child = start(sample, scale)
    try:
        out, err = child.communicate(timeout=TIME_LIMIT + GRACE)
    except subprocess.TimeoutExpired:
        end_session(child)
        out, err = child.communicate()
    except BaseException:  # Ctrl-C, which a child with a session of its own does not get
        end_session(child)
        raise
    if child.returncode:
        message = f"exit status {child.returncode}\n{err.strip()}"
        raise SampleError(message)
    sys.stderr.write(err)
    return value_of(json.loads(out))


def start(sample: Sample, scale: float) -> subprocess.Popen[str]:
    """Start the process of *sample*, in a session of its own."""
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", "benchmarks.sample"]
    return subprocess.Popen(
        [*command, sample.case, sample.contender, str(scale)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def environment() -> dict[str, str]:
    """Return an environment in which workers of every kind find the tasks.

    A subinterpreter and a process both start from ``PYTHONPATH``; folders that a program
    adds to ``sys.path`` later need not reach either.

    The first sample of a case compiles what the others find compiled.
    """
    added = [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, added))}
    # Installed packages come with their bytecode; a checkout must be allowed to keep it.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def end_session(child: subprocess.Popen[str]) -> None:
    """Kill *child*, which has not been waited for yet, and its worker processes."""
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()


def value_of(answer: dict[str, float | str]) -> float:
    """Return the number in what a sample's process printed, or raise what it says."""
    if "missing" in answer:
        raise MissingError(answer["missing"])
    return float(answer["value"])


def measure(case_name: str, contender: str, scale: float) -> float:
    """Measure, in this process."""
    case = CASES[case_name]
    if contender == FLOOR:
        return floor(case, scale)
    load = CONTENDERS[contender].load
    if CONTENDERS[contender].awaits:
        assert case.awaited is not None, "not admitted"
        return asyncio.run(awaited(case.awaited(load(), scale)))
    return case.measure(load(), scale)


def floor(case: Case, scale: float) -> float:
    """Measure what the machine asks for."""
    if case.floor is None:
        message = "this case has no floor"
        raise MissingError(message)
    return case.floor(scale)


async def awaited(measured: Awaitable[float]) -> float:
    """Return what comes of something that need not be a coroutine."""
    return await measured


def main(case_name: str, contender: str, scale: str) -> None:
    """Measure, in this process, and print the number or what is missing."""
    faulthandler.dump_traceback_later(TIME_LIMIT, exit=True)
    try:
        answer: dict[str, float | str] = {"value": measure(case_name, contender, float(scale))}
    except MissingError as error:
        answer = {"missing": str(error)}
    print(json.dumps(answer))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(*sys.argv[1:])
