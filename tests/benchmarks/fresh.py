"""A fresh process that measures something and prints an answer, in JSON.

A fresh one for each measurement, because memory, threads and interpreters that an earlier
measurement left behind would be part of the next one; and because a crash of one contender
then costs that contender's number and no other.
"""

import faulthandler
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.missing import MissingError

TIME_LIMIT = 120.0
"""Seconds. A sample takes one or two, a million pending calls half a minute, and twice a million
a whole one; a process that hangs shows its stacks and ends."""

GRACE = 10.0
"""Seconds more, for a process too stuck to end by itself, or whose workers stay on."""

TESTS = Path(__file__).resolve().parent.parent


class SampleError(Exception):
    """The process of a sample raised, crashed or hung; the text has its last words."""


def ask(module: str, *arguments: str) -> dict[str, Any]:
    """Return the answer of a fresh process that runs *module*, which calls ``reply``.

    Raises MissingError where it cannot be had here, SampleError when it broke.
    """
    child = start(module, *arguments)
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
    answer: dict[str, Any] = json.loads(out)
    if "missing" in answer:
        raise MissingError(answer["missing"])
    return answer


def reply(measure: Callable[[], dict[str, Any]]) -> None:
    """Measure, in this process, and print the answer, or what is missing."""
    faulthandler.dump_traceback_later(TIME_LIMIT, exit=True)
    try:
        answer = measure()
    except MissingError as error:
        answer = {"missing": str(error)}
    print(json.dumps(answer))  # noqa: T201 - the answer


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start the process, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-P", "-X", "faulthandler", "-m", module, *arguments],
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
