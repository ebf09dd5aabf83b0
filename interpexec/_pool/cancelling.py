"""Cancelling calls: one, those that are out of time, and all of a pool."""

from functools import partial

from interpexec._core.sigint import keep_whole, protected
from interpexec._core.waiting import Deadline
from interpexec._pool.call_ends import cancel_all, fail_late
from interpexec._pool.parking import Latch
from interpexec._pool.stopping import GRACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from interpexec._pool.dispatch import Dispatcher
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.losses import Losses
    from interpexec._pool.state import PoolState
    from interpexec._pool.stopping import Stopper

keep_whole()

TERMINATION_LIMIT = 10.0
"""Seconds for which `terminate_workers` waits at most. It is over in some ms where the
calls can be interrupted, and after GRACE where they cannot. More is needed only by a
worker that is just being made on a machine that is overloaded."""


class Canceller:
    """From any thread, and without the lock, where nothing else is said."""

    def __init__(
        self, state: "PoolState", dispatcher: "Dispatcher", losses: "Losses", stopper: "Stopper"
    ) -> None:
        self._state = state
        self._dispatcher = dispatcher
        self._losses = losses
        self._stopper = stopper

    def stop_cancelled(self, future: "AnyFuture") -> None:
        """Take a cancelled call off the table, and stop it if it runs.

        Never blocks: destructors and signal handlers cancel, in the middle of anything. If
        the lock is taken, the collector does it later.
        """
        state = self._state
        if state.link is None:
            return  # no worker has a call
        state.cancelled.append(future)
        if state.is_inside() or not state.lock.acquire(blocking=False):
            state.nudge()
            return
        try:
            if state.link is not None:
                self.stop_all_cancelled(state.link)
        finally:
            state.lock.release()

    def stop_all_cancelled(self, link: "Link") -> None:
        """Stop the cancelled calls, so that others can be sent instead. Under the lock."""
        cancelled, table = self._state.cancelled, self._state.table
        while cancelled:
            future = cancelled.popleft()
            if link.is_closing or not table.recall_one(link, future):
                self._stopper.stop(link, future)
            table.released.append(future)  # its destructor may run the user's code
        self._dispatcher.feed(link)

    def recall_one(self, future: "AnyFuture") -> bool:
        """Recall a call that no worker has begun; return whether it is PENDING now.

        False when the calling thread is in the middle of another move.
        """
        state = self._state
        if state.is_inside():
            return False
        with state.lock:
            link = state.link
            if link is None or link.is_closing:
                return False
            is_back = state.table.withdraw(link, future)
            self._dispatcher.feed(link)
            return is_back

    def look_at_clock(self, link: "Link") -> None:
        """Stop the calls that are out of time; replace workers that do not. Under the lock."""
        state = self._state
        vacancies, late = self._stopper.look(link)
        state.todo.extend(partial(fail_late, future) for future in late)
        self._losses.look_for_suspects(link)
        if not link.is_closing:
            state.table.look_at_bundles(link, state.workers, state.clock)
            self._dispatcher.feed(link)
        for _ in range(vacancies):
            self._dispatcher.fill_vacancy()
        if vacancies:
            self._dispatcher.dispatch()
        self._dispatcher.look_for_idle()
        self._dispatcher.let_sources_look()
        state.tell_watchers()  # of workers that were abandoned
        if state.is_terminating and not state.is_quiet.is_open:
            # To see whether only workers are left that cannot end.
            state.clock.expect(GRACE)

    @protected
    def cancel_backlog(self) -> None:
        """Cancel the backlog, and the sent calls beyond one for each worker.

        That one may be about to begin.
        """
        state = self._state
        self._dispatcher.end_sources(None)
        with state.lock:
            if state.link is not None and not state.link.is_closing:
                state.table.leave_one_for_each(state.link, len(state.workers.active), state.clock)
            cancelled = state.table.take_backlog()
        cancel_all(cancelled)
        state.nudge()

    @protected
    def stop(self) -> None:
        """Take no more calls, cancel the backlog, and stop what runs."""
        state = self._state
        state.cancel_running = True
        state.close()
        self._dispatcher.end_sources(None)
        with state.lock:
            state.is_terminating = True
            link, table = state.link, state.table
            if link is not None and not link.is_closing:
                table.recall(link)
            futures = table.take_backlog()
            if link is not None:
                futures += self._stopper.stop_everything(link, state.settings)
                state.clock.expect(GRACE)
        cancel_all(futures)
        state.nudge()

    def await_calls(self, call_ids: "Container[int]", limit: float) -> None:
        """Wait until no worker runs one of some cancelled calls; at most so many seconds.

        Nor for those that cannot be interrupted, when their grace is over.
        """
        state, deadline = self._state, Deadline(limit)
        while True:
            news = Latch()
            with state.lock:
                if state.link is None or not state.workers.run_any(state.link, call_ids):
                    return
                state.watchers.append(news.open)
            if not news.wait(deadline.remaining()):
                return

    def await_stop(self, limit: float) -> None:
        """Wait until the stopped calls are over, where they can be; at most so many seconds."""
        state = self._state
        with state.lock:
            collectors = None if state.link is None else state.collectors
        if collectors is not None:
            collectors.hand_over()
            state.is_quiet.wait(limit)
            if state.workers.is_empty():
                collectors.join()
