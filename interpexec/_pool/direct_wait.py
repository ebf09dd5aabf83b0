"""Waiting for one call in the collector's place.

It saves a wake-up of tens of µs: the worker's reply wakes the very thread that
waits for it. Possible when that call is the only one that is out.
"""

import threading
from functools import partial
from threading import get_ident

from interpexec._core.sigint import keep_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._core.waiting import Deadline
    from interpexec._pool.call_table import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.scheduler import Scheduler
    from interpexec._worker.wire import Message

keep_whole()


class DirectWait:
    """The one thread that may wait so, at a time. Any thread at home."""

    def __init__(self, scheduler: "Scheduler") -> None:
        self._scheduler = scheduler
        # Held by the thread that waits. It is taken before the engine's, and never
        # waited for, but at the very end.
        self.lock = threading.Lock()
        self._awaited: AnyFuture | None = None
        self._thread = 0  # its ident
        self._is_lent = False
        self._last: Link | None = None  # to be destroyed

    def wait(self, future: "AnyFuture", deadline: "Deadline") -> None:
        """Wait for a call, if it is the only one that is out.

        Returns when the future is finished, the time is over, or somebody else is at
        it already. Only this future is settled here, and its callbacks are left to
        the collector: this thread may hold a lock of the user's.
        """
        self.lend()  # where this is a signal handler that interrupted just that
        if self._is_lent or not self.lock.acquire(blocking=False):
            return
        try:
            self._wait(future, deadline)
        except BaseException:  # it was interrupted while it slept, or unpickled
            self._scheduler.leave_to_collector(int)  # nothing, but it looks for that reply now
            raise
        finally:
            self._awaited = None
            self._thread = 0
            self._leave()

    def _wait(self, future: "AnyFuture", deadline: "Deadline") -> None:
        with self._scheduler.lock:
            link = self._scheduler.link
            if link is None or len(self._scheduler.table) != 1 or not future.running():
                return
            self._thread = get_ident()
            self._awaited = future
        # It may be taken back from the request channel, because of a fork.
        while future.running() and deadline.remaining() != 0:
            replies = link.wait_directly(deadline.remaining())
            self._take_turn(link, future, replies)
            if len(self._scheduler.table) > 1:  # the collector does that better
                break
        # Once more: a reply that came meanwhile woke this thread, and no other.
        self._take_turn(link, future, link.take())

    def lend(self) -> None:
        """Give the place up, if this thread has it: a signal handler waits for a call, or the end.

        It interrupted the waiting, so that cannot take replies, and must not be waited for.
        """
        if self._thread != get_ident():
            return
        link = self._scheduler.link
        if not self._is_lent:
            self._is_lent = True
            self.lock.release()
        # Each time: it goes on looking, and sleeping, between two handlers.
        if link is not None:
            link.leave_direct_seat()
            self._scheduler.leave_to_collector(int)  # nothing, but it looks for replies now

    def destroy(self, link: "Link") -> None:
        """Give a crossing back, or leave that to the thread that is inside of it. Under `lock`."""
        if self._is_lent:
            self._last = link
        else:
            link.destroy()

    def _leave(self) -> None:
        """End the waiting."""
        if not self._is_lent:
            self.lock.release()
            return
        with self.lock:
            self._is_lent = False
            last, self._last = self._last, None
        if last is not None:
            last.destroy()

    def _take_turn(self, link: "Link", future: "AnyFuture", replies: "list[Message]") -> None:
        """Settle the future if its reply is here; leave the others to the collector."""
        if not replies:
            return
        scheduler = self._scheduler
        with scheduler.lock:
            entries = scheduler.receive(link, replies)
        mine = [entry for entry in entries if entry[0] is future]
        others = [entry for entry in entries if entry[0] is not future]
        scheduler.leave_to_collector(*(partial(scheduler.settle, *entry) for entry in others))
        for _, payload, kind in mine:
            self._awaited = None
            try:
                future.settle(payload, kind)
            finally:
                if not future.done():  # it was interrupted while it unpickled
                    scheduler.leave_to_collector(partial(scheduler.settle, future, payload, kind))

    def postpone(self, callbacks: "Callable[[], None]") -> bool:
        """Leave callbacks to the collector, if this thread waits directly.

        It has been promised no more than its result: it may hold a lock that they
        take.
        """
        if self._thread != get_ident():
            return False
        self._scheduler.leave_to_collector(partial(self._scheduler.run_callbacks, callbacks))
        return True

    def is_settled(self, future: "AnyFuture") -> None:
        """Wake the thread that waits for this call, unless it settled it itself."""
        if self._awaited is future:
            self._scheduler.nudge_direct()
