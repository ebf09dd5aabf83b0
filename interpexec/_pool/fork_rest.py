"""A pool steps aside for a fork: no interpreter of it lives while the process forks.

Whatever CPython forks beside an interpreter is lost, also beside one that sleeps (see
`process_hooks`). Whether a pool is idle cannot be read from its books: answers are on their way,
helpers are in their last steps, workers leave. So nothing is asked. Each worker is told to
leave after what it runs, and the forking thread waits until the last one is buried:

    begin     every worker is ordered to leave; no call is sent, no worker is made
    wait      until none is left: then what no worker has begun comes home, and the
              collector ends. Or until it has taken too long: then the rest is called off
    end       workers are made for what is here, by whoever finds some

Guarantees: the channels stay as they are as long as there is one worker, so a rest can be
called off at any time, and nothing has to be repaired. It never takes longer than the limits.
Each step is taken under the engine's lock, and each of the two ends excludes the other one:
the collector ends if there is no worker, a rest is called off if there is one.
"""

import threading
from time import monotonic

from interpexec._core.sigint import keep_whole
from interpexec._pool.parking import Latch, Parker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.leader import LeaderFollowers
    from interpexec._pool.scheduler import Scheduler

keep_whole()

PATIENCE = 0.2
"""Seconds for which a fork waits for calls that run. The child is lost where one takes
longer; so short calls are worth waiting for, and for long ones nothing is gained."""

LIMIT = 5.0
"""Seconds for which it waits for interpreters that end. One takes some ms, but for that of a
call that has started a thread, and on a machine that is overloaded."""


class Rest:
    """That of one pool. `begin`, `wait` and `end` are for the thread that forks."""

    def __init__(
        self, scheduler: "Scheduler", collectors: "Callable[[], LeaderFollowers | None]"
    ) -> None:
        """relay: returns that of the pool's collectors."""
        self._scheduler = scheduler
        self._collectors = collectors
        # Under the engine's lock:
        self.is_on = False  # no call is sent, and no worker is made
        self.is_wanted = False  # ... and the collector ends when there is no worker
        self._watching: list[Parker] = []
        self.is_off = Latch(is_open=True)  # closed while it is on

    def begin(self) -> bool:
        """Have the workers leave; return whether they can be waited for.

        Not by the thread of one of them, and not in the middle of a move of the engine's, where
        a destructor or a signal handler forks.
        """
        scheduler, collectors = self._scheduler, self._collectors()
        scheduler.direct.lend()
        if collectors is not None:
            collectors.hand_over()
            if collectors.is_leading():  # there is no thread to be had
                return False
        if scheduler.is_inside() or not scheduler.lock.acquire(timeout=PATIENCE):
            return False
        try:
            link, workers = scheduler.link, list(scheduler.workers.everyone())
            if threading.current_thread() in workers:
                return False
            self.start()
            if link is not None:
                for worker in workers:
                    link.order_to_leave(worker.seat)
        finally:
            scheduler.lock.release()
        scheduler.leave_to_collector(int)  # nothing, but it looks
        return True

    def start(self) -> None:
        """Send no call and make no worker from now on. Under the lock."""
        self.is_on = self.is_wanted = True
        self.is_off.close()

    def look(self) -> None:
        """Have the forking thread look: a worker is buried, or the collector ends."""
        while self._watching:
            self._watching.pop().wake()

    def wait(self, begun: float) -> bool:
        """Wait until there is no interpreter; return whether that is so. Else it is called off.

        begun: when the waiting for all pools has begun, in seconds of the monotonic clock.
        """
        scheduler = self._scheduler
        while True:
            news = Parker()
            with scheduler.lock:
                if scheduler.link is None:
                    break
                left = begun + LIMIT - monotonic()
                if not scheduler.workers.is_empty():
                    patience = begun + PATIENCE - monotonic()
                    if left <= 0 or (patience <= 0 and scheduler.workers.is_busy(scheduler.link)):
                        self.is_wanted = False
                        return False
                    left = patience if patience > 0 else left
                elif left <= 0:  # the collector is held up: it is not in the way
                    return True
                self._watching.append(news)
            news.wait_briefly(left)
        collectors = self._collectors()
        if collectors is not None:
            collectors.join_ended(max(begun + LIMIT - monotonic(), 0))
        return True

    def end(self) -> None:
        """Go on. Raises RuntimeError or OSError where no thread or descriptor is to be had."""
        scheduler = self._scheduler
        try:
            with scheduler.lock:
                self.is_on = self.is_wanted = False
                scheduler.go_on()
                if scheduler.link is not None:
                    scheduler.leave_to_collector(int)  # nothing, but it looks: it may be over
        finally:
            self.is_off.open()

    def forget(self) -> None:
        """Be off: this is a forked child, where the engine has new locks."""
        self.is_on = self.is_wanted = False
        self._watching = []
        self.is_off.open()
