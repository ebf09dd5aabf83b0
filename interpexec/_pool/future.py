"""The future of a call, and the table of its states.

The states are those of `concurrent.futures`; what they mean here:

    PENDING                  waits in the pending line, at home
    RUNNING                  was sent to the workers: it runs, or stands in the
                             request channel next to run
    FINISHED                 has its result or its exception
    CANCELLED_AND_NOTIFIED   was cancelled, and whoever waits for it knows

One lock guards the states of all futures. It is held for some bytecodes, nothing else is
locked meanwhile, and no code of the user's runs: so `cancel()` never waits for anybody, and
may be called in the middle of anything, from a destructor or a signal handler, too. What
follows from a new state is done without the lock, by the thread that has moved it there.
"""

from _thread import RLock
from concurrent.futures import _base
from types import FunctionType, MethodType

from interpexec._core.cpython import NotShareableError
from interpexec._core.sigint import (
    deliver,
    interruptibly,
    noted,
    protected,
    protected_inside,
    unbroken,
    unbroken_if,
)
from interpexec._core.waiting import Deadline
from interpexec._pool.parking import Latch, Parker
from interpexec._sharing import raised as raised_module
from interpexec._sharing import unpickling
from interpexec._worker import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any, Protocol

    from interpexec._sharing.package import Packed

    class Owner(Protocol):
        """What a future asks of the engine it belongs to."""

        @property
        def direct(self) -> "Waiting":
            """Who may wait in the collector's place."""

        @property
        def cancel_running(self) -> bool:
            """Whether a call is stopped that runs."""

        def forget_cancelled(self, future: "CallFuture[Any]") -> None:
            """Learn that a call was cancelled: stop it if it runs. Never waits."""

        def take_back(self, future: "CallFuture[Any]") -> bool:
            """Take a call back that no worker has begun; return whether it is PENDING now."""

        def before_callbacks(self) -> None:
            """Prepare for code that may block."""

    class Waiting(Protocol):
        """What a future asks of the engine's `DirectWait`."""

        def wait(self, future: "CallFuture[Any]", deadline: Deadline) -> None:
            """Wait for a call in the collector's place, where that is quicker."""

        def is_settled(self, future: "CallFuture[Any]") -> None:
            """Learn that a call is finished."""

        def postpone(self, callbacks: "Callable[[], None]") -> bool:
            """Run callbacks later, in a thread of the pool, if this is none."""


PENDING, RUNNING, FINISHED = _base.PENDING, _base.RUNNING, _base.FINISHED
CANCELLED = _base.CANCELLED_AND_NOTIFIED

TRANSITIONS: dict[str, frozenset[str]] = {
    PENDING: frozenset({RUNNING, CANCELLED, FINISHED}),
    RUNNING: frozenset({FINISHED, CANCELLED, PENDING}),
    CANCELLED: frozenset(),
    FINISHED: frozenset(),
}
"""From each state, the states that may follow.

PENDING becomes FINISHED when the call never runs: it could not travel, or the
pool broke. RUNNING becomes PENDING when a call is taken back from the request channel,
because somebody wants to cancel it or another one. A call that is cancelled, or whose
time is over, while a worker runs it, is stopped there, and what it answers is thrown away.
"""

_LARGE = 1 << 18
"""Bytes: to unpickle more takes longer than it takes another thread to wake up and collect."""

_ENDS = frozenset({CANCELLED, FINISHED})

MARK = "_interpexec_never_blocks"
"""The name of an attribute of done-callbacks that never block: these need no preparation."""

REFUSED = 0
"""The `call_id` of a call that could not travel, and was never submitted."""

_states = RLock()


def after_fork() -> None:
    """Release the lock: to be called in a forked child, where nobody else is left to do so."""
    _states._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001  # as `threading` does


class _ForOthers:
    """A lock as the standard library's `wait()` and `as_completed()` use it.

    They stand outside of our protection: an interrupt between the locking and their `with`
    block would leave it locked, and the collector would wait for ever.
    """

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
    """An event as they use it."""

    set, clear, wait = unbroken(Latch.open), unbroken(Latch.close), protected(Latch.wait)

    def is_set(self) -> bool:
        return self.is_open


class _Waiters(list["Any"]):
    """Who waits for a call in `wait()` or `as_completed()`."""

    def append(self, waiter: "Any", /) -> None:
        """Add one, and give it a lock and an event that an interrupt cannot leave locked.

        It has just been made, and nobody uses it yet.
        """
        if type(waiter.event) is not _Event:
            waiter.event = _Event()
            if hasattr(waiter, "lock"):
                waiter.lock = _ForOthers(RLock())
        super().append(waiter)


unbroken(_base._AcquireFutures.__enter__)  # noqa: SLF001  # it locks many futures, one by one
unbroken(_base._AcquireFutures.__exit__)  # noqa: SLF001  # as above


class CallFuture[T](_base.Future[T]):
    """What `submit` returns: a `concurrent.futures.Future` of a call in a worker.

    All methods may be called from any thread of the interpreter that made it. `cancel`,
    `done`, `add_done_callback` and the like may be called from destructors, weakref
    callbacks and signal handlers, too. Callbacks run in a thread of the pool, in the one
    that calls `cancel()`, or, if they are added to a finished call, in the one that adds
    them. They may block, and wait for other calls. `result()` may return before they ran.
    """

    _condition: "Any" = _ForOthers(_states)
    _sleepers: "list[Parker] | tuple[()]" = ()  # threads in `result()`
    _counting: "list[Any] | tuple[()]" = ()  # the waiters that count this call as not finished

    def __init__(
        self,
        call_id: int,
        payload: "Packed | None",
        owner: "Owner | None",
        name: str = "",
        limit: float | None = None,
    ) -> None:
        """Make a pending future.

        payload: the pickled call, until it is sent. name: of its function. limit: the
        seconds that it may run.
        """
        self._state = PENDING
        self._result = None
        self._exception = None
        self._waiters: list[Any] = _Waiters()
        self._done_callbacks: list[Callable[[Any], object]] = []
        self.call_id = call_id
        self.payload = payload
        self.name = name
        self.limit = limit
        self._owner = owner

    # -- moving from state to state ------------------------------------------------

    @unbroken
    def _move(
        self,
        state: str,
        result: "Any" = None,
        error: BaseException | None = None,
        origin: str | None = None,
    ) -> bool:
        """Go to another state, if it may follow; return whether that was so.

        origin: the only state from which to go there.
        """
        with _states:
            if state not in TRANSITIONS[self._state] or self._state is not (origin or self._state):
                return False
            self._result, self._exception = result, error
            self._state = state
            if self._waiters and state in _ENDS:
                self._counting = [*self._waiters]
        return True

    def begin(self) -> bool:
        """Go to RUNNING, as the call is sent. False when it was cancelled."""
        return self._move(RUNNING)

    def become_pending(self) -> bool:
        """Go back from RUNNING, as the call was taken back. False when it was cancelled."""
        return self._move(PENDING)

    def finish(self, result: "Any" = None, error: BaseException | None = None) -> bool:
        """Finish the call, if nobody else has; return whether that was so. Runs the callbacks."""
        if not self._move(FINISHED, result, error):
            return False
        if self._sleepers or self._counting:
            self._tell_waiters()
        if self._owner is not None:
            self._owner.direct.is_settled(self)
        if self._done_callbacks:
            self.invoke_callbacks()
        return True

    @unbroken
    def _tell_waiters(self) -> None:
        """Wake the threads that wait for this call, but for one that waits directly."""
        for sleeper in self._sleepers:
            sleeper.wake()
        for waiter in self._counting:
            if self._state is CANCELLED:
                waiter.add_cancelled(self)
            elif self._exception is not None:
                waiter.add_exception(self)
            else:
                waiter.add_result(self)
        self._counting = ()  # they know this future: a circle

    # -- what the standard library's futures have --------------------------------------

    @protected
    def cancel(self) -> bool:
        """Cancel the call, also while it runs; return whether it is cancelled.

        Never blocks, but for the callbacks, which run here. Whoever waits for the
        call gets CancelledError at once. A call that has not begun never runs, and
        its arguments are let go. One that runs is interrupted by TaskCancelled at its
        next bytecode, and its worker is replaced: see `docs/limits.md` for what cannot
        be interrupted. False when the call is finished; and when it runs, in a pool
        with `cancel_running=False`.
        """
        if not self.cancel_quietly():
            return self._state is CANCELLED
        self.invoke_callbacks()
        return True

    def cancel_quietly(self, *, is_out: bool = True) -> bool:
        """Do as `cancel`, but for the callbacks; return whether they are to be run.

        For many calls at once: the callback of one may wait for another one. is_out: the
        call may be in the books of the engine.
        """
        owner = self._owner if is_out else None
        if self._state is RUNNING and owner is not None and not owner.cancel_running:
            owner.take_back(self)  # from the request channel, if it was not begun
            if self._state is RUNNING:
                return False
        return self._end_cancelled(owner)

    @unbroken
    def cancel_pending(self) -> bool:
        """Cancel the call if it waits at home; return whether it is cancelled. Stops nothing."""
        if not self._end_cancelled(self._owner, origin=PENDING):
            return False
        self.invoke_callbacks()
        return True

    def _end_cancelled(self, owner: "Owner | None", origin: str | None = None) -> bool:
        """Go to CANCELLED, and do what follows, but for the callbacks. As `_move`."""
        if not self._move(CANCELLED, origin=origin):
            return False
        self.payload = None
        self._tell_waiters()
        if self._owner is not None:
            self._owner.direct.is_settled(self)
        if owner is not None:
            owner.forget_cancelled(self)
        return True

    def cancelled(self) -> bool:
        """Say whether the call was cancelled."""
        return self._state is CANCELLED

    def running(self) -> bool:
        """Say whether the call was sent to the workers, and is not finished."""
        return self._state is RUNNING

    def done(self) -> bool:
        """Say whether the call is finished, or was cancelled."""
        return self._state in _ENDS

    @unbroken
    def add_done_callback(self, fn: "Callable[[_base.Future[T]], object]") -> None:
        """Call `fn(future)` when the call is finished or cancelled; now, if it is.

        What it raises is logged by `concurrent.futures`.
        """
        with _states:
            is_over = self._state in _ENDS
            if not is_over:
                self._done_callbacks += [fn]
        if is_over:
            self._call_back(fn)

    def result(self, timeout: float | None = None) -> T:
        """Return the call's value, or raise its exception.

        timeout: how many seconds to wait for it; None: for ever.

        Raises TimeoutError when the time is over (the call goes on),
        CancelledError when it was cancelled. From a callback, too.
        """
        try:
            if self._state not in _ENDS:
                self._wait(timeout)
            if self._state is FINISHED:
                if self._exception is None:
                    return self._result  # type: ignore[return-value]  # it is finished
                raise self._exception
            raise self._not_finished()
        finally:
            if noted:
                deliver()
            self = None  # type: ignore[assignment]  # noqa: PLW0642  # no cycle with the traceback

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the call's exception, None if it has none. Otherwise as `result`."""
        try:
            if self._state not in _ENDS:
                self._wait(timeout)
            if self._state is FINISHED:
                return self._exception
            raise self._not_finished()
        finally:
            if noted:
                deliver()
            self = None  # type: ignore[assignment]  # noqa: PLW0642  # as above

    def _not_finished(self) -> Exception:
        return _base.CancelledError() if self._state is CANCELLED else TimeoutError()

    @protected_inside
    def _wait(self, timeout: float | None) -> None:
        """Wait until the call is finished or cancelled, for at most `timeout` seconds."""
        deadline = Deadline(timeout)
        if self._owner is not None:
            # The thread that waits for the only call saves the collector's wake-up.
            self._owner.direct.wait(self, deadline)
        if self._state in _ENDS:
            return
        sleeper = Parker()
        with _states:
            if self._state in _ENDS:
                return
            self._sleepers = [*self._sleepers, sleeper]
        try:
            sleeper.wait(deadline.remaining())
        finally:
            with _states:
                self._sleepers = [each for each in self._sleepers if each is not sleeper]

    def set_running_or_notify_cancel(self) -> bool:
        """Go to RUNNING; False if the call was cancelled. For others than this package."""
        if self._move(RUNNING):
            return True
        if self._state is CANCELLED:
            return False
        raise RuntimeError("Future in unexpected state")

    def set_result(self, result: T) -> None:
        """Finish the call with a value. InvalidStateError if it is over."""
        self._finish_or_refuse(result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        """Finish the call with an exception. InvalidStateError if it is over."""
        self._finish_or_refuse(None, exception)

    @protected
    def _finish_or_refuse(self, result: "Any", error: BaseException | None) -> None:
        if not self.finish(result, error):
            message = f"{self._state}: {self!r}"
            raise _base.InvalidStateError(message)

    # -- the collector ------------------------------------------------------------------

    def settle(self, payload: "Packed", kind: int) -> None:
        """Finish the call with what its worker sent. Called by the collector.

        User code runs here: unpickling, and the callbacks.
        """
        if self._state in _ENDS:  # it was cancelled: nobody asks for that
            return
        size = len(payload) if type(payload) is bytes else _size(payload)
        if size > _LARGE and self._owner is not None:
            self._owner.before_callbacks()  # others are not to wait while it is unpickled
        after_main = kind >= wire.AFTER_MAIN
        if kind & ~wire.AFTER_MAIN == wire.FAILURE:
            self.finish(error=raised_module.revive(payload, after_main=after_main))
            return
        try:
            value = unpickling.loads_value(payload, after_main=after_main)
        except NotShareableError as error:
            self.finish(error=error)
        else:
            self.finish(value)

    def abandon(self, error: BaseException) -> None:
        """Fail the call in a forked child: it is its parent's.

        So are the callbacks, but for those of our maps, which have to know.
        """
        if not self._move(FINISHED, error=error):
            return
        self.payload = None
        for sleeper in self._sleepers:  # this thread, where a signal handler forks
            sleeper.wake()
        for callback in self._done_callbacks:
            if type(callback) is MethodType and hasattr(callback, MARK):
                job: Any = callback.__self__
                job.renew_lock()
                self._call_back(callback)

    # -- callbacks -------------------------------------------------------------------------

    def invoke_callbacks(self) -> None:
        """Run the callbacks, when the call is finished.

        By then the list is complete: what is added later runs where it is added.
        """
        owner, callbacks = self._owner, self._done_callbacks
        if not callbacks:
            return
        if owner is not None:
            if owner.direct.postpone(self.invoke_callbacks):
                return
            if any(map(_may_block, callbacks)):
                owner.before_callbacks()
        raised = None
        for callback in callbacks:
            try:
                self._call_back(callback)
            except BaseException as error:  # the others are called all the same
                raised = error
        if raised is not None:
            raise raised

    def _call_back(self, callback: "Callable[[Any], object]") -> None:
        try:
            interruptibly(callback, self)
        except Exception:  # the user's code
            _base.LOGGER.exception("exception calling callback for %r", self)


def _is_about_ours(frame: "FrameType") -> bool:
    """Say whether `wait()` or `as_completed()` has a future of ours, and so sleeps on our event."""
    futures = frame.f_locals.get("fs")
    return type(futures) is set and any(isinstance(each, CallFuture) for each in futures)


# They lock the states, and an interrupt in the middle would leave them locked.
unbroken_if(_base.wait, _is_about_ours)
unbroken_if(_base.as_completed, _is_about_ours)


def _size(payload: "Packed") -> int:
    """Return how many bytes are to be unpickled."""
    if type(payload) is bytes:
        return len(payload)
    return len(payload.payload) + sum(map(len, payload.buffers))  # type: ignore[union-attr,arg-type]  # a Package


def _may_block(callback: "Callable[[Any], object]") -> bool:
    """Say whether a callback may block. Those of asyncio and of our maps never do."""
    if type(callback) is MethodType:
        return not hasattr(callback, MARK)
    if type(callback) is FunctionType:
        return callback.__module__ != "asyncio.futures"
    return True
