"""The meeting: two calls that cannot both be served by one worker."""

import os
from concurrent.futures import Executor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from benchmarks import tasks
from benchmarks.fifo import fifos

WORKERS = 2  # nearly every pool measured here has as many workers as a meeting has guests
ENDS = (os.O_RDONLY, os.O_WRONLY)


class Meeting:
    """A FIFO that two workers open from both ends, so that each proves the other is up.

    The constructor raises MissingError where there are no FIFOs.
    """

    def __init__(self) -> None:
        """Make the FIFO, so that ``hold()`` does nothing but meet."""
        self._stack = ExitStack()
        (self.fifo,) = self._stack.enter_context(fifos("meeting"))

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
        self._stack.close()

    def hold(self, pool: Executor) -> None:
        """Block until two workers of *pool* have met and answered."""
        if type(pool).submit is Executor.submit:  # one that only maps
            list(pool.map(tasks.meet, [self.fifo] * len(ENDS), ENDS))
            return
        guests = [pool.submit(tasks.meet, self.fifo, end) for end in ENDS]
        for guest in guests:
            guest.result()


def hold_meeting(pool: Executor) -> None:
    """Have two workers of *pool* ready, for the cases that do not time this."""
    with Meeting() as meeting:
        meeting.hold(pool)
