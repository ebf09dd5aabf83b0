"""The gate: every worker of a pool stands at it, each in a call of its own, until it opens."""

import os
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from benchmarks import tasks
from benchmarks.fifo import fifos


class Gate:
    """Two FIFOs: in one the guests say that they have arrived, at the other one they wait.

    The constructor raises MissingError where there are no FIFOs.
    """

    def __init__(self, guests: int) -> None:
        """Make the FIFOs, for so many guests."""
        self._guests = guests
        self._calls: list[Future[None]] = []
        self._stack = ExitStack()
        self._arrivals, self._gate = self._stack.enter_context(fifos("arrivals", "gate"))
        # Both ends at once: to open only one would wait for the other one.
        self._arrived = os.open(self._arrivals, os.O_RDWR)
        self._stack.callback(os.close, self._arrived)

    def __enter__(self) -> Self:
        """Return itself; the gate opens when the block ends, at the latest."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let everybody go and remove the FIFOs."""
        self.open()
        self._stack.close()

    def hold(self, pool: Executor) -> None:
        """Block until so many workers of *pool* stand at the gate: nothing else runs there."""
        self._calls = [
            pool.submit(tasks.wait_at, self._arrivals, self._gate) for _ in range(self._guests)
        ]
        for _ in self._calls:
            os.read(self._arrived, 1)

    def open(self) -> None:
        """Let the guests go, and block until all of them have answered."""
        if not self._calls:
            return
        writer = os.open(self._gate, os.O_WRONLY)
        for call in self._calls:
            call.result()
        os.close(writer)  # not before: a guest may have said that it is there, and be slow
        self._calls.clear()
