"""The parts of a future that `concurrent.futures.wait()` uses, protected from interrupts.

These functions stand outside of our protection from KeyboardInterrupt: an interrupt between
the locking of a future and the `with` block around it would leave the lock taken, and the
collector would wait for it for ever. So they get locks and events that no interrupt leaves
in between; and the frames of the functions themselves are protected while they wait for
futures of ours.
"""

from _thread import RLock
from concurrent.futures import _base

from interpexec._core.sigint import protected, unbroken, unbroken_if
from interpexec._pool.parking import Latch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any


class UninterruptedLock:
    """A lock that a KeyboardInterrupt cannot leave locked."""

    def __init__(self, lock: "RLock") -> None:
        self._lock = lock

    @unbroken
    def __enter__(self) -> bool:
        return self._lock.acquire()

    @unbroken
    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        self._lock.release()

    @unbroken
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return self._lock.acquire(blocking, timeout)

    @unbroken
    def release(self) -> None:
        self._lock.release()


class _Event(Latch):
    """An event with the methods that they use."""

    set, clear, wait = unbroken(Latch.open), unbroken(Latch.close), protected(Latch.wait)

    def is_set(self) -> bool:
        return self.is_open


class Waiters(list["Any"]):
    """The standard library's waiters of one call, one for each `wait()` or `as_completed()`."""

    def append(self, waiter: "Any", /) -> None:
        """Add a waiter, and give it a lock and an event that no interrupt leaves locked.

        The waiter is new, so that no thread uses its old ones yet.
        """
        if type(waiter.event) is not _Event:
            waiter.event = _Event()
            if hasattr(waiter, "lock"):
                waiter.lock = UninterruptedLock(RLock())
        super().append(waiter)


def protect(cls: type) -> None:
    """Protect the standard library's functions while they wait for futures of a class."""

    def is_about_ours(frame: "FrameType") -> bool:
        futures = frame.f_locals.get("fs")
        return type(futures) is set and any(isinstance(each, cls) for each in futures)

    unbroken(_base._AcquireFutures.__enter__)  # noqa: SLF001  # it locks many futures, one by one
    unbroken(_base._AcquireFutures.__exit__)  # noqa: SLF001  # it unlocks them
    unbroken_if(_base.wait, is_about_ours)
    unbroken_if(_base.as_completed, is_about_ours)
