"""A pool steps aside for a fork: no interpreter of it lives while the process forks.

A child that CPython forks beside an interpreter is lost, also beside one that sleeps (see
`process_hooks`). Whether a pool is idle cannot be read from its table: answers are on their
way, helper threads are in their last steps, workers leave. So nothing is asked. Each worker is
told to leave after its call, and the forking thread waits until the last one is buried:

    begin     every worker is ordered to leave; no call is sent, no worker is made
    wait      until no worker is left: then the calls that none has begun are recalled, and the
              collector ends. Or until it has taken too long: then the rest is called off
    end       workers are made for the calls that are there

Guarantees: the queues stay as they are as long as there is one worker, so a rest can be
called off at any time, and nothing has to be repaired. It never takes longer than the limits.
Each step is taken under the pool's lock, and each of the two ends excludes the other one:
the collector ends if there is no worker, a rest is called off if there is one.
"""

import threading
from time import monotonic

from interpexec._core.sigint import keep_whole
from interpexec._pool.parking import Latch, Parker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.link import Link
    from interpexec._pool.state import PoolState

keep_whole()

PATIENCE = 0.2
"""Seconds for which a fork waits for calls that run. The child is lost where one takes
longer; so short calls are worth waiting for, and for long ones nothing is gained."""

STOPPING = 1.0
"""Seconds for which it waits for calls that were stopped: they are about to end. It takes some ms;
on a busy machine, until their threads get a core."""

LIMIT = 5.0
"""Seconds for which it waits for interpreters that end. One takes some ms, but for that of a
call that has started a thread, and on a machine that is overloaded."""


class Rest:
    """The rest of one pool. `begin`, `wait` and `end` are for the thread that forks."""

    def __init__(
        self,
        state: "PoolState",
        release_place: "Callable[[], None]",
        resume: "Callable[[], None]",
    ) -> None:
        """release_place: see `DirectWait.lend`. resume: takes up what was left, under the lock."""
        self._state = state
        self._release_place = release_place
        self._resume = resume
        self.is_off = Latch(is_open=True)  # closed while the pool rests

    def begin(self) -> bool:
        """Have the workers leave; return whether they can be waited for.

        Not by the thread of one of them, and not in the middle of a move of the pool's, where
        a destructor or a signal handler forks.
        """
        state, collectors = self._state, self._state.collectors
        self._release_place()
        if collectors is not None:
            collectors.hand_over()
            if collectors.is_leading():  # no thread is left
                return False
        if state.is_inside() or not state.lock.acquire(timeout=PATIENCE):
            return False
        try:
            link, workers = state.link, list(state.workers.everyone())
            if threading.current_thread() in workers:
                return False
            self.start()
            if link is not None:
                for worker in workers:
                    link.order_to_leave(worker.seat)
        finally:
            state.lock.release()
        state.have_collector_look()
        return True

    def start(self) -> None:
        """Send no call and make no worker from now on. Under the lock."""
        self._state.is_resting = self._state.is_rest_wanted = True
        self.is_off.close()

    def wait(self, begun: float) -> bool:
        """Wait until there is no interpreter, and return True; else call it off.

        begun: when the waiting for all pools began, in seconds of the monotonic clock.
        """
        state = self._state
        while True:
            news = Parker()
            with state.lock:
                if state.link is None:
                    break
                left = begun + self._patience(state.link) - monotonic()
                if left <= 0 and state.workers.is_empty():
                    return True  # the collector is held up: it is not in the way
                if left <= 0:
                    state.is_rest_wanted = False
                    return False
                state.watchers.append(news.wake)
            news.wait_briefly(left)
        collectors = state.collectors
        if collectors is not None:
            collectors.join_ended(max(begun + LIMIT - monotonic(), 0))
        return True

    def _patience(self, link: "Link") -> float:
        """Return how long, in seconds, it is of use to wait for what there is. Under the lock."""
        workers = self._state.workers
        if not workers.is_busy(link):
            return LIMIT
        return PATIENCE if workers.is_busy(link, with_stopped=False) else STOPPING

    def end(self) -> None:
        """Go on. Raises RuntimeError or OSError where no thread or descriptor is left."""
        state = self._state
        try:
            with state.lock:
                state.is_resting = state.is_rest_wanted = False
                self._resume()
                if state.link is not None:
                    state.have_collector_look()  # it may be over
        finally:
            self.is_off.open()

    def forget(self) -> None:
        """Be off: this is a forked child, where the pool has new locks."""
        state = self._state
        state.is_resting = state.is_rest_wanted = False
        state.watchers = []
        self.is_off.open()
