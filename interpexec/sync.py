"""Locks and their kin that work across interpreters.

The names and the ways are those of `threading`. Each object can be an argument or a
result of a call, or part of one, and can go through a channel: whoever receives it has
the same lock, and not a copy. Usable from any thread of any interpreter of the process.

Who waits sleeps in the kernel: nothing polls, and timeouts are seconds with fractions.
The first one to wait is the first one to be served: a lock is handed over to who has
waited longest, so that nobody starves. A call that is cancelled while it waits gives its
place back.

What is not shared is death: a lock whose holder ends without releasing it stays held,
as in `threading`. Use `with`.
"""

from _thread import get_ident

from interpexec import _packing, _tasks
from interpexec._deadline import Deadline
from interpexec._monitor import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import BrokenBarrierError

    from interpexec._interrupts import Held
    from interpexec._work_queue import Queue

    type Hold = Lock | RLock

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Event",
    "Lock",
    "Queue",
    "RLock",
    "Semaphore",
]

_FOREVER = Deadline(None)
_LONGEST = 2**63 // 10**9  # seconds: as long as `threading` takes, some 292 years
_MOST = 2**62  # of what is counted in one word
_LINE = 0  # of each monitor here

# The first words of the monitors.
_VALUE, _LIMIT = 0, 1  # of a semaphore
_HELD = 0  # of a lock: by which thread
_IN_TRANSIT = 1  # no thread has this number
_OWNER, _DEPTH = 0, 1  # of a re-entrant one
_FLAG = 0  # of an event
_PARTIES, _COUNT, _STATE = 0, 1, 2  # of a barrier


def __getattr__(name: str) -> object:
    """Find the queue, and the error of barriers, when they are asked for."""
    if name == "Queue":
        from interpexec._work_queue import Queue  # it is made of channels' parts

        return Queue
    if name == "BrokenBarrierError":
        from threading import BrokenBarrierError  # the very same

        return BrokenBarrierError
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


class _Shared:
    """What all of them are: a monitor that can travel."""

    __slots__ = ("__weakref__", "_monitor")

    def __init__(self) -> None:
        self._monitor = Monitor()

    def __reduce__(self) -> "tuple[object, ...]":
        """Travel as what it is. Raises NotShareableError outside of a call or a channel."""
        _packing.packing()
        return _arrived, (type(self), self._state())

    def _state(self) -> "dict[str, object]":
        return {"_monitor": self._monitor}


def _arrived(cls: type[_Shared], state: "dict[str, object]") -> _Shared:
    shared = cls.__new__(cls)
    for name, value in state.items():
        setattr(shared, name, value)
    return shared


class Semaphore(_Shared):
    """A counter that `acquire` takes from, and waits for while there is nothing.

    As `threading.Semaphore`, but across interpreters.
    """

    __slots__ = ()

    def __init__(self, value: int = 1) -> None:
        """Begin with `value`, an int >= 0. Raises TypeError or ValueError."""
        check_count(value, "value", 0)
        super().__init__()
        self._monitor.words[_VALUE] = value

    def __repr__(self) -> str:
        return _shown(self, f"value={self._monitor.words[_VALUE]}")

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take one; wait for it at most `timeout` seconds. Return whether it was had.

        Raises ValueError for a timeout of what does not block.
        """
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        return self._monitor.run(self._take, _deadline(blocking, timeout), undo=self._put)

    def release(self, n: int = 1) -> None:
        """Put `n` back, and serve as many who wait. Never blocks. ValueError below one."""
        check_count(n, "n", 1)
        self._monitor.run(self._put, n)

    @_tasks.step
    def __enter__(self) -> bool:
        self._monitor.run(self._take, _FOREVER, undo=self._put)
        _note(self)
        return True

    @_tasks.step
    def __exit__(self, *_error: object) -> None:
        self.release()
        _forget(self)

    def give_back(self) -> None:
        """Put one back. For calls that were stopped in a `with` block."""
        self._monitor.run(self._put)

    def _take(self, deadline: Deadline | None) -> bool:
        words = self._monitor.words
        if words[_VALUE]:
            words[_VALUE] -= 1
            return True
        return deadline is not None and self._monitor.wait(_LINE, deadline, self._put)

    def _put(self, n: int = 1) -> None:
        while n and self._monitor.wake(_LINE):  # it is theirs
            n -= 1
        self._monitor.words[_VALUE] += n


class BoundedSemaphore(Semaphore):
    """A semaphore that is never more than it was at first.

    As `threading.BoundedSemaphore`, but across interpreters.
    """

    __slots__ = ()

    def __init__(self, value: int = 1) -> None:
        """Begin with `value`, an int >= 0. Raises TypeError or ValueError."""
        super().__init__(value)
        self._monitor.words[_LIMIT] = value

    def __repr__(self) -> str:
        words = self._monitor.words
        return _shown(self, f"value={words[_VALUE]}/{words[_LIMIT]}")

    def release(self, n: int = 1) -> None:
        """Put `n` back. Raises ValueError, and puts none, if that was too many."""
        check_count(n, "n", 1)
        self._monitor.run(self._put_bounded, n)

    def _put_bounded(self, n: int) -> None:
        words = self._monitor.words
        if words[_VALUE] + n > words[_LIMIT]:
            raise ValueError("Semaphore released too many times")
        self._put(n)


class Lock(_Shared):
    """A lock that one thread at a time holds, of any interpreter.

    As `threading.Lock`: it may be released by another thread, which may be elsewhere. A
    call that is cancelled while it holds the lock gives it back at its end.
    """

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; wait for that at most `timeout` seconds (-1: for ever).

        Return whether it was had. Raises ValueError for other negative timeouts, and
        for a timeout of what does not block.
        """
        deadline = _FOREVER if blocking and timeout == -1 else _lock_deadline(blocking, timeout)
        monitor, thread = self._monitor, get_ident()
        had = monitor.words[_HELD] == thread
        try:
            return monitor.swap(_HELD, thread, _LINE, self) or monitor.run(self._take, deadline)
        except BaseException:  # Ctrl-C: it may have been had already
            if not had:
                self.give_back()
            raise

    __enter__ = acquire

    def release(self) -> None:
        """Give it back, or hand it over to who has waited longest. Never blocks.

        Raises RuntimeError when it is not held.
        """
        if not self._monitor.swap(_HELD, 0, _LINE, self):
            self._monitor.run(self._release)

    def __exit__(self, *_error: object) -> None:
        try:
            self.release()
        except BaseException:  # Ctrl-C: it may be held still
            self.give_back()
            raise

    def locked(self) -> bool:
        """Say whether it is held."""
        return bool(self._monitor.words[_HELD])

    def __repr__(self) -> str:
        state = "locked" if self.locked() else "unlocked"
        return f"<{state} interpexec.sync.Lock object at {id(self):#x}>"

    def give_back(self) -> None:
        """Release it if the calling thread has taken it. For calls that were stopped."""
        self._monitor.run(self._give_back)

    def _take(self, deadline: Deadline | None) -> bool:
        words = self._monitor.words
        if words[_HELD] and (
            deadline is None or not self._monitor.wait(_LINE, deadline, self._put)
        ):
            return False
        words[_HELD] = get_ident()
        _note(self)
        return True

    def _release(self) -> None:
        if not self._monitor.words[_HELD]:
            raise RuntimeError("release unlocked lock")
        self._put()
        _forget(self)

    def _give_back(self) -> None:
        if self._monitor.words[_HELD] == get_ident():
            self._put()

    def _put(self) -> None:
        # Theirs from now on, and held by nobody we know; or free.
        self._monitor.words[_HELD] = _IN_TRANSIT if self._monitor.wake(_LINE) else 0

    # What a `Condition` asks.

    def _is_owned(self) -> bool:
        return self.locked()

    def _release_save(self) -> int:
        self.release()
        return 1

    def _acquire_restore(self, _depth: int) -> None:
        self.acquire()


class RLock(_Shared):
    """A lock that its holder may take again. As `threading.RLock`, but across interpreters.

    The holder is a thread: one of its interpreter, as a thread belongs to one call. A
    call that is cancelled while it holds the lock gives it back at its end.
    """

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, also once more. Otherwise as `Lock.acquire`."""
        words, thread = self._monitor.words, get_ident()
        deadline = _FOREVER if blocking and timeout == -1 else _lock_deadline(blocking, timeout)
        if words[_OWNER] == thread:  # nobody else writes that
            words[_DEPTH] += 1
            return True
        try:
            return self._monitor.run(self._take, thread, 1, deadline)
        except BaseException:  # Ctrl-C: it may have been had already
            self.give_back()
            raise

    __enter__ = acquire

    def release(self) -> None:
        """Give it back, when this was done as often as it was taken.

        Raises RuntimeError when the calling thread does not hold it.
        """
        words = self._monitor.words
        if words[_OWNER] != get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        if words[_DEPTH] > 1:
            words[_DEPTH] -= 1
        else:
            self._monitor.run(self._put)

    def __exit__(self, *_error: object) -> None:
        depth = self._monitor.words[_DEPTH]
        try:
            self.release()
        except BaseException:  # Ctrl-C: it may be held still
            if depth == 1:
                self.give_back()
            raise

    def locked(self) -> bool:
        """Say whether somebody holds it."""
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

    def _take(self, thread: int, depth: int, deadline: Deadline | None) -> bool:
        words = self._monitor.words
        if words[_DEPTH] and (
            deadline is None or not self._monitor.wait(_LINE, deadline, self._put)
        ):
            return False
        words[_DEPTH] = depth
        words[_OWNER] = thread
        _note(self)
        return True

    def _put(self) -> None:
        words = self._monitor.words
        words[_DEPTH] = 1 if self._monitor.wake(_LINE) else 0  # 1: it is theirs, and taken
        words[_OWNER] = 0
        _forget(self)

    # What a `Condition` asks.

    def _is_owned(self) -> bool:
        return bool(self._monitor.words[_OWNER] == get_ident())

    def _release_save(self) -> int:
        depth: int = self._monitor.words[_DEPTH]
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._monitor.run(self._put)
        return depth

    def _acquire_restore(self, depth: int) -> None:
        self._monitor.run(self._take, get_ident(), depth, _FOREVER, undo=self._put)


def _note(held: "Held") -> None:
    """Note what the call that the calling thread runs has locked."""
    if (thread := _tasks.running.get(get_ident())) is not None:
        thread.held.append(held)


def _forget(held: "Held") -> None:
    """Forget it: it was released."""
    if (thread := _tasks.running.get(get_ident())) is not None and held in thread.held:
        thread.held.remove(held)


class Event(_Shared):
    """A flag that threads wait for. As `threading.Event`, but across interpreters."""

    __slots__ = ()

    def is_set(self) -> bool:
        """Say whether the flag is set."""
        return bool(self._monitor.words[_FLAG])

    def set(self) -> None:
        """Set the flag, and wake all who wait for that."""
        self._monitor.run(self._set)

    def clear(self) -> None:
        """Set the flag back."""
        self._monitor.words[_FLAG] = 0

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set, at most `timeout` seconds; return False after these."""
        return self.is_set() or self._monitor.run(self._wait, until(timeout))

    def __repr__(self) -> str:
        return _shown(self, "set" if self.is_set() else "unset")

    def _set(self) -> None:
        self._monitor.words[_FLAG] = 1
        _wake_all(self._monitor)

    def _wait(self, deadline: Deadline) -> bool:
        return self.is_set() or self._monitor.wait(_LINE, deadline, _nothing)


class Condition(_Shared):
    """Wait under a lock for what others change under it, in any interpreter.

    As `threading.Condition`.
    """

    __slots__ = ("_lock", "acquire", "release")

    def __init__(self, lock: "Hold | None" = None) -> None:
        """lock: a `Lock` or an `RLock` of this module; None: a new `RLock`."""
        _check(lock, "lock", "a Lock or an RLock of this module", _is_hold(lock))
        super().__init__()
        self._use(RLock() if lock is None else lock)

    def _use(self, lock: "Hold") -> None:
        self._lock = lock
        self.acquire = lock.acquire
        self.release = lock.release

    def __reduce__(self) -> "tuple[object, ...]":
        """Travel with its lock."""
        _packing.packing()
        return _condition_of, (self._monitor, self._lock)

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def __repr__(self) -> str:
        return f"<interpexec.sync.Condition({self._lock!r}, {self._monitor.waiting(_LINE)})>"

    @_tasks.step
    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock back, sleep until notified, take it again. Return False when not notified.

        timeout: in seconds. Raises RuntimeError when the lock is not held.
        """
        if not self._lock._is_owned():  # noqa: SLF001  # one of us
            raise RuntimeError("cannot wait on un-acquired lock")
        deadline = until(timeout)
        depth: list[int] = []
        try:
            return self._monitor.run(self._wait, deadline, depth)
        finally:
            if depth:
                _surely(self._lock._acquire_restore, depth[0])  # noqa: SLF001  # as above

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
        self.notify(self._monitor.waiting(_LINE))

    def _wait(self, deadline: Deadline, depth: list[int]) -> bool:
        def give_lock_back() -> None:
            depth.append(self._lock._release_save())  # noqa: SLF001  # as above

        return self._monitor.wait(_LINE, deadline, self._pass_on, give_lock_back)

    def _notify(self, n: int) -> None:
        while n > 0 and self._monitor.wake(_LINE):
            n -= 1

    def _pass_on(self) -> None:
        self._monitor.wake(_LINE)


def _condition_of(monitor: Monitor, lock: "Hold") -> Condition:
    condition = Condition.__new__(Condition)
    condition._monitor = monitor  # noqa: SLF001  # one of us
    condition._use(lock)  # noqa: SLF001  # as above
    return condition


# The states of a barrier.
_FILLING, _DRAINING, _BROKEN, _RESETTING = range(4)


class Barrier:
    """A place where so many threads meet, of any interpreter: all wait for the last one.

    As `threading.Barrier`.
    """

    __slots__ = ("__weakref__", "_action", "_condition", "_timeout", "_words")

    def __init__(
        self,
        parties: int,
        action: "Callable[[], object] | None" = None,
        timeout: float | None = None,
    ) -> None:
        """Make one for `parties` threads, an int >= 1.

        action: called by one of them when all are there; it travels with the barrier.
        timeout: of `wait`, in seconds, where none is given there. Raises TypeError or
        ValueError.
        """
        check_count(parties, "parties", 1)
        _check(action, "action", "callable", action is None or callable(action))
        self._use(Condition(Lock()), action, timeout)
        self._words[_PARTIES] = parties

    def _use(
        self,
        condition: Condition,
        action: "Callable[[], object] | None",
        timeout: float | None,
    ) -> None:
        self._condition = condition
        self._action = action
        self._timeout = timeout
        self._words = condition._monitor.words  # noqa: SLF001  # one of us

    def __reduce__(self) -> "tuple[object, ...]":
        """Travel as what it is."""
        _packing.packing()
        return _barrier_of, (self._condition, self._action, self._timeout)

    @property
    def parties(self) -> int:
        """How many threads it takes."""
        return self._words[_PARTIES]

    @property
    def n_waiting(self) -> int:
        """How many are there now."""
        return self._words[_COUNT] if self._words[_STATE] == _FILLING else 0

    @property
    def broken(self) -> bool:
        """Whether it is of no use until `reset`."""
        return self._words[_STATE] == _BROKEN

    def __repr__(self) -> str:
        return _shown(self, "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}")

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all are there; return a number, another one for each of them.

        timeout: in seconds. Raises BrokenBarrierError when somebody came too late, or
        was stopped, or when the barrier was broken or reset meanwhile.
        """
        deadline = until(self._timeout if timeout is None else timeout)
        words = self._words
        with self._condition:
            # Those who were here before leave first.
            while words[_STATE] in {_DRAINING, _RESETTING}:
                self._condition.wait()
            self._refuse_if_broken()
            index = words[_COUNT]
            words[_COUNT] += 1
            try:
                if index + 1 == words[_PARTIES]:
                    self._open()
                else:
                    self._await_others(deadline)
            except BaseException:
                self._break()  # the others would wait for ever
                raise
            finally:
                self._go(words)
            return index

    def _open(self) -> None:
        """Let all go: this is the last one."""
        if self._action is not None:
            self._action()
        self._words[_STATE] = _DRAINING
        self._condition.notify_all()

    def _await_others(self, deadline: Deadline) -> None:
        """Wait for the last one. Raises BrokenBarrierError."""
        words = self._words
        while words[_STATE] == _FILLING:
            if deadline.remaining() == 0:
                self._break()
                break
            self._condition.wait(deadline.remaining())
        if words[_STATE] == _RESETTING:
            raise _broken()
        self._refuse_if_broken()

    def _go(self, words: memoryview) -> None:
        """Leave: the last one makes it ready for the next ones."""
        words[_COUNT] -= 1
        if not words[_COUNT] and words[_STATE] in {_DRAINING, _RESETTING}:
            words[_STATE] = _FILLING
            self._condition.notify_all()

    def reset(self) -> None:
        """Make it as new. Who waits there gets BrokenBarrierError."""
        words = self._words
        with self._condition:
            if not words[_COUNT]:
                words[_STATE] = _FILLING
            elif words[_STATE] in {_FILLING, _BROKEN}:  # who got through has got through
                words[_STATE] = _RESETTING
            self._condition.notify_all()

    def abort(self) -> None:
        """Break it: who waits there, or comes, gets BrokenBarrierError."""
        with self._condition:
            self._words[_STATE] = _BROKEN
            self._condition.notify_all()

    def _break(self) -> None:
        if self._words[_STATE] == _FILLING:
            self._words[_STATE] = _BROKEN
            self._condition.notify_all()

    def _refuse_if_broken(self) -> None:
        if self._words[_STATE] == _BROKEN:
            raise _broken()


def _barrier_of(
    condition: Condition, action: "Callable[[], object] | None", timeout: float | None
) -> Barrier:
    barrier = Barrier.__new__(Barrier)
    barrier._use(condition, action, timeout)  # noqa: SLF001  # one of us
    return barrier


def _broken() -> Exception:
    from threading import BrokenBarrierError  # dear, and rare

    return BrokenBarrierError()


def _shown(obj: object, state: str) -> str:
    return f"<interpexec.sync.{type(obj).__name__} at {id(obj):#x}: {state}>"


def _is_hold(lock: object) -> bool:
    return lock is None or isinstance(lock, (Lock, RLock))


def _check(value: object, name: str, what: str, is_it: bool) -> None:
    if not is_it:
        message = f"{name} must be {what}, not {type(value).__name__}"
        raise TypeError(message)


def check_count(value: int, name: str, least: int) -> None:
    """Raise TypeError or ValueError for what cannot be counted."""
    _check(value, name, "an int", isinstance(value, int) and not isinstance(value, bool))
    if not least <= value <= _MOST:
        message = f"{name} must be from {least} to {_MOST}, not {value}"
        raise ValueError(message)


def _deadline(blocking: bool, timeout: float | None) -> Deadline | None:
    """Return when a wait ends; None when there is to be none."""
    return until(timeout) if blocking else None


def _lock_deadline(blocking: bool, timeout: float) -> Deadline | None:
    """Do as `_deadline`, with the arguments of `Lock.acquire`."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return None
    if timeout == -1:
        return _FOREVER
    _check(timeout, "timeout", "a number of seconds", isinstance(timeout, (int, float)))
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > _LONGEST:
        raise OverflowError("timeout value is too large")
    return until(timeout)


def until(timeout: float | None) -> Deadline:
    """Return when a wait ends. Raises TypeError or ValueError for a timeout that is none."""
    is_number = timeout is None or isinstance(timeout, (int, float))
    _check(timeout, "timeout", "a number of seconds or None", is_number)
    if timeout is not None and timeout != timeout:  # noqa: PLR0124  # NaN
        raise ValueError("timeout must be a number of seconds or None, not NaN")
    return Deadline(timeout)


def _surely(step: "Callable[[int], object]", argument: int) -> None:
    """Do a step, whatever comes meanwhile; raise that afterwards."""
    interruption: BaseException | None = None
    while True:
        try:
            step(argument)
        except OSError:
            raise
        except BaseException as error:  # Ctrl-C, or the call was stopped
            interruption = error
        else:
            break
    if interruption is not None:
        raise interruption


def _wake_all(monitor: Monitor) -> None:
    while monitor.wake(_LINE):
        pass


def _nothing() -> None:
    """Have nothing to pass on: all were woken."""
