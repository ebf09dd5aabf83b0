"""Programs that are run by themselves, with a time limit."""

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

import interpexec

ROOT = Path(interpexec.__file__).parents[1]
TESTS = Path(__file__).parents[1]
PATHS = [str(TESTS / "support"), str(TESTS / "tasks")]
"""Where programs of tests find what they import."""

TIME_LIMIT = float(os.environ.get("INTERPEXEC_TIME_LIMIT", "100"))  # seconds

IMPORT = "from interpexec import InterpreterPoolExecutor\n"


def write(path: Path, text: str) -> Path:
    """Write a program, with the import it needs, where `path` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(IMPORT + textwrap.dedent(text), encoding="utf-8")
    return path


def run(
    *arguments: object,
    stdin: str = "",
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    signals: Sequence[tuple[int, signal.Signals]] = (),
) -> "subprocess.CompletedProcess[str]":
    """Run this Python with arguments; a program that hangs prints its stacks and fails.

    Warnings are errors there, too. signals: sent one by one, each
    when something can be read from its descriptor.
    """
    paths = [*PATHS, str(ROOT), os.environ.get("PYTHONPATH", "")]
    settings = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONFAULTHANDLER": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONUNBUFFERED": "",
    }
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=os.environ | settings | (environment or {}),
        pass_fds=pass_fds,
    ) as process:
        for reader, number in signals:
            if select.select([reader], [], [], TIME_LIMIT)[0]:
                os.read(reader, 1)
                process.send_signal(number)
        try:
            out, err = process.communicate(stdin, TIME_LIMIT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # faulthandler prints all stacks
            out, err = process.communicate()
            pytest.fail(f"the program hangs: {command}\n{out}\n{err}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def output(
    *arguments: object,
    stdin: str = "",
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """Run this Python; it must succeed and say nothing on stderr. Return its stdout."""
    done = run(*arguments, stdin=stdin, cwd=cwd, environment=environment)
    assert (done.returncode, done.stderr) == (0, ""), (
        f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done.stdout


def error_of(stderr: str) -> str:
    """Return the line of a traceback that tells the error, without its notes of a map's items."""
    return [line for line in stderr.splitlines() if not line.startswith("item ")][-1]
