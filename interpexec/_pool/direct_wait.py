"""Waiting for one call in the collector's stead.

A thread in `result()` that takes the worker's reply itself saves the collector's wake-up,
which takes tens of µs. It may do so when its call is the only one that workers have.

Purpose: the reply to a single call wakes the thread that waits for it, and no other one.
Guarantees: no reply is lost or left lying; only that call is settled here, and its callbacks
are left to the collector, since the thread may hold a lock of the user's.
Assumptions: one thread at a time has the place, and the link lives as long as it is taken.

The races, in steps.
1. A reply comes while the thread leaves: it takes what is there once more before it goes.
2. The call is recalled because of a fork: the collector nudges, and the thread sees that the
   call runs no more.
3. A second call is submitted meanwhile: the thread sees more than one call on the table, and
   leaves; the collector does that better.
4. The collector finds that the last worker is gone, while the thread holds a reply that it has
   taken out of the queue and not noted yet: the collector says that it ends, wakes the thread,
   and waits for the place before it takes a call for lost. The thread notes the reply, and leaves.
5. A signal handler interrupts the thread and waits for another call, or for the end of the
   pool: it lends the place (`lend`), so that replies wake the collector. The thread gets it
   back when the handler has returned.
"""

import threading
from functools import partial
from threading import get_ident

from interpexec._core.sigint import keep_whole
from interpexec._pool.call_ends import run_callbacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._core.waiting import Deadline
    from interpexec._pool.call_table import Entry
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.state import PoolState
    from interpexec._sharing.package import Packed
    from interpexec._worker.wire import Message

    type Receive = Callable[[Link, list[Message], list[Entry]], None]
    type Settle = Callable[[AnyFuture | None, Packed, int], None]

keep_whole()

_NONE: "list[Message]" = []


class DirectWait:
    """The place of the one thread that waits so. From any thread."""

    def __init__(self, state: "PoolState", receive: "Receive", settle: "Settle") -> None:
        """receive, settle: what the collector does with replies, and with each of them."""
        self._state = state
        self._receive = receive
        self._settle = settle
        # Held by the thread that waits. It is taken before the pool's lock, and never
        # waited for, except when the link is given back.
        self.lock = threading.Lock()
        self._awaited: AnyFuture | None = None
        self._thread = 0  # its ident
        self._is_lent = False
        # Log handlers of the user's are called by the collector, and never by such a thread.
        self._is_off = state.settings.forwarded is not None
        self._last: Link | None = None  # to be destroyed

    def wait(self, future: "AnyFuture", deadline: "Deadline") -> None:
        """Wait for a call, if workers have no other one.

        Returns when the future is finished, the time is over, or another thread has the
        place.
        """
        self.lend()  # where a signal handler calls this, and has interrupted this thread here
        if self._is_off or self._is_lent or not self.lock.acquire(blocking=False):
            return
        try:
            self._wait(future, deadline)
        except BaseException:  # it was interrupted while it slept, or unpickled
            self._state.have_collector_look()  # for that reply
            raise
        finally:
            self._awaited = None
            self._thread = 0
            self._leave()

    def _wait(self, future: "AnyFuture", deadline: "Deadline") -> None:
        state, replies = self._state, _NONE
        table = state.table
        with state.lock:
            link = state.link
            if link is None or state.is_ending or table.backlog or len(table.out) != 1:
                return
            if not future.running():
                return
            self._thread = get_ident()
            self._awaited = future
        # It may be taken back from the request queue, because of a fork.
        while future.running() and not state.is_ending:
            if (left := deadline.remaining()) == 0:
                break
            replies = link.wait_directly(left)
            if replies:
                self._take_turn(link, future, replies)
            if table.backlog or len(table.out) > 1:  # the collector does that better
                break
        if not replies:  # a reply that came meanwhile woke this thread, and no other
            self._take_turn(link, future, link.take())

    def lend(self) -> None:
        """Release the place, if this thread has it: a signal handler is about to block.

        The handler has interrupted this thread, which so can take no replies.
        """
        if not self._thread or self._thread != get_ident():
            return
        link = self._state.link
        if not self._is_lent:
            self._is_lent = True
            self.lock.release()
        # Each time, as this thread goes on waiting between two handlers.
        if link is not None:
            link.leave_direct_seat()
            self._state.have_collector_look()  # for replies

    def renew_lock(self) -> None:
        """Make a new lock, in a forked child."""
        self.lock = threading.Lock()

    def destroy(self, link: "Link") -> None:
        """Destroy a link, or leave that to the thread that is inside of it. Under `lock`."""
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
        state = self._state
        entries: list[Entry] = []
        try:
            with state.lock:
                self._receive(link, replies, entries)
        except BaseException:
            state.todo.extend(entries)
            raise
        mine = None
        for entry in entries:
            if entry[0] is future:
                mine = entry
            else:
                state.leave_to_collector(partial(self._settle, *entry))
        if mine is None:
            return
        _, payload, kind = mine
        self._awaited = None
        try:
            future._settle(payload, kind)
        finally:
            if not future.done():  # it was interrupted while it unpickled
                state.leave_to_collector(partial(self._settle, future, payload, kind))

    def postpone(self, callbacks: "Callable[[], None]") -> bool:
        """Leave callbacks to the collector, if this thread waits directly.

        That thread was promised no more than its result: it may hold a lock that the callbacks
        take.
        """
        if self._thread != get_ident():
            return False
        self._state.leave_to_collector(partial(run_callbacks, callbacks))
        return True

    def is_settled(self, future: "AnyFuture") -> None:
        """Wake the thread that waits for this call, unless it settled it itself."""
        if self._awaited is future:
            self._state.nudge_direct()
