"""A bounded queue of messages in shared memory: what channels and queues are made of.

    a monitor's block                              behind it, in the same file
    +---------------------------------------+      +-----------------------------+
    | words | getters | putters | joiners   |      | a ring of messages (`ring`) |
    +---------------------------------------+      +-----------------------------+

The kernel keeps it as long as it has an end (`queue_end`); no interpreter owns a message that
is in it, so none is lost with its sender.

Purpose: threads of any interpreters put messages in, and take them out, first in, first out.

Guarantees:
- A message is received once, or given up once; out-of-band data are closed with it. A call
  that is stopped as soon as it has taken a message loses it.
- A woken thread has a message or a slot reserved, so latecomers cannot starve it.
- A getter sleeps only while every message is reserved for another one; so does a putter with
  slots, and after the closing neither sleeps.

Assumptions: those of `monitor` and `wait_queue`. Only steps of the monitor change the queue.

Without the mutex, threads read one word each, or the number of messages, which the ring reads
until it is consistent. `closed` and `watched` are set and never set back: an end that finds
`watched` set needs no step. A getter that spins looks at the number of messages, and decides
nothing by that: its step looks again.

The race of getters and putters, in steps. Each is told for messages; for slots it is the same
the other way round, where the queue has a limit.
1. A getter that finds no message, except reserved ones, joins the getters and sleeps. This is
   one step, so no putter comes in between.
2. A putter wakes the first getter, and reserves a message for it. Then it puts the message in.
   An exception in between leaves a getter that was woken for nothing; in the other order it
   would leave a message and a getter that sleeps.
3. The getter comes back, in its step, gives up its reservation, and looks again. Latecomers
   have left a message there. If there is none, it sleeps again, or its time is over.
4. A getter that was woken, and is interrupted (its call was stopped, Ctrl-C) or has no memory
   to take the message, gives up its reservation, too. If a message is free then, it wakes the
   next getter in the same way.

The race with the closing, in steps.
1. A step sets `closed`; from then on every putter raises.
2. If the messages are given up, the same step takes all out, and wakes the joiners.
3. It wakes all getters and putters. A getter that finds no message then raises.

The race with the release of an end, while other threads sleep in its steps.
1. A step marks the end as released, and counts it out.
2. If it was the last sender or the last receiver, the step closes the queue. Otherwise, if
   other threads use this end, it wakes all threads in the queue. Those of this end raise, the
   others sleep again.
3. The last thread that leaves the end closes its descriptors.
"""

import os
from functools import partial

from interpexec._core.handles import Descriptor
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import WAKE, Deadline, Wakeup
from interpexec._sharing.flatten import restore
from interpexec._sync.base import FOREVER
from interpexec._sync.message import WHOLE
from interpexec._sync.monitor import Monitor, block_size
from interpexec._sync.ring import Ring
from interpexec.errors import ChannelClosedError, ChannelEmptyError, ChannelFullError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._sharing.package import Package, Packed

keep_whole()

# The indices of its words, behind those of the ring.
_LIMIT, _CLOSED, _WATCHED = 4, 5, 6
_ENDS = 8  # and 9: how many send, and how many receive
_UNFINISHED = 10  # tasks that are not done: messages for `join`
_RESERVED = 11  # to 13: how many threads of each queue were woken, and have not come back yet

# The wait queues.
_GETTERS, _PUTTERS, _JOINERS = QUEUES = range(3)

SENDER, RECEIVER = 0, 1
"""The roles of an end. It is counted in each of them; a `Queue` has both."""

_BASE = block_size(len(QUEUES))  # where the ring begins in the file


class SharedQueue:
    """A queue, as one of its ends reaches it. Its methods are steps, unless they say otherwise."""

    __slots__ = ("_ring", "is_open", "monitor", "ready", "words")

    def __init__(self, monitor: Monitor, ready: Wakeup) -> None:
        """Reach a queue. ready: can be read while a message is there, if that is watched."""
        self.monitor = monitor
        self.words = monitor.words
        self.ready = [Descriptor(fd) for fd in dict.fromkeys(ready.token)]
        os.set_blocking(ready.fileno(), False)
        self._ring = Ring(monitor.fileno(), _BASE, monitor.words)
        self.is_open = True
        """Whether this end was not released."""

    def make(self, limit: int, roles: "tuple[int, ...]") -> None:
        """Let there be a queue: once, by its first end. limit: of the messages in it; 0: none."""
        self.words[_LIMIT] = limit
        self.count_in(roles)
        self._ring.make()

    def let_go(self) -> None:
        """Give memory and descriptors back. Not a step: no thread uses this end any more."""
        self._ring.unmap()
        self.monitor.close()
        for descriptor in self.ready:
            descriptor.close()

    # Without the mutex.

    def count(self) -> int:
        """Return how many messages there are."""
        return self._ring.count()

    def is_there(self) -> bool | None:
        """Say whether a message is there; None: not yet. For spinning."""
        return True if self._ring.count() else None

    def limit(self) -> int:
        """Return how many messages there may be; 0: any number."""
        return self.words[_LIMIT]

    def is_closed(self) -> bool:
        """Say whether no further message can be put in."""
        return bool(self.words[_CLOSED])

    def is_watched(self) -> bool:
        """Say whether `ready` shows whether a message is there."""
        return bool(self.words[_WATCHED])

    def refuse_if_released(self) -> None:
        """Raise ValueError if this end was released."""
        if not self.is_open:
            raise ValueError("this end of the channel was released")

    # -- messages -----------------------------------------------------------------

    def put(self, message: bytes, out_of_band: "Package | None", deadline: Deadline | None) -> None:
        """Put a message in; wait for a slot until the deadline (None: not at all)."""
        words, ring = self.words, self._ring
        while words[_LIMIT] and not words[_CLOSED] and self._slots() <= 0:
            self.refuse_if_released()
            if deadline is None or deadline.remaining() == 0:
                raise ChannelFullError("the channel is full")
            self._wait(_PUTTERS, deadline)
        if words[_CLOSED]:
            raise ChannelClosedError("the channel is closed: nothing more can be sent")
        is_first = words[_WATCHED] and not ring.count()
        if is_first:
            self._set_ready()
        entries = [] if out_of_band is None else out_of_band.give_away()
        self._wake(_GETTERS)
        try:
            ring.push(message)
        except Exception:  # there is no memory
            if is_first:
                self._clear_ready()
            if out_of_band is not None:
                out_of_band.entries = entries
            self._serve_next(_PUTTERS)  # a slot may have been reserved for this thread
            raise
        words[_UNFINISHED] += 1

    def get(self, deadline: Deadline | None) -> "Packed":
        """Take the first message; wait for it until the deadline (None: not at all)."""
        words, ring = self.words, self._ring
        while ring.count() <= words[_RESERVED + _GETTERS]:
            self.refuse_if_released()
            if words[_CLOSED]:
                raise ChannelClosedError("the channel is closed, and nothing is left in it")
            if deadline is None or deadline.remaining() == 0:
                raise ChannelEmptyError("the channel is empty")
            self._wait(_GETTERS, deadline)
        try:
            message = self._take()
        except Exception:  # there is no memory
            self._serve_next(_GETTERS)  # the message may have been reserved for this thread
            raise
        if words[_LIMIT]:
            self._wake(_PUTTERS)
        return message if message[-1:] in WHOLE else restore(message)

    def _take(self) -> bytes:
        """Take the first message, which is there."""
        words = self.words
        message = self._ring.pop()
        if words[_WATCHED] and not words[_CLOSED] and not self._ring.count():
            self._clear_ready()
        return message

    def _slots(self) -> int:
        """Return how many slots are free, and not reserved."""
        words = self.words
        return words[_LIMIT] - self._ring.count() - words[_RESERVED + _PUTTERS]

    # -- waiting ------------------------------------------------------------------

    def _wait(self, queue: int, deadline: Deadline) -> None:
        """Sleep until woken, or until the deadline."""
        if self.monitor.wait(queue, deadline, partial(self._pass_on, queue)):
            self._give_up_reservation(queue)

    def _wake(self, queue: int) -> bool:
        """Wake the first thread in a queue, if one is there; reserve what it waits for."""
        if not self.monitor.wake(queue):
            return False
        self.words[_RESERVED + queue] += 1
        return True

    def _wake_all(self, queue: int) -> None:
        while self._wake(queue):
            pass

    def _give_up_reservation(self, queue: int) -> None:
        reserved = self.words[_RESERVED + queue]
        if reserved:  # else the waker was interrupted before it had made the reservation
            self.words[_RESERVED + queue] = reserved - 1

    def _pass_on(self, queue: int) -> None:
        """Wake the next thread in a queue: this one was woken, and is interrupted."""
        self._give_up_reservation(queue)
        self._serve_next(queue)

    def _serve_next(self, queue: int) -> None:
        """Wake the next thread in a queue, if a message or a slot is there and not reserved."""
        if queue == _GETTERS:
            is_there = self._ring.count() > self.words[_RESERVED + _GETTERS]
        else:
            is_there = queue == _PUTTERS and self._slots() > 0
        if is_there:
            self._wake(queue)

    # -- tasks, for queues ----------------------------------------------------------

    def task_done(self) -> None:
        """Count a message as dealt with. ValueError when there was none."""
        if not self.words[_UNFINISHED]:
            raise ValueError("task_done() called too many times")
        self.words[_UNFINISHED] -= 1
        if not self.words[_UNFINISHED]:
            self._wake_all(_JOINERS)

    def join(self) -> None:
        """Wait until all messages that were put in are dealt with."""
        while self.words[_UNFINISHED]:
            self.refuse_if_released()
            self._wait(_JOINERS, FOREVER)

    # -- event loops ------------------------------------------------------------------

    def watch(self) -> None:
        """Let `ready` show whether a message is there, from now on."""
        if not self.words[_WATCHED]:
            self.words[_WATCHED] = 1
            if self._ring.count() or self.words[_CLOSED]:
                self._set_ready()

    def _set_ready(self) -> None:
        os.write(self.ready[-1].fileno(), WAKE)

    def _clear_ready(self) -> None:
        try:
            os.read(self.ready[0].fileno(), len(WAKE))
        except BlockingIOError:
            pass  # an exception came before it was set

    # -- the end --------------------------------------------------------------------

    def close(self, drops: bool) -> list[bytes]:
        """Let no further message be put in, and wake all threads that wait for one, or a slot.

        drops: take the messages out. Return them, for `drop_message`.
        """
        words, ring = self.words, self._ring
        if not words[_CLOSED]:
            words[_CLOSED] = 1
            if words[_WATCHED] and not ring.count():
                self._set_ready()
        messages = []
        while drops and ring.count():
            messages.append(self._take())
        if messages:
            words[_UNFINISHED] -= min(len(messages), words[_UNFINISHED])
            self._wake_all(_JOINERS)  # as `queue.Queue` does
        self._wake_all(_GETTERS)
        self._wake_all(_PUTTERS)
        return messages

    def count_in(self, roles: "tuple[int, ...]", by: int = 1) -> bool:
        """Count an end in: one more that does this. Return True."""
        for role in roles:
            self.words[_ENDS + role] += by
        return True

    def count_out(self, roles: "tuple[int, ...]", users: list[int]) -> list[bytes]:
        """Release this end; return the messages that no end will receive.

        users: the threads that are in the middle of using it, the calling one included.
        """
        words = self.words
        self.is_open = False
        self.count_in(roles, -1)
        is_unread = not words[_ENDS + RECEIVER]
        if is_unread or not words[_ENDS + SENDER]:
            return self.close(is_unread)
        for queue in QUEUES if len(users) > 1 else ():
            self._wake_all(queue)  # some of them may wait by this end
        return []
