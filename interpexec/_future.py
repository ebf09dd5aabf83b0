"""The future of a call, and the table of its states.

The states are those of `concurrent.futures`; what they mean here:

    PENDING                  waits in the pending line, at home
    RUNNING                  was sent to the workers: it runs, or stands in the
                             request channel next to run
    FINISHED                 has its result or its exception
    CANCELLED                was cancelled while it was pending
    CANCELLED_AND_NOTIFIED   ... and whoever waits for it knows
"""

from concurrent.futures import _base

from interpexec import _failures, _messages
from interpexec._runtime import NotShareableError

TRANSITIONS: dict[str, frozenset[str]] = {
    _base.PENDING: frozenset({_base.RUNNING, _base.CANCELLED, _base.FINISHED}),
    _base.RUNNING: frozenset({_base.FINISHED}),
    _base.CANCELLED: frozenset({_base.CANCELLED_AND_NOTIFIED}),
    _base.CANCELLED_AND_NOTIFIED: frozenset(),
    _base.FINISHED: frozenset(),
}
"""From each state, the states that may follow.

PENDING becomes FINISHED when the call never runs: it could not travel, or the
pool broke.
"""

REFUSED = 0
"""The `call_id` of a call that could not travel, and was never submitted."""


class CallFuture[T](_base.Future[T]):
    """What `submit` returns: a `concurrent.futures.Future` of a call in a worker.

    All methods may be called from any thread of the interpreter that made it.
    Callbacks run in the thread that finishes the call: the pool's collector, or
    the one that calls `cancel()`.
    """

    def __init__(self, call_id: int, payload: bytes | None) -> None:
        """Make a pending future. `payload` is the pickled call, until it is sent."""
        super().__init__()
        self.call_id = call_id
        self.payload = payload

    def cancel(self) -> bool:
        """Cancel the call if it is still pending; return whether it is cancelled.

        Never blocks. A cancelled call never runs, and its arguments are let go
        at once.
        """
        if not super().cancel():
            return False
        self.payload = None
        return True

    def settle(self, payload: bytes, kind: int) -> None:
        """Finish the call with what its worker sent. Called by the collector.

        User code runs here: unpickling, and the callbacks.
        """
        after_main = bool(kind & _messages.AFTER_MAIN)
        if kind & ~_messages.AFTER_MAIN == _messages.FAILURE:
            self.set_exception(_failures.revive(payload, after_main=after_main))
            return
        try:
            value = _messages.loads(payload, after_main=after_main)
        except BaseException as reason:  # the user's classes run here
            error = NotShareableError(
                f"the result could not be unpickled: {type(reason).__name__}: {reason}"
            )
            error.__cause__ = reason
            self.set_exception(error)
        else:
            self.set_result(value)  # type: ignore[arg-type]
