"""The future of a call, and the table of its states.

The states are those of `concurrent.futures`; what they mean here:

    PENDING                  waits in the pending line, at home
    RUNNING                  was sent to the workers: it runs, or stands in the
                             request channel next to run
    FINISHED                 has its result or its exception
    CANCELLED                was cancelled
    CANCELLED_AND_NOTIFIED   ... and whoever waits for it knows
"""

from _thread import RLock
from collections import deque
from concurrent.futures import _base
from threading import Condition
from types import FunctionType, MethodType

from interpexec import _failures, _messages
from interpexec._deadline import Deadline
from interpexec._runtime import NotShareableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from interpexec._packing import Packed

    class Owner(Protocol):
        """What a future asks of the engine it belongs to."""

        @property
        def direct(self) -> "Waiting":
            """Who may wait in the collector's place."""

        def withdraw(self, future: "CallFuture[Any]") -> bool:
            """Take a call back, and stop it if it runs; return whether it is PENDING now."""

        def before_callbacks(self) -> None:
            """Prepare for code that may block."""

        def leave_to_collector(self, *steps: "Callable[[], object]") -> None:
            """Have the collector do something, and look for what else is to be done."""

    class Waiting(Protocol):
        """What a future asks of the engine's `DirectWait`."""

        def wait(self, future: "CallFuture[Any]", deadline: Deadline) -> None:
            """Wait for a call in the collector's place, where that is quicker."""

        def is_settled(self, future: "CallFuture[Any]") -> None:
            """Learn that a call is finished."""

        def postpone(self, callbacks: "Callable[[], None]") -> bool:
            """Run callbacks later, in a thread of the pool, if this is none."""


TRANSITIONS: dict[str, frozenset[str]] = {
    _base.PENDING: frozenset({_base.RUNNING, _base.CANCELLED, _base.FINISHED}),
    _base.RUNNING: frozenset({_base.FINISHED, _base.PENDING}),
    _base.CANCELLED: frozenset({_base.CANCELLED_AND_NOTIFIED}),
    _base.CANCELLED_AND_NOTIFIED: frozenset(),
    _base.FINISHED: frozenset(),
}
"""From each state, the states that may follow.

PENDING becomes FINISHED when the call never runs: it could not travel, or the
pool broke. RUNNING becomes PENDING when a call is taken back, because somebody
wants to cancel it or another one, or its time is over. A worker that has begun it
is stopped then, and what it answers is thrown away: no state is needed for that.
"""

_BATCHES = "interpexec._batches"

REFUSED = 0
"""The `call_id` of a call that could not travel, and was never submitted."""


class _Lock(RLock):  # type: ignore[misc]  # final for typeshed only
    """The condition of one future. It has a line of waiting threads when there is one.

    A `threading.Condition` takes 0.9 µs and 1.2 kB, most of it for that line.
    """

    _waiters: "Any" = ()

    notify: "Any" = Condition.notify
    wait_for: "Any" = Condition.wait_for

    def wait(self, timeout: float | None = None) -> bool:
        if not self._waiters:
            self._waiters = deque()
        return Condition.wait(self, timeout)  # type: ignore[arg-type]  # what it needs is here

    def notify_all(self) -> None:
        if self._waiters:
            self.notify(len(self._waiters))


class CallFuture[T](_base.Future[T]):
    """What `submit` returns: a `concurrent.futures.Future` of a call in a worker.

    All methods may be called from any thread of the interpreter that made it.
    Callbacks run in a thread of the pool, in the one that calls `cancel()`, or, if
    they are added to a finished call, in the one that adds them. They may block,
    and wait for other calls.
    """

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
        # As in the base class, but for the first one.
        self._condition = _Lock()  # type: ignore[assignment]  # see there
        self._state = _base.PENDING
        self._result = None
        self._exception = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Any], object]] = []
        self.call_id = call_id
        self.payload = payload
        self.name = name
        self.limit = limit
        self._owner = owner

    def cancel(self) -> bool:
        """Cancel the call, also while it runs; return whether it is cancelled.

        Never blocks, but for the callbacks, which run here. Whoever waits for the
        call gets CancelledError at once. A call that has not begun never runs, and
        its arguments are let go. One that runs is interrupted by TaskCancelled at its
        next bytecode, and its worker is replaced: see `docs/limits.md` for what cannot
        be interrupted. False when the call is finished; and when it runs, in a pool
        with `cancel_running=False`.
        """
        if self.cancel_pending():
            return True
        if self._owner is None or self.done():
            return False
        if not self._owner.withdraw(self):
            return self.cancel_pending()  # somebody else has taken it back meanwhile
        self.give_up()
        return True

    def give_up(self) -> None:
        """Cancel the call, which is PENDING and nowhere in the books."""
        super().cancel()
        self.set_running_or_notify_cancel()

    def give_up_quietly(self) -> "Callable[[], None]":
        """Do as `give_up`, but for the callbacks; return what runs these.

        For many calls at once: the callback of one may wait for another one.
        """
        with self._condition:
            is_mine = self._state == _base.PENDING  # else somebody has cancelled it just now
            if is_mine:
                self._state = _base.CANCELLED
                self._condition.notify_all()
        self.payload = None
        self.notify_cancelled()
        return self._invoke_callbacks if is_mine else _nothing

    def notify_cancelled(self) -> None:
        """Tell who waits for several calls that this one was cancelled, if it was just that."""
        if self._state == _base.CANCELLED:
            self.set_running_or_notify_cancel()

    def cancel_pending(self) -> bool:
        """Cancel the call if it waits at home; return whether it is cancelled.

        Unlike `cancel` it asks nobody, and may be called by a destructor.
        """
        if not super().cancel():
            return False
        payload, self.payload = self.payload, None
        if self._owner is not None and payload is not None and type(payload) is not bytes:
            # Others may have waited behind it until more can be lent.
            self._owner.leave_to_collector(int)
        return True

    def become_pending(self) -> None:
        """Go back from RUNNING. Called by the engine, under its lock."""
        with self._condition:
            self._state = _base.PENDING

    def settle(self, payload: "Packed", kind: int) -> None:
        """Finish the call with what its worker sent. Called by the collector.

        User code runs here: unpickling, and the callbacks.
        """
        after_main = bool(kind & _messages.AFTER_MAIN)
        if kind & ~_messages.AFTER_MAIN == _messages.FAILURE:
            self.set_exception(_failures.revive(payload, after_main=after_main))
            return
        try:
            value = _messages.loads_value(payload, after_main=after_main)
        except NotShareableError as error:
            self.set_exception(error)
        else:
            self.set_result(value)  # type: ignore[arg-type]

    def result(self, timeout: float | None = None) -> T:
        """Return the call's value, or raise its exception.

        timeout: how many seconds to wait for it; None: for ever.

        Raises TimeoutError when the time is over (the call goes on),
        CancelledError when it was cancelled. From a callback, too.
        """
        if self._state is _base.FINISHED and self._exception is None:
            return self._result  # type: ignore[return-value]  # it is finished
        try:
            return super().result(self._wait_directly(timeout))
        finally:
            self = None  # type: ignore[assignment]  # noqa: PLW0642  # no cycle with the traceback

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the call's exception, None if it has none. Otherwise as `result`."""
        return super().exception(self._wait_directly(timeout))

    def _wait_directly(self, timeout: float | None) -> float | None:
        """Save the collector's wake-up if possible; return what is left of the timeout."""
        if self._owner is None or self.done():
            return timeout
        deadline = Deadline(timeout)
        self._owner.direct.wait(self, deadline)
        return deadline.remaining()

    def _Future__get_result(self) -> T:  # noqa: N802  # the base class's name for it
        """Return the result or raise the exception of a finished call.

        3.13.0 takes an exception whose truth value is False for none (gh-132063).
        """
        if self._exception is None:
            return self._result  # type: ignore[return-value]  # it is finished
        try:
            raise self._exception
        finally:
            self = None  # type: ignore[assignment]  # noqa: PLW0642  # as in `result`

    def _invoke_callbacks(self) -> None:
        """Run the callbacks. The base class calls this when the call is finished.

        By then the list is complete: what is added later runs where it is added.
        """
        owner, callbacks = self._owner, self._done_callbacks
        if owner is not None:
            owner.direct.is_settled(self)
        if not callbacks:
            return
        if owner is not None:
            if owner.direct.postpone(self._invoke_callbacks):
                return
            if any(map(_may_block, callbacks)):
                owner.before_callbacks()
        super()._invoke_callbacks()  # type: ignore[misc]  # not in typeshed


def _nothing() -> None:
    """Run no callbacks."""


def _may_block(callback: "Callable[[Any], object]") -> bool:
    """Say whether a callback may block. Those of asyncio and of our maps never do."""
    if type(callback) is MethodType:
        return callback.__module__ != _BATCHES
    if type(callback) is FunctionType:
        return callback.__module__ != "asyncio.futures"
    return True
