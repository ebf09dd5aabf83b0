"""Running `python -m interpexec` as a process."""

import os
import subprocess
import sys
from pathlib import Path

import interpexec

ROOT = Path(interpexec.__file__).parents[1]
# Its output is buffered as usual, however these tests themselves are run.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
ENVIRONMENT["PYTHONPATH"] = str(ROOT)

STRICT = "-W", "error", "-W", "ignore::ResourceWarning"
"""Options of Python. A call may be stopped in an import, between the opening of a file and its
`with`; then Python tells of the file, and no code of ours can help that."""

LIMIT = 60
"""Seconds after which a run that does not end is a failure."""


class Run:
    """A finished run: `status`, `out` and `err`."""

    def __init__(
        self,
        *arguments: str,
        given: bytes | str = b"",
        cwd: Path | None = None,
        python: tuple[str, ...] = STRICT,
        fds: tuple[int, ...] = (),
    ) -> None:
        done = subprocess.run(
            [sys.executable, *python, "-m", "interpexec", *arguments],
            input=given.encode() if isinstance(given, str) else given,
            capture_output=True,
            timeout=LIMIT,
            cwd=cwd,
            env=ENVIRONMENT,
            pass_fds=fds,
            check=False,
        )
        self.status, self.bytes, self.err = done.returncode, done.stdout, done.stderr.decode()

    @property
    def out(self) -> list[str]:
        """The lines on stdout."""
        return self.bytes.decode().splitlines()


def run_script(script: str, cwd: Path) -> "subprocess.CompletedProcess[bytes]":
    """Run a script of the shell, whose `$0` is this Python."""
    return subprocess.run(
        ["/bin/sh", "-c", script, sys.executable],
        capture_output=True,
        timeout=LIMIT,
        env=ENVIRONMENT,
        cwd=cwd,
        check=False,
    )
