"""An end of a shared queue: what one holder in one interpreter has of it.

    QueueEnd  --- steps in the monitor --->  SharedQueue  <---  other ends, elsewhere

Each end has descriptors of its own, and is counted in the queue: as a sender, a receiver, or
both. When the last sender or the last receiver is released, the queue is closed. An end that
is being sent is counted already, so a queue is open while its only sender is a message.
"""

import os
import sys
from _thread import get_ident
from functools import partial

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._core.destructors import outside
from interpexec._core.handles import Descriptor, forget, release_at_end
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import Deadline, Spinner, Wakeup
from interpexec._sharing import entries, package, packing
from interpexec._sync.message import drop_message, encode
from interpexec._sync.monitor import Monitor
from interpexec._sync.shared_queue import QUEUES, RECEIVER, SENDER, SharedQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

keep_whole()

_NOBODY = 0  # no thread has this number

# How often a getter looks for a message before it sleeps: some 40 µs, at 0.1 µs a look.
_LOOKS = 400


class QueueEnd:
    """An end of a queue. From any thread of its interpreter."""

    __slots__ = ("__weakref__", "_monitor", "_roles", "_shared", "_spinner", "_users")

    @current_call.shielded
    def __init__(self, limit: int = 0, *roles: int) -> None:
        """Make a queue with one end. limit: of the messages in it; 0: none."""
        monitor = Monitor(len(QUEUES), grows=True)
        try:
            ready = Wakeup()
        except BaseException:
            monitor.close()
            raise
        self._hold(monitor, ready, roles)
        self._shared.make(limit, roles)

    def _hold(self, monitor: Monitor, ready: Wakeup, roles: "tuple[int, ...]") -> None:
        self._monitor = monitor
        self._roles = roles
        self._spinner = Spinner(_LOOKS)
        # The threads that are in the middle of using it; twice, if a signal's handler does, too.
        self._users: list[int] = []
        self._shared = SharedQueue(monitor, ready)
        release_at_end(self)

    # -- messages -----------------------------------------------------------------

    def put(self, item: object, deadline: Deadline | None) -> None:
        """Put an object in; wait for a slot until the deadline (None: not at all).

        Raises NotShareableError, ChannelFullError or ChannelClosedError.
        """
        message, out_of_band = encode(item)
        self._use(self._shared.put, message, out_of_band, deadline)

    def get(self, deadline: Deadline | None) -> "package.Packed":
        """Take the first message, for `open_message`; wait for it until the deadline.

        (None: not at all.) Raises ChannelEmptyError or ChannelClosedError.
        """
        if deadline is not None and self._shared.is_open:
            self._spinner.spin(self._shared.is_there)
        return self._use(self._shared.get, deadline)

    def count(self) -> int:
        """Return how many messages there are."""
        return self._open().count()

    @property
    def limit(self) -> int:
        """How many messages there may be; 0: any number."""
        return self._open().limit()

    @property
    def is_closed(self) -> bool:
        """Whether no further message can be put in."""
        return self._open().is_closed()

    def task_done(self) -> None:
        """Count a message as dealt with. ValueError when there was none."""
        self._use(self._shared.task_done)

    def join(self) -> None:
        """Wait until all messages that were put in are dealt with."""
        self._use(self._shared.join)

    def fileno(self) -> int:
        """Return a descriptor that can be read while a message is there, or none can come."""
        if not self._open().is_watched():
            self._use(self._shared.watch)
        return self._shared.ready[0].fileno()

    def close(self, *, drops: bool = False) -> None:
        """Let no further message be put in, and wake all threads that wait.

        drops: the messages that are there are given up.
        """
        for message in self._use(self._shared.close, drops):
            drop_message(message)

    # -- holding --------------------------------------------------------------------

    @property
    def is_released(self) -> bool:
        """Whether it is of no use any more."""
        return not self._shared.is_open

    @current_call.shielded
    def release(self) -> None:
        """Let go of it; close the queue if no other end sends, or none receives. Once.

        Threads of this interpreter that wait by this end get ValueError.
        """
        if not self._shared.is_open:
            return
        forget(self)
        self._users.append(get_ident())
        try:
            messages = self._monitor.run(self._shared.count_out, self._roles, self._users)
        finally:
            self._leave()
        for message in messages:
            drop_message(message)

    def after_fork(self) -> None:
        """Be of no use: this is the parent's end, which was counted once, and not twice."""
        self._shared.is_open = False
        self._let_go()

    def _open(self) -> SharedQueue:
        """Return the queue. Raises ValueError if this end was released."""
        self._shared.refuse_if_released()
        return self._shared

    def _use[T](self, step: "Callable[..., T]", *args: object) -> T:
        """Take a step. Meanwhile the descriptors stay open, also when it is released."""
        self._users.append(get_ident())
        try:
            if not self._shared.is_open:
                self._shared.refuse_if_released()
            return self._monitor.run(step, *args)
        finally:
            self._leave()

    def _leave(self) -> None:
        """Use it no more; the last thread that does lets go of what was released."""
        self._users.remove(get_ident())
        if not (self._shared.is_open or self._users):
            self._let_go()

    def _let_go(self) -> None:
        self._users.append(_NOBODY)  # so that no other thread does it, too
        self._shared.let_go()

    def __del__(self, is_over: "Callable[[], bool]" = sys.is_finalizing) -> None:
        # When the process ends, the modules are emptied, and so the kernel does it.
        shared = getattr(self, "_shared", None)
        if shared is not None and shared.is_open and not is_over():
            outside(self.release)

    # -- sending --------------------------------------------------------------------

    @current_call.shielded
    def again(self, *roles: int) -> "QueueEnd":
        """Return another end of the queue."""
        fields = self._one_more(roles)
        try:
            return _adopted(*fields)
        except BaseException:  # there is no memory
            self._monitor.run(self._shared.count_in, roles, -1)
            raise

    @current_call.shielded
    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent as one more end, which is counted from now on."""
        if not self._shared.is_open:
            raise NotShareableError("it was released")
        packer = packing.current()
        return _arrived, (packer.carry((_KEY, self._one_more(self._roles))),)

    def _one_more(self, roles: "tuple[int, ...]") -> "tuple[int, ...]":
        """Count one more end; return what `_adopted` takes. In a step."""
        self._users.append(get_ident())
        try:
            ready, count_in = self._open().ready, self._shared.count_in
            fds = [*self._monitor.descriptors(), *(each.fileno() for each in ready)]
            duplicates = entries.duplicates(fds)
            try:
                self._monitor.run(count_in, roles, undo=partial(count_in, roles, -1))
            except BaseException:
                for fd in duplicates:
                    os.close(fd)
                raise
        finally:
            self._leave()
        return sum(1 << role for role in roles), self._monitor.size, *duplicates


@current_call.shielded
def _arrived(index: int) -> QueueEnd:
    return _adopted(*package.take(index))


def _adopted(mask: int, size: int, block: int, *fds: int) -> QueueEnd:
    """Make the end that was counted when it was sent."""
    half = len(fds) // 2  # the mutex, and then `ready`
    ready = Wakeup((fds[half], fds[-1]))
    roles = tuple(role for role in (SENDER, RECEIVER) if mask >> role & 1)
    end = QueueEnd.__new__(QueueEnd)
    try:
        monitor = Monitor.adopt(block, size, *fds[:half], owner=Descriptor)
    except BaseException:  # there is no memory
        ready.close()
        raise
    end._hold(monitor, ready, roles)  # noqa: SLF001  # a constructor
    return end


class _Sent:
    """Owns an end that was counted for its receiver, and sent: see `entries.Owner`."""

    @staticmethod
    def abandon(mask: int, size: int, block: int, *fds: int) -> None:
        """Count it out: it was not received."""
        _adopted(mask, size, block, *fds).release()

    @staticmethod
    def descriptors(_mask: int, _size: int, *fds: int) -> "tuple[int, ...]":
        """Return its descriptors."""
        return fds


_KEY = entries.key_of(_Sent)
