"""The meeting: two calls that cannot both be served by one worker."""

import os
import tempfile
from concurrent.futures import Executor
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import tasks
from benchmarks.missing import MissingError

WORKERS = 2  # every pool measured here has as many workers as a meeting has guests


class Meeting:
    """A FIFO that two workers open from both ends, so that each proves the other is up.

    A named one, since the workers of a process pool inherit no descriptors. Where there are
    no FIFOs (Windows) the constructor raises MissingError, and the case is left out.
    """

    def __init__(self) -> None:
        """Make the FIFO, so that ``hold()`` does nothing but meet."""
        if not hasattr(os, "mkfifo"):
            message = "no os.mkfifo"
            raise MissingError(message)
        self._directory = tempfile.TemporaryDirectory(prefix="benchmark-")
        self._fifo = str(Path(self._directory.name) / "meeting")
        os.mkfifo(self._fifo)

    def __enter__(self) -> Self:
        """Return itself; the FIFO lives until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the FIFO."""
        self._directory.cleanup()

    def hold(self, pool: Executor) -> None:
        """Block until two workers of *pool* have met and answered."""
        guests = [
            pool.submit(tasks.meet, self._fifo, flags) for flags in (os.O_RDONLY, os.O_WRONLY)
        ]
        for guest in guests:
            guest.result()


def hold_meeting(pool: Executor) -> None:
    """Have two workers of *pool* ready, for the cases that do not time this."""
    with Meeting() as meeting:
        meeting.hold(pool)
