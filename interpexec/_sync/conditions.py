"""Events and conditions that work across interpreters."""

from interpexec._core import current_call
from interpexec._core.sigint import interruptible, keep_whole
from interpexec._core.waiting import Deadline, Wakeup
from interpexec._sharing import package
from interpexec._sync.base import WAITERS, Shared, check, nothing, shown, until, wake_all
from interpexec._sync.locks import Lock, RLock
from interpexec._sync.monitor import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    type Hold = Lock | RLock

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
        """Set the flag, and wake all who wait for that."""
        self._monitor.run(self._set)

    def clear(self) -> None:
        """Set the flag back."""
        self._monitor.run(self._clear)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set, at most `timeout` seconds; return False after these."""
        return self.is_set() or self._monitor.run(self._wait, until(timeout))

    def __repr__(self) -> str:
        return shown(self, "set" if self.is_set() else "unset")

    def _set(self) -> None:
        self._monitor.words[_FLAG] = 1
        wake_all(self._monitor)

    def _clear(self) -> None:
        self._monitor.words[_FLAG] = 0

    def _wait(self, deadline: Deadline) -> bool:
        return self.is_set() or self._monitor.wait(WAITERS, deadline, nothing)


class Condition(Shared):
    """Wait under a lock for what others change under it, in any interpreter.

    As `threading.Condition`.
    """

    __module__ = "interpexec.sync"

    __slots__ = ("_lock", "acquire", "release")

    def __init__(self, lock: "Hold | None" = None) -> None:
        """lock: a `Lock` or an `RLock` of this module; None: a new `RLock`."""
        check(lock, "lock", "a Lock or an RLock of this module", _is_hold(lock))
        super().__init__()
        self._use(RLock() if lock is None else lock)

    def _use(self, lock: "Hold") -> None:
        self._lock = lock
        self.acquire = lock.acquire
        self.release = lock.release

    def __reduce__(self) -> "tuple[object, ...]":
        """Travel with its lock."""
        package.packing()
        return _condition_of, (self._monitor, self._lock)

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def __repr__(self) -> str:
        return f"<interpexec.sync.Condition({self._lock!r}, {self._monitor.waiting(WAITERS)})>"

    @current_call.shielded
    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock back, sleep until notified, take it again. Return False when not notified.

        timeout: in seconds. Raises RuntimeError when the lock is not held.
        """
        deadline = until(timeout)
        # Before the lock is given back: it takes one to wait for it again, too.
        wakeup = Wakeup()
        try:
            return self.wait_by(wakeup, deadline)
        finally:
            wakeup.close()

    def wait_by(self, wakeup: Wakeup, deadline: Deadline) -> bool:
        """Do as `wait`, by a bell that is there: no descriptor is needed. In a step."""
        if not self._lock._is_owned():  # noqa: SLF001  # one of us
            raise RuntimeError("cannot wait on un-acquired lock")
        depth: list[int] = []
        try:
            return self._monitor.run(self._wait, deadline, depth, wakeup)
        finally:
            if depth:
                _surely(self._lock._acquire_restore, depth[0], wakeup)  # noqa: SLF001  # as above

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
        """Wake `n` of those who wait, the longest waiting first. RuntimeError without the lock."""
        if not self._lock._is_owned():  # noqa: SLF001  # as above
            raise RuntimeError("cannot notify on un-acquired lock")
        self._monitor.run(self._notify, n)

    def notify_all(self) -> None:
        """Wake all who wait."""
        self.notify(self._monitor.waiting(WAITERS))

    def _wait(self, deadline: Deadline, depth: list[int], wakeup: Wakeup) -> bool:
        def give_lock_back() -> None:
            depth.append(self._lock._release_save())  # noqa: SLF001  # as above

        return self._monitor.wait(WAITERS, deadline, self._pass_on, give_lock_back, wakeup)

    def _notify(self, n: int) -> None:
        while n > 0 and self._monitor.wake(WAITERS):
            n -= 1

    def _pass_on(self) -> None:
        self._monitor.wake(WAITERS)


def _condition_of(monitor: Monitor, lock: "Hold") -> Condition:
    condition = Condition.__new__(Condition)
    condition._monitor = monitor  # noqa: SLF001  # one of us
    condition._use(lock)  # noqa: SLF001  # as above
    return condition


def _is_hold(lock: object) -> bool:
    return lock is None or isinstance(lock, (Lock, RLock))


def _surely(step: "Callable[[int, Wakeup], object]", depth: int, wakeup: Wakeup) -> None:
    """Do a step, whatever comes meanwhile; raise that afterwards."""
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
