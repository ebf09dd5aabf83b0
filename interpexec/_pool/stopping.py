"""Stopping calls that workers have: because they were cancelled, or are out of time.

    stop      the call is off the table, and an order is on its way to its worker
    look      when the clock says so: which calls are out of time, and which workers still
              run a stopped call?

A stopped call is given some grace to come to its end. Then its worker leaves, so that
another one can take its place.
"""

from time import monotonic

from interpexec._core.sigint import keep_whole
from interpexec._pool import wake_signal
from interpexec._pool.clock import Clock
from interpexec._worker.wire import FINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.call_table import CallTable
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.settings import Settings
    from interpexec._pool.workers import Workers

keep_whole()

GRACE = 0.1
"""Seconds after which a worker is replaced that still runs a call which was stopped.

Most `finally` blocks are through by then, and their worker is replaced without
having been waited for in vain. Longer, and a pool whose calls block in C stands
still; shorter, and a needless interpreter is made beside a busy one.
"""

LOOK_AGAIN = 0.01
"""Seconds after which the clock is looked at again when a call with a smaller limit may be
about to begin, because a worker is: that takes as long."""


class Stopper:
    """Used under the pool's lock."""

    def __init__(
        self, table: "CallTable", workers: "Workers", clock: Clock, wake: "Callable[[], None]"
    ) -> None:
        """wake: wakes the collector, which sleeps by the clock."""
        self._table = table
        self._workers = workers
        self._wake = wake
        self.clock = clock
        # Of the calls that had not begun when the clock was last looked at.
        self._least_limit: float | None = None

    def stop(self, link: "Link", future: "AnyFuture") -> bool:
        """Stop a call that a worker has, and take it off the table; return whether it was there."""
        worker = self._table.drop_asked(future)
        if worker is not None:
            if link.slots.beside(worker.seat) == future._call_id:
                # Its half made changes are in that interpreter.
                link.order_to_leave(worker.seat)
            worker.control.stop_call(future._call_id, wake_signal.number())
            return True
        if self._table.drop(future._call_id) is None:
            return False
        self._workers.stop_call(link, future._call_id, future._name)
        if self.clock.give_grace(future._call_id, GRACE):
            self._wake()
        return True

    def stop_everything(self, link: "Link", settings: "Settings") -> "list[AnyFuture]":
        """Stop all calls that workers have, and initializers; return the futures.

        Finalizers have the time that the `finally` blocks of calls have.
        """
        table = self._table
        running = [*table.out.values(), *(future for future, _ in table.asked.values())]
        stopped = [future for future in running if self.stop(link, future)]
        for worker in self._workers.everyone():  # its initializer may run
            worker.stopped = worker.number, settings.initializer.name
            worker.control.stop_call(worker.number, wake_signal.number())
            self.clock.give_grace(worker.number, GRACE)
            self.clock.give_grace(worker.number | FINAL, GRACE)
        return stopped

    def replies_came(self) -> None:
        """Learn that workers may begin their next calls now."""
        if self._least_limit is not None and self.clock.expect(self._least_limit):
            self._wake()

    def look(self, link: "Link") -> "tuple[int, list[AnyFuture]]":
        """Stop the calls that are out of time, and let go of workers that do not stop.

        Return how many workers are to be replaced, and the futures of the late calls.
        """
        over = self.clock.over()
        vacancies = sum(self._workers.abandon(link, call_id) for call_id in over)
        return vacancies, self._stop_late(link)

    def _stop_late(self, link: "Link") -> "list[AnyFuture]":
        """Stop the calls that are out of time.

        A call that has not begun has all its time yet. It can begin after a reply, or at any
        moment where a worker may take a call before it sends anything. That is asked first:
        so a call that does not run an instant later cannot begin without a reply.
        """
        self._least_limit = None
        out = self._table.out
        limited = [future for future in out.values() if future._limit is not None]
        if not limited:
            return []
        may_begin = self._workers.may_begin(link, out)
        running, now = self._workers.running(link), monotonic()
        late = []
        for future in limited:
            limit: float = future._limit  # type: ignore[assignment]  # see above
            since = running.get(future._call_id)
            if since is None:
                self._least_limit = min(limit, self._least_limit or limit)
            elif since + limit > now:
                self.clock.expect(since + limit - now)
            elif self.stop(link, future):
                late.append(future)
        if self._least_limit is not None and may_begin:
            self.clock.expect(max(self._least_limit, LOOK_AGAIN))
        return late
