"""Locks and semaphores that work across interpreters."""

from _thread import get_ident

from interpexec._core import current_call
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import Deadline, Wakeup
from interpexec._sync.base import (
    FOREVER,
    WAITERS,
    Shared,
    check_count,
    deadline_of,
    forget,
    lock_deadline,
    note,
    shown,
)

keep_whole()

# The indices of their words.
_VALUE, _LIMIT = 0, 1  # of a semaphore
_HELD = 0  # of a lock: by which thread
_IN_TRANSIT = 1  # no thread has this number
_OWNER, _DEPTH = 0, 1  # of a re-entrant lock


class Semaphore(Shared):
    """A counter that `acquire` takes from, and waits for while there is nothing.

    As `threading.Semaphore`, but across interpreters.
    """

    __module__ = "interpexec.sync"

    __slots__ = ()

    def __init__(self, value: int = 1) -> None:
        """Begin with `value`, an int >= 0. Raises TypeError or ValueError."""
        check_count(value, "value", 0)
        super().__init__()
        self._monitor.words[_VALUE] = value

    def __repr__(self) -> str:
        return shown(self, f"value={self._monitor.words[_VALUE]}")

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take one; wait for it at most `timeout` seconds. Return whether it was taken.

        Raises ValueError for a timeout without blocking.
        """
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        return self._monitor.run(self._take, deadline_of(blocking, timeout), undo=self._put)

    def release(self, n: int = 1) -> None:
        """Put `n` back, and serve as many waiting threads. Never blocks. ValueError below one."""
        check_count(n, "n", 1)
        self._monitor.run(self._put, n)

    @current_call.shielded
    def __enter__(self) -> bool:
        self._monitor.run(self._take, FOREVER, undo=self._put)
        note(self)
        return True

    @current_call.shielded
    def __exit__(self, *_error: object) -> None:
        self.release()
        forget(self)

    def give_back(self) -> None:
        """Put one back. For calls that were stopped in a `with` block."""
        self._monitor.run(self._put)

    def _take(self, deadline: Deadline | None) -> bool:
        words = self._monitor.words
        if words[_VALUE]:
            words[_VALUE] -= 1
            return True
        return deadline is not None and self._monitor.wait(WAITERS, deadline, self._put)

    def _put(self, n: int = 1) -> None:
        while n and self._monitor.wake(WAITERS):  # the woken thread has it
            n -= 1
        self._monitor.words[_VALUE] += n


class BoundedSemaphore(Semaphore):
    """A semaphore whose counter never exceeds its first value.

    As `threading.BoundedSemaphore`, but across interpreters.
    """

    __module__ = "interpexec.sync"

    __slots__ = ()

    def __init__(self, value: int = 1) -> None:
        """Begin with `value`, an int >= 0. Raises TypeError or ValueError."""
        super().__init__(value)
        self._monitor.words[_LIMIT] = value

    def __repr__(self) -> str:
        words = self._monitor.words
        return shown(self, f"value={words[_VALUE]}/{words[_LIMIT]}")

    def release(self, n: int = 1) -> None:
        """Put `n` back. Raises ValueError, and puts none back, if that were too many."""
        check_count(n, "n", 1)
        self._monitor.run(self._put_bounded, n)

    def _put_bounded(self, n: int) -> None:
        words = self._monitor.words
        if words[_VALUE] + n > words[_LIMIT]:
            raise ValueError("Semaphore released too many times")
        self._put(n)


class Lock(Shared):
    """A lock that one thread at a time holds, of any interpreter.

    As `threading.Lock`: another thread may release it, in any interpreter. A call that is
    cancelled while it holds the lock releases it at its end.
    """

    __module__ = "interpexec.sync"

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; wait for that at most `timeout` seconds (-1: for ever).

        Return whether it was taken. Raises ValueError for other negative timeouts, and
        for a timeout without blocking.
        """
        deadline = FOREVER if blocking and timeout == -1 else lock_deadline(blocking, timeout)
        monitor = self._monitor
        return monitor.swap(_HELD, get_ident(), WAITERS, self) or monitor.run(self._take, deadline)

    __enter__ = acquire

    def release(self) -> None:
        """Release it, or hand it over to the thread that has waited longest. Never blocks.

        Raises RuntimeError when it is not held.
        """
        if not self._monitor.swap(_HELD, 0, WAITERS, self):
            self._monitor.run(self._release)

    def __exit__(self, *_error: object) -> None:
        self.release()

    def locked(self) -> bool:
        """Say whether it is held."""
        return bool(self._monitor.words[_HELD])

    def __repr__(self) -> str:
        state = "locked" if self.locked() else "unlocked"
        return f"<{state} interpexec.sync.Lock object at {id(self):#x}>"

    def give_back(self) -> None:
        """Release it if the calling thread has taken it. For calls that were stopped."""
        self._monitor.run(self._give_back)

    def _take(self, deadline: Deadline | None, wakeup: Wakeup | None = None) -> bool:
        monitor, words = self._monitor, self._monitor.words
        if words[_HELD] and (
            deadline is None or not monitor.wait(WAITERS, deadline, self._put, wakeup=wakeup)
        ):
            return False
        words[_HELD] = get_ident()
        note(self)
        return True

    def _release(self) -> None:
        if not self._monitor.words[_HELD]:
            raise RuntimeError("release unlocked lock")
        self._put()
        forget(self)

    def _give_back(self) -> None:
        if self._monitor.words[_HELD] == get_ident():
            self._put()

    def _put(self) -> None:
        # Handed over to the woken thread, whose number is not known here; or free.
        self._monitor.words[_HELD] = _IN_TRANSIT if self._monitor.wake(WAITERS) else 0

    # For a `Condition`.

    def _is_owned(self) -> bool:
        return self.locked()

    def _release_save(self) -> int:
        self.release()
        return 1

    def _acquire_restore(self, _depth: int, wakeup: Wakeup) -> None:
        try:
            self._monitor.run(self._take, FOREVER, wakeup)
        except BaseException:  # it may have been taken already
            self.give_back()
            raise


class RLock(Shared):
    """A lock that its holder may take again. As `threading.RLock`, but across interpreters.

    The holder is a thread of one interpreter. A call that is cancelled while it holds the
    lock releases it at its end.
    """

    __module__ = "interpexec.sync"

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, also once more. In all else as `Lock.acquire`."""
        words, thread = self._monitor.words, get_ident()
        deadline = FOREVER if blocking and timeout == -1 else lock_deadline(blocking, timeout)
        if words[_OWNER] == thread:  # only this thread writes its own number there
            self._monitor.refuse_if_forked()
            words[_DEPTH] += 1
            return True
        return self._monitor.run(self._take, thread, 1, deadline)

    __enter__ = acquire

    def release(self) -> None:
        """Release it, when this was called as often as it was taken.

        Raises RuntimeError when the calling thread does not hold it.
        """
        words = self._monitor.words
        if words[_OWNER] != get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        if words[_DEPTH] > 1:
            self._monitor.refuse_if_forked()
            words[_DEPTH] -= 1
        else:
            self._monitor.run(self._put)

    def __exit__(self, *_error: object) -> None:
        self.release()

    def locked(self) -> bool:
        """Say whether a thread holds it."""
        return bool(self._monitor.words[_DEPTH])

    def __repr__(self) -> str:
        words = self._monitor.words
        state = "locked" if self.locked() else "unlocked"
        about = f"owner={words[_OWNER]} count={words[_DEPTH]}"
        return f"<{state} interpexec.sync.RLock object {about} at {id(self):#x}>"

    def give_back(self) -> None:
        """Release it if the calling thread has taken it. For calls that were stopped."""
        if self._is_owned():
            self._monitor.run(self._put)

    def _take(
        self, thread: int, depth: int, deadline: Deadline | None, wakeup: Wakeup | None = None
    ) -> bool:
        monitor, words = self._monitor, self._monitor.words
        if words[_DEPTH] and (
            deadline is None or not monitor.wait(WAITERS, deadline, self._put, wakeup=wakeup)
        ):
            return False
        words[_DEPTH] = depth
        words[_OWNER] = thread
        note(self)
        return True

    def _put(self) -> None:
        words = self._monitor.words
        words[_DEPTH] = (
            1 if self._monitor.wake(WAITERS) else 0
        )  # 1: handed over to the woken thread
        words[_OWNER] = 0
        forget(self)

    # For a `Condition`.

    def _is_owned(self) -> bool:
        return bool(self._monitor.words[_OWNER] == get_ident())

    def _release_save(self) -> int:
        depth: int = self._monitor.words[_DEPTH]
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._monitor.run(self._put)
        return depth

    def _acquire_restore(self, depth: int, wakeup: Wakeup) -> None:
        self._monitor.run(self._take, get_ident(), depth, FOREVER, wakeup, undo=self._put)
