"""The future of a call. Its states, and the moves between them, are in `call_states`.

One lock guards the states of all futures. A thread holds it for some bytecodes, takes no
other lock meanwhile, and runs none of the user's code. So `cancel()` never blocks, and may be
called in the middle of anything, from a destructor or a signal handler, too. The thread that
moves a call to a new state does without the lock what follows from it: waking other threads,
running callbacks.
"""

from _thread import RLock
from concurrent.futures import _base

from interpexec._core.cpython import NotShareableError
from interpexec._core.sigint import (
    deliver,
    noted,
    protected,
    protected_inside,
    unbroken,
)
from interpexec._core.waiting import Deadline
from interpexec._pool import done_callbacks
from interpexec._pool.call_states import CANCELLED, ENDS, FINISHED, PENDING, RUNNING, TRANSITIONS
from interpexec._pool.parking import Parker
from interpexec._pool.stdlib_waiting import UninterruptedLock, Waiters, protect
from interpexec._sharing import raised, unpickling
from interpexec._worker import wire

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._pool.owner import Attempts, Owner
    from interpexec._sharing.package import Packed

_LARGE = 1 << 18
"""Bytes: to unpickle more takes longer than it takes another thread to wake up and collect."""

REFUSED = 0
"""The `call_id` of a call that could not be sent, and was never submitted."""

_states = RLock()


def after_fork() -> None:
    """Release the lock: to be called in a forked child, where its holder does not exist."""
    _states._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001  # as `threading` does


class CallFuture[T](_base.Future[T]):
    """A `concurrent.futures.Future` of a call in a worker: `submit` returns it.

    All methods may be called from any thread of the interpreter that made it. `cancel`,
    `done`, `add_done_callback` and the like may be called from destructors, weakref
    callbacks and signal handlers, too. Callbacks run in a thread of the pool, in the thread
    that calls `cancel()`, or, if they are added to a finished call, in the thread that adds
    them. They may block, and wait for other calls. `result()` may return before they ran.
    """

    _condition: "Any" = UninterruptedLock(_states)
    _sleepers: "list[Parker] | tuple[()]" = ()  # of the threads in `result()`
    _untold: "list[Any] | tuple[()]" = ()  # the waiters that do not know yet that it has ended

    # The options of few calls.
    _limit: float | None = None  # the seconds that it may run
    _priority = 0
    _is_control = False  # it is no call of the user's, or a broadcast
    _attempts: "Attempts | None" = None  # of a call that is run again when it fails

    def __init__(
        self,
        call_id: int,
        payload: "Packed | None",
        owner: "Owner | None",
        name: str = "",
    ) -> None:
        """Make a pending future.

        payload: the pickled call, until it is sent. name: of its function.
        """
        self._state = PENDING
        self._result = None
        self._exception = None
        self._waiters: list[Any] = Waiters()
        self._done_callbacks: list[Callable[[Any], object]] = []
        self._call_id = call_id
        self._payload = payload
        self._name = name
        self._owner = owner

    # -- moving from state to state ------------------------------------------------

    @unbroken
    def _become(
        self,
        state: str,
        result: "Any" = None,
        error: BaseException | None = None,
        origin: str | None = None,
    ) -> bool:
        """Move to another state, if the table allows it; return whether it does.

        origin: the only state to move from; None: any.
        """
        with _states:
            if state not in TRANSITIONS[self._state] or self._state is not (origin or self._state):
                return False
            self._result, self._exception = result, error
            self._state = state
            if self._waiters and state in ENDS:
                self._untold = [*self._waiters]
        return True

    def _mark_sent(self) -> bool:
        """Move to RUNNING, as the call is sent. False when it was cancelled."""
        return self._become(RUNNING)

    def _mark_recalled(self) -> bool:
        """Move back to PENDING, as the call was recalled. False when it was cancelled."""
        return self._become(PENDING)

    def _finish(self, result: "Any" = None, error: BaseException | None = None) -> bool:
        """Move to FINISHED, and run the callbacks; False when the call has ended already.

        True, too, when the call is run again instead.
        """
        if error is not None and self._attempts is not None and self._is_run_again(error):
            return True
        if not self._become(FINISHED, result, error):
            return False
        if error is not None and self._owner is not None and not self._is_control:
            self._owner.tally.failed.add()
        if self._sleepers or self._untold:
            self._tell_waiters()
        if self._owner is not None:
            self._owner.direct.is_settled(self)
        if self._done_callbacks:
            self._invoke_callbacks()
        return True

    def _is_run_again(self, error: BaseException) -> bool:
        owner = self._owner
        return owner is not None and self._state not in ENDS and owner.run_again(self, error)

    @unbroken
    def _tell_waiters(self) -> None:
        """Wake the threads that wait for this call, except the one that waits directly."""
        for sleeper in self._sleepers:
            sleeper.wake()
        for waiter in self._untold:
            if self._state is CANCELLED:
                waiter.add_cancelled(self)
            elif self._exception is not None:
                waiter.add_exception(self)
            else:
                waiter.add_result(self)
        self._untold = ()  # waiters refer to futures: this breaks the circle

    # -- what the standard library's futures have --------------------------------------

    @protected
    def cancel(self) -> bool:
        """Cancel the call, also while it runs; return whether it is cancelled.

        Never blocks, except in the callbacks, which run here. Threads that wait for the
        call get CancelledError at once. A call that has not begun never runs, and its
        arguments are released. A running call is interrupted by TaskCancelled at its
        next bytecode, and its worker is replaced: see `docs/limits.md` for what cannot
        be interrupted. False when the call is finished; and when it runs, in a pool
        with `cancel_running=False`.
        """
        if not self._cancel_without_callbacks():
            return self._state is CANCELLED
        self._invoke_callbacks()
        return True

    def _cancel_without_callbacks(self, *, is_listed: bool = True) -> bool:
        """Do as `cancel`, without running the callbacks; return whether they are to be run.

        For many calls at once: the callback of one may wait for another one. is_listed: the
        call may be on the scheduler's table.
        """
        owner = self._owner if is_listed else None
        if self._state is RUNNING and owner is not None and not owner.cancel_running:
            owner.recall_one(self)  # from the request queue, if it was not begun
            if self._state is RUNNING:
                return False
        return self._end_cancelled(owner)

    @unbroken
    def _cancel_pending(self) -> bool:
        """Cancel the call if it is in the backlog; return whether it is cancelled."""
        if not self._end_cancelled(self._owner, origin=PENDING):
            return False
        self._invoke_callbacks()
        return True

    def _end_cancelled(self, owner: "Owner | None", origin: str | None = None) -> bool:
        """Move to CANCELLED, and do all that follows except the callbacks. As `_become`."""
        if not self._become(CANCELLED, origin=origin):
            return False
        if self._owner is not None and not self._is_control:
            self._owner.tally.cancelled.add()
        self._payload = None
        self._tell_waiters()
        if self._owner is not None:
            self._owner.direct.is_settled(self)
        if owner is not None:
            owner.stop_cancelled(self)
        return True

    def cancelled(self) -> bool:
        """Say whether the call was cancelled."""
        return self._state is CANCELLED

    def running(self) -> bool:
        """Say whether the call was sent to the workers, and has not ended."""
        return self._state is RUNNING

    def done(self) -> bool:
        """Say whether the call is finished, or was cancelled."""
        return self._state in ENDS

    @unbroken
    def add_done_callback(self, fn: "Callable[[_base.Future[T]], object]") -> None:
        """Call `fn(future)` when the call is finished or cancelled; now, if it is.

        The exceptions that it raises are logged by `concurrent.futures`.
        """
        with _states:
            is_over = self._state in ENDS
            if not is_over:
                self._done_callbacks += [fn]
        if is_over:
            done_callbacks.call(fn, self)

    def result(self, timeout: float | None = None) -> T:
        """Return the call's value, or raise its exception.

        timeout: how many seconds to wait for it; None: for ever.

        Raises TimeoutError when the time is over (the call goes on),
        CancelledError when it was cancelled. From a callback, too.
        """
        try:
            if self._state not in ENDS:
                self._wait(timeout)
            if self._state is FINISHED:
                if self._exception is None:
                    return self._result  # type: ignore[return-value]  # it is finished
                raise self._exception
            raise self._not_finished(timeout)
        finally:
            if noted:
                deliver()
            self = None  # type: ignore[assignment]  # noqa: PLW0642  # no cycle with the traceback

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the call's exception, None if it has none. Otherwise as `result`."""
        try:
            if self._state not in ENDS:
                self._wait(timeout)
            if self._state is FINISHED:
                return self._exception
            raise self._not_finished(timeout)
        finally:
            if noted:
                deliver()
            self = None  # type: ignore[assignment]  # noqa: PLW0642  # as in `result`

    def _not_finished(self, timeout: float | None) -> Exception:
        if self._state is CANCELLED:
            return _base.CancelledError(f"{self._name} was cancelled")
        return TimeoutError(f"{self._name} has not ended within {timeout:.3g} s, and goes on")

    @protected_inside
    def _wait(self, timeout: float | None) -> None:
        """Wait until the call is finished or cancelled, for at most `timeout` seconds."""
        deadline = Deadline(timeout)
        if self._owner is not None and self._attempts is None:
            # A thread that waits for the only call saves the collector's wake-up.
            self._owner.direct.wait(self, deadline)
        if self._state in ENDS:
            return
        sleeper = Parker()
        with _states:
            if self._state in ENDS:
                return
            self._sleepers = [*self._sleepers, sleeper]
        try:
            sleeper.wait(deadline.remaining())
        finally:
            with _states:
                self._sleepers = [each for each in self._sleepers if each is not sleeper]

    def set_running_or_notify_cancel(self) -> bool:
        """Move to RUNNING; False if the call was cancelled. Not for this package."""
        if self._become(RUNNING):
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
        if not self._finish(result, error):
            message = f"{self._state}: {self!r}"
            raise _base.InvalidStateError(message)

    # -- the collector ------------------------------------------------------------------

    def _settle(self, payload: "Packed", kind: int) -> None:
        """Finish the call with what its worker sent. Called by the collector.

        User code runs here: unpickling, and the callbacks.
        """
        if self._state in ENDS:  # it was cancelled, and its answer is thrown away
            return
        size = len(payload) if type(payload) is bytes else _size(payload)
        if size > _LARGE and self._owner is not None:
            self._owner.before_callbacks()  # other calls are not to wait while it is unpickled
        after_main = kind >= wire.AFTER_MAIN
        if kind & ~wire.AFTER_MAIN == wire.FAILURE:
            self._finish(error=raised.revive(payload, after_main=after_main))
            return
        try:
            value = unpickling.loads_value(payload, after_main=after_main)
        except NotShareableError as error:
            self._finish(error=error)
        else:
            self._finish(value)

    def _fail_in_child(self, error: BaseException) -> None:
        """Fail the call in a forked child, since it is the parent's.

        The callbacks are the parent's, too, except those of our maps, which have to know.
        """
        if not self._become(FINISHED, error=error):
            return
        self._payload = None
        for sleeper in self._sleepers:  # this thread, where a signal handler forks
            sleeper.wake()
        for callback in self._done_callbacks:
            if done_callbacks.is_marked(callback):
                callback.__self__.renew_lock()  # type: ignore[attr-defined]  # a map's job
                done_callbacks.call(callback, self)

    # -- callbacks -------------------------------------------------------------------------

    def _invoke_callbacks(self) -> None:
        """Run the callbacks, when the call is finished.

        The list is complete then: a callback that is added later runs where it is added.
        """
        owner, callbacks = self._owner, self._done_callbacks
        if not callbacks:
            return
        if owner is not None:
            if owner.direct.postpone(self._invoke_callbacks):
                return
            if done_callbacks.may_any_block(callbacks):
                owner.before_callbacks()
        done_callbacks.call_all(callbacks, self)


protect(CallFuture)

type AnyFuture = CallFuture[object]


def _size(payload: "Packed") -> int:
    """Return how many bytes are to be unpickled."""
    if type(payload) is bytes:
        return len(payload)
    return len(payload.payload) + sum(map(len, payload.buffers))  # type: ignore[union-attr,arg-type]  # a Package
