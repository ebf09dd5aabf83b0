"""The parts of `threading` that the tests use, over a pipe that every interpreter can use.

Only the descriptors' numbers are sent: the copy in a worker opens and
closes nothing, and the one who made a gate closes it when no worker waits.
"""

import os
from typing import Self


class Semaphore:
    """Counts with bytes in a pipe: `release` writes one, `acquire` takes one."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def create(cls, value: int = 0) -> Self:
        """Make a semaphore that can be acquired `value` times."""
        semaphore = cls(*os.pipe())
        for _ in range(value):
            semaphore.release()
        return semaphore

    def __reduce__(self) -> tuple[type[Self], tuple[int, int]]:
        return type(self), (self._reader, self._writer)

    def acquire(self) -> bool:
        """Take one, waiting for it as long as it needs; return True."""
        os.read(self._reader, 1)
        return True

    def release(self) -> None:
        """Give one, and wake one who waits."""
        os.write(self._writer, b".")

    def close(self) -> None:
        """Close the pipe. Nobody may be waiting any more."""
        os.close(self._reader)
        os.close(self._writer)


class Event:
    """A turnstile: each who waits takes the byte and puts it back for the next."""

    def __init__(self, turnstile: Semaphore) -> None:
        self._turnstile = turnstile

    @classmethod
    def create(cls) -> Self:
        """Make an event that is not set."""
        return cls(Semaphore.create())

    def __reduce__(self) -> tuple[type[Self], tuple[Semaphore]]:
        return type(self), (self._turnstile,)

    def wait(self) -> bool:
        """Wait until the event is set, as long as it needs; return True."""
        self._turnstile.acquire()
        self._turnstile.release()
        return True

    def set(self) -> None:
        """Let everybody pass from now on."""
        self._turnstile.release()

    def close(self) -> None:
        """Close the pipe. Nobody may be waiting any more."""
        self._turnstile.close()
