"""Programs of this package in processes of their own.

Such a program may crash the interpreter, end the process, or never come back: each of these is a
result. Each is the leader of a process group, so that it can be killed with all that it has
started.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from tempfile import TemporaryFile
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn, Self

_SHOWN = 10_000
"""Bytes from the end of stderr that are kept."""

ENDING = ("SIGTERM", "SIGHUP")
"""Signals that would end this process without a word, and leave the others behind."""


class Ended(NamedTuple):
    """A process that has ended."""

    code: int
    out: bytes
    err: str
    """The end of it."""

    def told(self) -> str:
        """Say how it has ended, when that was no good end."""
        if self.code < 0:
            return f"the process was ended by {signal.Signals(-self.code).name}"
        last = self.err.strip().rpartition("\n")[2]
        return f"the process has ended with {self.code}" + (f": {last}" if last else "")


class Children:
    """The processes of a command. Leaving the block kills those that run. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what follows
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_over = False
        self._former: dict[int, object] = {}

    def __enter__(self) -> "Self":
        if threading.current_thread() is threading.main_thread():
            for name in ENDING:
                number = getattr(signal, name, None)  # Windows has one of them
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    self._former[number] = signal.signal(number, _leave)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_over = True
            running = list(self._running)
        for process in running:
            _kill(process)
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what stood there

    def run(self, program: str, *arguments: str, given: bytes = b"", limit: float) -> Ended:
        """Run a program, with the modules of this one. Blocks.

        given: its standard input. limit: seconds; raises TimeoutError then.
        """
        with TemporaryFile() as said:
            process = self._start(program, arguments, said.fileno())
            with process:  # at its end it is waited for, so it must have been killed
                try:
                    out, _ = process.communicate(given, limit)
                except subprocess.TimeoutExpired:
                    raise TimeoutError(f"it took more than {limit:g} s") from None
                finally:
                    self._end(process)
            said.seek(max(said.seek(0, os.SEEK_END) - _SHOWN, 0))
            return Ended(process.returncode, out, said.read().decode(errors="replace"))

    def _start(
        self, program: str, arguments: tuple[str, ...], stderr: int
    ) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._is_over:
                raise RuntimeError("the command ends")
            process = subprocess.Popen(  # noqa: S603  # this Python, and a program of ours
                # (-P: else the current directory stands before all that this one has.)
                [sys.executable, "-P", "-c", program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                process_group=0 if hasattr(os, "killpg") else None,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_path())},
            )
            self._running.add(process)
        return process

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        if process.returncode != 0:
            _kill(process)
            process.wait()
        with self._lock:
            self._running.discard(process)


def _path() -> "Iterator[str]":
    """Yield what a process gets as its path: this one's."""
    for entry in sys.path:
        with suppress(FileNotFoundError):  # the current directory was removed
            yield entry or os.getcwd()  # noqa: PTH109  # pathlib is slow to import


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process, and what it has started."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _leave(number: int, _: object) -> "NoReturn":
    """End by way of all `finally` blocks, with the exit code that a shell reports."""
    raise SystemExit(128 + number)
