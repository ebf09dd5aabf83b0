"""Doors of `os.pipe`s that hold tasks up, so that no test has to sleep.

    task   tasks.pass_gate(gate.handle, value)    knocks, waits, returns `value`
    test   gate.await_knocks(2)                   two tasks stand there now
           gate.let_in(1), gate.open()            one goes on, all go on

A descriptor's number means the same in every interpreter of the process.
"""

import os
import select
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

TIME_LIMIT = 20.0
"""Seconds after which a test that waits has failed: never how long it takes."""

type Handle = tuple[int, int]
"""A task's part of a gate: the descriptor to knock at, the descriptor to wait at."""


class Gate:
    """A door that is closed until the test opens it."""

    def __init__(self) -> None:
        self._entrance, self._key = os.pipe()
        self._knocks, self._knocker = os.pipe()
        self._opened = False

    @property
    def handle(self) -> Handle:
        """The argument of `tasks.pass_gate`."""
        return self._knocker, self._entrance

    def await_knocks(self, count: int) -> None:
        """Return when `count` more tasks have come to the gate."""
        for _ in range(count):
            assert self.has_knock(TIME_LIMIT), "no task came to the gate"
            os.read(self._knocks, 1)

    def has_knock(self, timeout: float = 0) -> bool:
        """Say whether a task has knocked that `await_knocks` did not count."""
        return bool(select.select([self._knocks], [], [], timeout)[0])

    def let_in(self, count: int = 1) -> None:
        """Let `count` tasks pass, those that wait or those that come."""
        os.write(self._key, bytes(count))

    def open(self) -> None:
        """Let everyone pass, from now on."""
        if not self._opened:
            self._opened = True
            os.close(self._key)

    def close(self) -> None:
        """Give the descriptors back, when no task can come any more."""
        self.open()
        for number in (self._entrance, self._knocks, self._knocker):
            os.close(number)


@contextmanager
def gate() -> Iterator[Gate]:
    """Make a gate and give its descriptors back at the end."""
    made = Gate()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def gated[P: Executor](make_pool: Callable[[], P]) -> Iterator[tuple[P, Gate]]:
    """Make a pool and a gate that opens before the pool is waited for."""
    with gate() as made, make_pool() as pool:
        try:
            yield pool, made
        finally:
            made.open()
