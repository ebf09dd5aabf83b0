"""Events and conditions that work across interpreters."""

from interpexec._core import current_call
from interpexec._core.sigint import interruptible, keep_whole
from interpexec._core.waiting import Deadline, Wakeup
from interpexec._sync.base import WAITERS, Shared, check, nothing, sent, shown, until, wake
from interpexec._sync.locks import Lock, RLock
from interpexec._sync.monitor import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    type Hold = Lock | RLock

    class Acquire(Protocol):
        """The `acquire` of a lock."""

        def __call__(self, blocking: bool = True, timeout: float = -1) -> bool: ...


keep_whole()

_FLAG = 0  # of an event: the first word


class Event(Shared):
    """A flag that threads wait for. As `threading.Event`, but across interpreters."""

    __module__ = "interpexec.sync"

    __slots__ = ()

    def is_set(self) -> bool:
        """Say whether the flag is set."""
        return bool(self._monitor.words[_FLAG])

    def set(self) -> None:
        """Set the flag, and wake all threads that wait for it."""
        self._monitor.run(self._set)

    def clear(self) -> None:
        """Clear the flag."""
        self._monitor.run(self._clear)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set, at most `timeout` seconds; return False after these."""
        return self.is_set() or self._monitor.run(self._wait, until(timeout))

    def __repr__(self) -> str:
        return shown(self, "set" if self.is_set() else "unset")

    def _set(self) -> None:
        self._monitor.words[_FLAG] = 1
        wake(self._monitor, self._monitor.waiting(WAITERS))

    def _clear(self) -> None:
        self._monitor.words[_FLAG] = 0

    def _wait(self, deadline: Deadline) -> bool:
        return self.is_set() or self._monitor.wait(WAITERS, deadline, nothing)


class Condition(Shared):
    """Wait under a lock for changes that other threads make under it, in any interpreter.

    As `threading.Condition`.
    """

    __module__ = "interpexec.sync"

    __slots__ = ("_lock", "acquire", "release")

    def __init__(self, lock: "Hold | None" = None) -> None:
        """lock: a `Lock` or an `RLock` of this module; None: a new `RLock`."""
        check(lock, "lock", "a Lock or an RLock of this module", _is_hold(lock))
        self._use(Monitor(), RLock() if lock is None else lock)

    def _use(self, monitor: Monitor, lock: "Hold") -> None:  # type: ignore[override]  # `sent` gives both
        super()._use(monitor)
        self._lock = lock
        self.acquire: Acquire = lock.acquire
        self.release: Callable[[], None] = lock.release

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent with its lock. Raises NotShareableError outside of a call or a channel."""
        return sent(Condition, self._monitor, self._lock)

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def __repr__(self) -> str:
        return f"<interpexec.sync.Condition({self._lock!r}, {self._monitor.waiting(WAITERS)})>"

    @current_call.shielded
    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, sleep until notified, take it again. Return False when not notified.

        timeout: in seconds. Raises RuntimeError when the lock is not held.
        """
        deadline = until(timeout)
        # Before the lock is released: waiting for it again takes a wake-up, too.
        wakeup = Wakeup()
        try:
            return self.wait_by(wakeup, deadline)
        finally:
            wakeup.close()

    def wait_by(self, wakeup: Wakeup, deadline: Deadline) -> bool:
        """Do as `wait`, on a given wake-up, without a new descriptor. In a shielded section."""
        if not self._lock._is_owned():  # noqa: SLF001  # as `threading` does
            raise RuntimeError("cannot wait on un-acquired lock")
        depth: list[int] = []
        try:
            return self._monitor.run(self._wait, deadline, depth, wakeup)
        finally:
            if depth:
                _surely(self._lock._acquire_restore, depth[0], wakeup)  # noqa: SLF001  # as `threading` does

    @interruptible
    def wait_for(self, predicate: "Callable[[], bool]", timeout: float | None = None) -> bool:
        """Wait until `predicate()` is true; return its last value."""
        deadline = until(timeout)
        while not (result := predicate()):
            if deadline.remaining() == 0:
                break
            self.wait(deadline.remaining())
        return result

    def notify(self, n: int = 1) -> None:
        """Wake `n` waiting threads, the longest waiting first. RuntimeError without the lock."""
        if not self._lock._is_owned():  # noqa: SLF001  # as `threading` does
            raise RuntimeError("cannot notify on un-acquired lock")
        self._monitor.run(wake, self._monitor, n)

    def notify_all(self) -> None:
        """Wake all waiting threads. RuntimeError without the lock."""
        self.notify(self._monitor.waiting(WAITERS))

    def _wait(self, deadline: Deadline, depth: list[int], wakeup: Wakeup) -> bool:
        def release_lock() -> None:
            depth.append(self._lock._release_save())  # noqa: SLF001  # as `threading` does

        return self._monitor.wait(WAITERS, deadline, self._pass_on, release_lock, wakeup)

    def _pass_on(self) -> None:
        self._monitor.wake(WAITERS)


def _is_hold(lock: object) -> bool:
    return lock is None or isinstance(lock, (Lock, RLock))


def _surely(step: "Callable[[int, Wakeup], object]", depth: int, wakeup: Wakeup) -> None:
    """Do a step, also if exceptions interrupt it; raise the last one of them afterwards."""
    interruption: BaseException | None = None
    while True:
        try:
            step(depth, wakeup)
        except OSError:
            raise
        except BaseException as error:  # Ctrl-C, or the call was stopped
            interruption = error
        else:
            break
    if interruption is not None:
        raise interruption
