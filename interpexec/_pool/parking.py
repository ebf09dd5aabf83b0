"""Sleeping until another thread of this interpreter says so, with locks of one use.

`threading.Event` and `Condition` are Python code around a lock: an interrupt in the middle
of them may leave that taken, and the thread that sets the event would wait for ever. Here nothing
is taken that another thread wants.
"""

from _thread import TIMEOUT_MAX, allocate_lock
from functools import partial

from interpexec._core.cpython import is_main_thread
from interpexec._core.sigint import interruptible, nap
from interpexec._core.waiting import Deadline


class Parker:
    """Wakes the one thread that waits for it, once. Any thread may wake it, at any time."""

    __slots__ = ("_lock", "_taken")

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self._taken = [self._lock]  # until it is released

    def wake(self) -> None:
        """Wake the thread, now or when it comes to wait. Never blocks.

        The lock is released once. One that is handed over to a thread is locked still, and
        a debug build of CPython aborts where it is released again before that thread has run.
        """
        try:
            lock = self._taken.pop()  # one call decides who does it
        except IndexError:
            return  # it was woken before
        lock.release()

    @interruptible
    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until woken, for at most `timeout` seconds; return whether it was woken."""
        seconds = TIMEOUT_MAX if timeout is None else min(max(timeout, 0), TIMEOUT_MAX)
        if is_main_thread():
            return bool(nap(partial(self._lock.acquire, True), seconds))
        return self._lock.acquire(timeout=seconds)

    def wait_briefly(self, timeout: float) -> bool:
        """Do as `wait`, for a short time, and leave an interrupt for later."""
        return self._lock.acquire(timeout=max(timeout, 0))


class Latch:
    """Closed until it is opened: then all who wait go on, and nobody waits any more.

    From any thread; `open` from a destructor, too.
    """

    def __init__(self, *, is_open: bool = False) -> None:
        self._waiting: list[Parker] = []
        self.is_open = is_open

    def open(self) -> None:
        """Open it. Never blocks."""
        self.is_open = True
        for parker in list(self._waiting):
            parker.wake()

    def close(self) -> None:
        """Close it again."""
        self.is_open = False

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until it is open, for at most `timeout` seconds; return whether it is.

        Protect the caller, or it may be left here when it is interrupted.
        """
        deadline = Deadline(timeout)
        while not self.is_open:
            if deadline.remaining() == 0:
                return False
            self._sleep(deadline)
        return True

    def _sleep(self, deadline: Deadline) -> None:
        """Sleep until it is opened, once: it may be closed again by then."""
        parker = Parker()  # one that has woken a thread does so no more
        self._waiting.append(parker)
        try:
            # In this order: a thread that opens it between the two wakes this one.
            if not self.is_open:
                parker.wait(deadline.remaining())
        finally:
            self._waiting.remove(parker)
