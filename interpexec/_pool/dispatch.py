"""Dispatching: there are workers for the calls, and the calls come to them.

Only a bounded number of calls is ahead of the workers; the backlog stays on the table, where
a call is cancelled without asking anybody, and is not copied yet (`call_table`).
"""

from contextlib import suppress
from functools import partial

from interpexec._core.sigint import keep_whole
from interpexec._pool.leader import LeaderFollowers
from interpexec._pool.link import Link
from interpexec._pool.parking import Latch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.state import PoolState

keep_whole()

MOST_UNREADY = 3
"""How many workers in a row may be lost before they are ready. Then no further one is made
beside those that are there; and where there are none, the pool is broken."""


class Dispatcher:
    """Used under the pool's lock, where nothing else is said."""

    def __init__(
        self,
        state: "PoolState",
        enter: "Callable[[], bool]",
        leave: "Callable[[], None]",
    ) -> None:
        """Dispatch the calls of a pool.

        enter, leave: tell the process that the pool has threads; that it has none. `enter`
        returns False while the process forks.
        """
        self._state = state
        self._enter = enter
        self.leave = leave
        self.lead: Callable[[Link], bool]  # what a collector does; set by `Collector`
        self.unready = 0
        """How many workers were lost before they were ready, in a row."""

    def dispatch(self) -> None:
        """Start workers for the calls, and send them what there is room for."""
        state = self._state
        table = state.table
        calls = len(table.backlog) + len(table.out)
        if state.is_resting or state.is_ending or state.broken or not calls:
            return
        link = state.link or self._open()
        if link is not None:
            if len(state.workers.active) < calls:
                self._hire(link, calls)
            self.feed(link)

    def dispatch_locked(self) -> None:
        """Dispatch, by a thread that does not have the lock."""
        with self._state.lock:
            self.dispatch()

    def resume(self) -> None:
        """Take up again what was left for a fork."""
        state = self._state
        if state.table.sources and state.link is None and not state.broken:
            self._open()  # they bring calls later
        self.dispatch()

    def feed(self, link: Link) -> None:
        """Send calls to the workers, or tell them that none can come.

        Then they finish what they were sent, and end.
        """
        state = self._state
        if state.is_resting or state.is_ending:
            return
        if state.table.backlog and state.table.send(link, len(state.workers.active), state.clock):
            state.nudge()  # the collector sleeps for longer than that
        if state.is_closing and self._have_all_begun(link):
            link.no_more_calls()

    def _have_all_begun(self, link: Link) -> bool:
        """Say whether no call waits any more, in the backlog or in the request queue."""
        table, workers = self._state.table, self._state.workers
        if table.backlog or table.sources or len(table.out) > len(workers.active):
            return False
        return not table.out or table.out.keys() <= workers.running(link).keys()

    def _open(self) -> Link | None:
        """Make the link and start the collector; None while the process forks."""
        state = self._state
        if not self._enter():
            return None
        try:
            link = Link(state.max_workers)
        except OSError:  # no descriptor is left
            self.leave()
            raise
        collectors = LeaderFollowers(f"{state.name}_collector", partial(self.lead, link))
        state.link, state.collectors = link, collectors
        try:
            collectors.start()
        except RuntimeError:  # no thread is left
            self.leave()
            state.link = state.collectors = None
            link.destroy()
            raise
        return link

    # -- workers -------------------------------------------------------------------

    def _hire(self, link: Link, wanted: int) -> None:
        """Start workers until there are so many, if the pool is that wide.

        Blocks for none of them: each makes its interpreter in a thread of its own.
        """
        state = self._state
        workers = state.workers
        while len(workers.active) < min(state.max_workers, wanted) and self._may_hire():
            try:
                workers.hire(link)
            except (RuntimeError, OSError):  # no thread, or no descriptor, is left
                if workers.is_empty():
                    raise
                break

    def _may_hire(self) -> bool:
        """Say whether one more worker has a chance to become ready."""
        return self.unready < MOST_UNREADY or self._state.workers.is_empty()

    def restart(self) -> None:
        """Replace each worker as soon as it runs no call. Takes the lock."""
        state = self._state
        with state.lock:
            state.refuse_if_over()
            link = state.link
            if link is None or state.is_resting or state.is_ending:
                return  # there is none, or none will be left
            for worker in list(state.workers.active.values()):
                state.workers.hire_successor(link, worker)
                link.order_to_leave(worker.seat)

    def fill_vacancy(self) -> None:
        """Start a worker in the place of one that takes no further call."""
        state = self._state
        if state.link is None or state.is_resting or state.broken or state.is_closing:
            return
        if len(state.workers.active) < state.max_workers and self._may_hire():
            with suppress(RuntimeError, OSError):  # the next call tries it again
                state.workers.hire(state.link)

    def warm(self, *, wait: bool) -> None:
        """Start all workers that the pool may have; wait until they are ready. Takes the lock.

        Raises what `submit` raises. A pool that rests starts them when there are calls.
        """
        state = self._state
        with state.lock:
            state.refuse_if_over()
            is_off = state.is_resting or state.is_ending
            link = None if is_off else state.link or self._open()
            if link is not None:
                self._hire(link, state.max_workers)
        while wait:
            news = Latch()
            with state.lock:
                state.refuse_if_over()
                if self._is_warm():
                    return
                state.watchers.append(news.open)
            news.wait()

    def _is_warm(self) -> bool:
        """Say whether every worker that was started is ready."""
        if self._state.link is None:
            return True
        return all(worker.is_ready for worker in self._state.workers.active.values())

    # -- sources: maps whose calls come bit by bit ----------------------------------

    def idle(self) -> int:
        """Return how many workers have nothing to do, nor will have at once. Without the lock."""
        table = self._state.table
        active = list(self._state.workers.active.values())
        ready = sum(worker.is_ready for worker in active)
        return 0 if table.backlog else max(ready - len(table.out), 0)

    def look_for_idle(self) -> None:
        """Have the sources told if workers are idle."""
        if self._state.table.sources and self.idle():
            self._state.todo.append(self._tell_sources)

    def _tell_sources(self) -> None:
        for source in list(self._state.table.sources):
            source.workers_are_idle()

    def let_sources_look(self) -> None:
        """Have the sources look at their calls, if there are any: the clock was due."""
        if self._state.table.sources:
            self._state.todo.append(self._look)

    def _look(self) -> None:
        for source in list(self._state.table.sources):
            source.look()

    def end_sources(self, error: BaseException | None) -> None:
        """Have the sources bring no further call. Takes the lock, and must not be under it.

        error: of the calls that do not come any more; None: these are cancelled.
        """
        state = self._state
        with state.lock:
            sources = list(state.table.sources)
        for source in sources:
            source.close(error)
            state.table.sources.discard(source)
