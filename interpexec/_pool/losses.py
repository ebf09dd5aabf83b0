"""Workers that end, and pools that break.

A worker that ends without having been told to is lost. The call that it ran fails with
WorkerLostError, the other calls go on, and another worker takes its place. A pool breaks
where no worker can be made ready: then it takes no more calls, and fails those that no
worker has begun.
"""

import logging
from concurrent.futures import _base
from functools import partial
from time import monotonic

from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import told
from interpexec._core.sigint import keep_whole
from interpexec._pool.call_ends import cancel_all, fail, fail_lost
from interpexec._pool.dispatch import MOST_UNREADY
from interpexec._pool.stopping import GRACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._pool.dispatch import Dispatcher
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.state import PoolState
    from interpexec._pool.worker_thread import WorkerThread

keep_whole()

_logger = logging.getLogger("interpexec")


class Losses:
    """Used by the collector, without the lock, where nothing else is said."""

    def __init__(self, state: "PoolState", dispatcher: "Dispatcher") -> None:
        self._state = state
        self._dispatcher = dispatcher
        self._suspects_due = 0.0  # when the suspected calls fail that no worker runs

    def bury(self, link: "Link", worker: "WorkerThread", loss: BaseException | None) -> None:
        """Take a worker that has ended off the list; if it was lost, so is its call."""
        worker.join()  # to say so was its last act
        state, table = self._state, self._state.table
        call_id = link.slots.call(worker.seat)
        if isinstance(loss, NotShareableError):
            self.initializer_failed(loss)
        elif loss is not None:
            self._note_loss(link, worker, loss)
        with state.lock:
            # After breaking: until then `submit` must find the seat taken.
            is_vacant = state.workers.bury(worker)
            interrupted = table.drop(call_id)
            unanswered = table.drop_asked_of(worker)
        if interrupted is not None:
            fail_lost(interrupted, loss)
        cancel_all(unanswered)
        try:
            with state.lock:
                if is_vacant:
                    self._dispatcher.fill_vacancy()
                self._dispatcher.dispatch()
                state.tell_watchers()
        except (RuntimeError, OSError, MemoryError) as error:  # there is no worker, and none can be
            self._break_unready(error)

    def _note_loss(self, link: "Link", worker: "WorkerThread", loss: BaseException) -> None:
        """Look after the calls of a lost worker; break the pool if no worker becomes ready."""
        _logger.info("%s was lost:", worker.name, exc_info=loss)
        state, dispatcher = self._state, self._dispatcher
        with state.lock:
            dispatcher.unready += not worker.is_ready
            # A leaving worker counts: what it gives back may be what the next one needs.
            others = [each for each in state.workers.everyone() if each is not worker]
            if state.table.suspect(link):
                state.workers.hand_back(link, others)
                self._suspects_due = monotonic() + GRACE
                state.clock.expect(GRACE)
        if dispatcher.unready >= MOST_UNREADY and not others:
            _base.LOGGER.critical("Exception in worker:", exc_info=loss)
            self._break_unready(loss)

    def look_for_suspects(self, link: "Link") -> None:
        """Have the calls fail that a lost worker had taken. Under the lock."""
        state = self._state
        if self._suspects_due and self._suspects_due <= monotonic():
            self._suspects_due = 0.0
            lost = state.table.drop_suspects(state.workers.running(link))
            state.todo.extend(partial(fail_lost, future) for future in lost)
        elif self._suspects_due:
            state.clock.expect(self._suspects_due - monotonic())

    def initializer_failed(self, error: BaseException) -> None:
        """Report it as the standard library's executors do, and break the pool."""
        _base.LOGGER.critical("Exception in initializer:", exc_info=error)
        if isinstance(error, NotShareableError):
            self._break_unready(error.with_traceback(None))
            return
        name = self._state.settings.initializer.name
        self.break_pool(f"the initializer, {name}, raised {told(error)}", error)

    def _break_unready(self, cause: BaseException) -> None:
        self.break_pool(f"no worker could be made ready: {told(cause)}", cause)

    def break_pool(self, reason: str, cause: BaseException) -> None:
        """Take no more calls; the collector then fails those that no worker has begun.

        Calls that run in healthy workers come to their end.
        """
        state = self._state
        reason = f"the pool {state.name} is not usable anymore: {reason}"
        with state.lock:
            state.broken = state.broken or (reason, cause)
            state.is_closing = state.is_breaking = True
        state.nudge()

    def fail_unbegun(self) -> None:
        """Fail the calls of a broken pool that no worker has begun. By the collector.

        Where memory runs out in the middle, it is to be called again: nothing is lost then.
        """
        state = self._state
        with state.lock:
            state.tell_watchers()
            if state.link is not None:
                if not state.link.is_closing:
                    state.table.recall(state.link)
                state.link.no_more_calls()
            while state.table.backlog:
                state.todo.append(partial(self.fail, state.table.backlog[0]))
                state.table.backlog.popleft()
        self._dispatcher.end_sources(state.error_of_broken())
        state.is_breaking = False

    def fail(self, future: "AnyFuture") -> None:
        """Fail a call of a broken pool."""
        fail(future, self._state.error_of_broken())
