"""Calls that are run again when they have failed.

    a call fails --> may it be run again? --no---> it is finished, and notes tell of all attempts
                              |
                             yes
                              v
                  its payload is put back, and it into the backlog

The call moves as if it was recalled: from RUNNING back to PENDING. So it can be cancelled at
any moment, and only its last error is told to anybody.

Purpose: a call that fails by chance costs nobody else anything.
Guarantees: no call is run more often than asked for; an accepted call is run again also when
the pool is closed meanwhile, but not when it is broken, or cancels what it has not begun.
Assumptions: between a failure and the next attempt the call is on no list of the table. The
pool does not end then, because this is one of its sources.
"""

from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import told
from interpexec._core.sigint import keep_whole
from interpexec._pool.done_callbacks import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from interpexec._pool.future import AnyFuture
    from interpexec._pool.options import CallOptions
    from interpexec._pool.state import PoolState
    from interpexec._sharing.package import Packed

keep_whole()


class Attempts:
    """The attempts at one call."""

    __slots__ = ("errors", "left", "payload", "retry_on")

    def __init__(self, payload: "Packed", options: "CallOptions") -> None:
        """Begin. Raises NotShareableError where the call can be sent only once."""
        if type(payload) is not bytes and not payload.can_be_copied:  # type: ignore[union-attr]  # a Package
            raise NotShareableError(
                "a call with `retries` has an argument that can be sent only once: make it in the"
                " function, or give the pool no `retries` for this call"
            )
        self.payload = payload
        self.left = options.retries
        self.retry_on = options.retry_on
        self.errors: list[str] = []
        """Texts of those that have failed so far."""

    def copy_of_payload(self) -> "Packed":
        """Return what is sent in the next attempt. Raises NotShareableError: no descriptors."""
        payload = self.payload
        return payload if type(payload) is bytes else payload.copy()  # type: ignore[union-attr]  # a Package

    def note(self, error: BaseException) -> None:
        """Let the last error tell of the earlier ones."""
        try:
            for number, text in enumerate(self.errors, 1):
                error.add_note(f"attempt {number} of {len(self.errors) + 1}: {text}")
        except Exception:  # noqa: S110  # its class does not want that
            pass


class Retries:
    """The calls of a pool that may be run again: a source of its calls."""

    def __init__(self, state: "PoolState", dispatch: "Callable[[], None]") -> None:
        """dispatch: sends calls; under the lock."""
        self._state = state
        self._dispatch = dispatch
        self._held: set[Future[object]] = set()

    def hold(self, future: "AnyFuture", attempts: Attempts) -> None:
        """Have a new call run again when it fails. Under the lock."""
        future._attempts = attempts
        future._payload = attempts.copy_of_payload()
        self._held.add(future)
        self._state.table.sources.add(self)
        future.add_done_callback(self.let_go)

    def let_go(self, future: "Future[object]") -> None:
        """Learn that a call has ended. From anywhere."""
        self._held.discard(future)
        if not self._held:
            self._state.table.sources.discard(self)
            if self._state.is_closing:
                self._state.nudge()

    setattr(let_go, MARK, True)  # see `done_callbacks`

    def again(self, future: "AnyFuture", error: BaseException) -> bool:
        """Put a call that has failed into the backlog once more; return whether that was so.

        By the collector, without the lock.
        """
        attempts: Attempts = future._attempts  # type: ignore[assignment]  # it has some
        if attempts.left and self._is_to_be_retried(attempts, error):
            text = told(error)  # the user's code
            with self._state.lock:
                if self._put_back(future, attempts):
                    attempts.errors.append(text)
                    attempts.left -= 1
                    self._state.tally.retried.add()
                    return True
        attempts.note(error)
        return False

    def _is_to_be_retried(self, attempts: Attempts, error: BaseException) -> bool:
        if isinstance(error, NotShareableError) and NotShareableError not in attempts.retry_on:
            return False  # it would come again
        return isinstance(error, attempts.retry_on)

    def _put_back(self, future: "AnyFuture", attempts: Attempts) -> bool:
        state = self._state
        if state.broken or self not in state.table.sources:  # that was closed
            return False
        try:
            # Another id: a worker may have the earlier one still, which is about to be buried.
            future._call_id = state.other_id()
            future._payload = attempts.copy_of_payload()
            if not future._mark_recalled():  # it was cancelled
                future._payload = None
                return False
            state.table.enqueue(future)
            self._dispatch()
        except Exception:  # no descriptor, no thread or no memory is left
            if future in state.table.backlog:
                state.table.backlog.remove(future)
            return future._call_id in state.table.out
        return True

    # -- a source ----------------------------------------------------------------------

    def close(self, error: BaseException | None) -> None:
        """Run no call again: this is no source any more."""

    def look(self) -> None:
        """See nothing: each call has a clock of its own."""

    def workers_are_idle(self) -> None:
        """Bring no call: there is none that waits here."""

    def renew_lock(self) -> None:
        """Do nothing in a forked child: there is no lock here."""
