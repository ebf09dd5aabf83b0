"""Waiting for one call in the collector's place.

It saves a wake-up of tens of µs: the worker's reply wakes the very thread that
waits for it. Possible when that call is the only one that is out.
"""

import threading
from functools import partial
from threading import get_ident

from interpexec._sigint import keep_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._crossing import Crossing
    from interpexec._deadline import Deadline
    from interpexec._engine import Engine
    from interpexec._ledger import AnyFuture
    from interpexec._messages import Message

keep_whole()


class DirectWait:
    """The one thread that may wait so, at a time. Any thread at home."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        # Held by the thread that waits. It is taken before the engine's, and never
        # waited for, but at the very end.
        self.lock = threading.Lock()
        self._awaited: AnyFuture | None = None
        self._thread = 0  # its ident
        self._is_lent = False
        self._last: Crossing | None = None  # to be destroyed

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
            self._engine.leave_to_collector(int)  # nothing, but it looks for that reply now
            raise
        finally:
            self._awaited = None
            self._thread = 0
            self._leave()

    def _wait(self, future: "AnyFuture", deadline: "Deadline") -> None:
        with self._engine.lock:
            crossing = self._engine.crossing
            if crossing is None or len(self._engine.ledger) != 1 or not future.running():
                return
            self._thread = get_ident()
            self._awaited = future
        # It may be taken back from the request channel, because of a fork.
        while future.running() and deadline.remaining() != 0:
            replies = crossing.wait_directly(deadline.remaining())
            self._take_turn(crossing, future, replies)
            if len(self._engine.ledger) > 1:  # the collector does that better
                break
        # Once more: a reply that came meanwhile woke this thread, and no other.
        self._take_turn(crossing, future, crossing.take())

    def lend(self) -> None:
        """Give the place up, if this thread has it: a signal handler waits for a call, or the end.

        It interrupted the waiting, so that cannot take replies, and must not be waited for.
        """
        if self._thread != get_ident():
            return
        crossing = self._engine.crossing
        if not self._is_lent:
            self._is_lent = True
            self.lock.release()
        # Each time: it goes on looking, and sleeping, between two handlers.
        if crossing is not None:
            crossing.leave_direct_seat()
            self._engine.leave_to_collector(int)  # nothing, but it looks for replies now

    def destroy(self, crossing: "Crossing") -> None:
        """Give a crossing back, or leave that to the thread that is inside of it. Under `lock`."""
        if self._is_lent:
            self._last = crossing
        else:
            crossing.destroy()

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

    def _take_turn(
        self, crossing: "Crossing", future: "AnyFuture", replies: "list[Message]"
    ) -> None:
        """Settle the future if its reply is here; leave the others to the collector."""
        if not replies:
            return
        engine = self._engine
        with engine.lock:
            entries = engine.receive(crossing, replies)
        mine = [entry for entry in entries if entry[0] is future]
        others = [entry for entry in entries if entry[0] is not future]
        engine.leave_to_collector(*(partial(engine.settle, *entry) for entry in others))
        for _, payload, kind in mine:
            self._awaited = None
            try:
                future.settle(payload, kind)
            finally:
                if not future.done():  # it was interrupted while it unpickled
                    engine.leave_to_collector(partial(engine.settle, future, payload, kind))

    def postpone(self, callbacks: "Callable[[], None]") -> bool:
        """Leave callbacks to the collector, if this thread waits directly.

        It has been promised no more than its result: it may hold a lock that they
        take.
        """
        if self._thread != get_ident():
            return False
        self._engine.leave_to_collector(partial(self._engine.run_callbacks, callbacks))
        return True

    def is_settled(self, future: "AnyFuture") -> None:
        """Wake the thread that waits for this call, unless it settled it itself."""
        if self._awaited is future:
            self._engine.nudge_direct()
