"""A program that is run by itself: it is spoken to through pipes, and hangs only so long.

Its output goes to files, not to pipes: a process that it leaves behind could hold these.
"""

import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
PATHS = [ROOT, *(ROOT / "tests" / name for name in ("support", "tasks", "stress"))]

if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
    # A shell starts what is in the background with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


CLOSING = 2.0
"""Seconds from the end of what a program tells to its own end, when it is dying."""


class Child:
    """A running Python program, with two pipes: what it tells, and what it is told."""

    def __init__(self, python: str, program: str, *arguments: object) -> None:
        """Start a program of this folder; the last two arguments it gets are its descriptors."""
        self.out = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `__exit__`
        self.err = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `__exit__`
        self._ears, tells = os.pipe()
        hears, self._mouth = os.pipe()
        command = [python, str(Path(__file__).with_name(program)), *map(str, arguments)]
        self._process = subprocess.Popen(
            [*command, str(tells), str(hears)],
            stdin=subprocess.DEVNULL,
            stdout=self.out,
            stderr=self.err,
            env=_environment(),
            pass_fds=(tells, hears),
            start_new_session=True,
        )
        os.close(tells)
        os.close(hears)
        self._end = os.pidfd_open(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Kill what is left, also what the program has started, and close everything."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nothing is left of it
        self._process.wait()
        for number in (self._ears, self._mouth, self._end):
            os.close(number)
        self.out.close()
        self.err.close()

    def hear(self, timeout: float, size: int = 1 << 16) -> bytes:
        """Return what it tells; nothing when it has ended, or when the time is over."""
        if not select.select([self._ears], [], [], timeout)[0]:
            return b""
        return os.read(self._ears, size)

    def tell(self, word: bytes) -> None:
        """Tell it something; it may be gone."""
        try:
            os.write(self._mouth, word)
        except BrokenPipeError:
            pass  # its exit status says what became of it

    def send(self, number: signal.Signals) -> None:
        """Send it a signal. It is not waited for before, so its number is still its own."""
        os.kill(self._process.pid, number)

    def ended(self, timeout: float = CLOSING) -> bool:
        """Wait for its end; say whether it has come."""
        return bool(select.select([self._end], [], [], timeout)[0])

    def status(self) -> int:
        """Return the exit status of a program that has ended: negative for a signal.

        It is not reaped yet: its number must not become somebody else's before `__exit__`.
        """
        ending = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        assert ending is not None
        return ending.si_status if ending.si_code == os.CLD_EXITED else -ending.si_status

    def abort(self, timeout: float = 10.0) -> str:
        """End a program that hangs; return the stacks that it prints then."""
        self.send(signal.SIGABRT)
        self.ended(timeout)
        return self.errors()

    def printed(self) -> str:
        """Return what it has written to stdout."""
        return _read(self.out)

    def errors(self) -> str:
        """Return what it has written to stderr."""
        return _read(self.err)


def _read(file: "tempfile._TemporaryFileWrapper[bytes]") -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="backslashreplace")


def _environment() -> dict[str, str]:
    """Return an environment in which the programs find the package and each other."""
    own = os.environ.get("PYTHONPATH", "")
    settings = {
        "PYTHONPATH": os.pathsep.join([*map(str, PATHS), own]).rstrip(os.pathsep),
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUNBUFFERED": "",
        "PYTHONWARNINGS": "",
    }
    return os.environ | settings


def since(moment: float) -> float:
    """Return the seconds since a moment."""
    return time.monotonic() - moment
