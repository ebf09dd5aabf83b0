"""The line on stderr that tells how far a run is; in a terminal, or where it is asked for.

    1,200 done, 3 failed, 410/s, 2 of 2 workers busy (longest 3.2 s), 0:00:12 left

It is drawn again every so often by a thread, and taken away before anything else is written.
"""

import os
import sys
import threading
from contextlib import contextmanager
from time import monotonic

from interpexec.cli._printing import CLEAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from interpexec import WorkerInfo
    from interpexec.cli._report import Report

USUAL_WIDTH = 80
"""Columns where there is no terminal."""

INTERVAL = 0.25
"""Seconds from one drawing to the next: often enough to be seen to live."""


class Progress:
    """Draws the line while it is entered. Its lock keeps it apart from other output."""

    def __init__(
        self,
        report: "Report",
        workers: "Callable[[], list[WorkerInfo]]",
        total: "Callable[[], int | None]",
    ) -> None:
        """workers: what they do. total: how many items there are; None while that is not known."""
        self._report = report
        self._workers = workers
        self._total = total
        self._begun = monotonic()
        self._lock = threading.RLock()  # guards what stands in the terminal
        self._is_drawn = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="interpexec-progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        with self.apart():
            pass

    @contextmanager
    def apart(self) -> "Iterator[None]":
        """Take the line away for a block that writes something else."""
        with self._lock:
            if self._is_drawn:
                self._is_drawn = False
                sys.stderr.write(CLEAR)
                sys.stderr.flush()
            yield

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            with self._lock:
                self._is_drawn = True
                sys.stderr.write(CLEAR + self.line()[: _width() - 1])
                sys.stderr.flush()

    def line(self) -> str:
        """Return the text."""
        report, elapsed = self._report, monotonic() - self._begun
        rate = report.items / elapsed if elapsed else 0.0
        parts = [f"{report.items:,} done"]
        if report.failed:
            parts.append(f"{report.failed:,} failed")
        parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")  # noqa: PLR2004  # two digits
        parts.append(_busy(self._workers()))
        total = self._total()
        if total is not None and rate:
            left = round(max(total - report.items, 0) / rate)
            parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        return ", ".join(parts)


def _width() -> int:
    """Return the width of the terminal, which may have changed."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):  # it is none
        return USUAL_WIDTH


def _busy(workers: "list[WorkerInfo]") -> str:
    """Say how many workers run something, and for how long the slowest one has."""
    seconds = [each.seconds for each in workers if each.seconds is not None]
    longest = f" (longest {max(seconds):.1f} s)" if seconds else ""
    return f"{len(seconds)} of {len(workers)} workers busy{longest}"
