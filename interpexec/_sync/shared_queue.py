"""A line of messages in shared memory: what channels and queues are made of.

    a monitor's block                              behind it, in the same file
    +---------------------------------------+      +----------------------------+
    | words | getters | putters | joiners   |      | a ring of messages (_ring) |
    +---------------------------------------+      +----------------------------+

The kernel keeps it as long as anybody holds it; no interpreter owns a message that is
under way, so none is lost with its sender. What is large, and what is a descriptor, lies
beside it (`flatten`); who drops messages gives that back.
"""

import os
import sys
from _pickle import dumps as _dumps
from _pickle import loads as _loads
from _thread import get_ident
from functools import partial

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._core.handles import Descriptor, expect_end, expect_end_no_more, outside
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import WAKE, Deadline, Spinner, Wakeup
from interpexec._sharing import package, pickling, unpickling
from interpexec._sharing.flatten import PLAIN, drop, freeze, thaw
from interpexec._sync.monitor import Monitor, block_size
from interpexec._sync.ring import Ring
from interpexec.errors import ChannelClosedError, ChannelEmptyError, ChannelFullError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

keep_whole()

# The words, behind those of the ring.
_LIMIT, _CLOSED, _WATCHED = 4, 5, 6
_HOLDERS = 8  # and 9: of senders and of receivers
_UNFINISHED = 10  # for queues: tasks that are not done
_PROMISED = 11  # to 13: how many of each line were woken, and have not come yet

# The lines of waiting threads.
_GETTERS, _PUTTERS, _JOINERS = _LINES = range(3)

SENDER, RECEIVER = 0, 1
"""What a holder does: each of them counts itself. A queue does both."""

_BASE = block_size(len(_LINES))  # where the ring begins in the file

_ROOM = 1 << 14  # bytes, for one message; what is longer lies beside

_NOBODY = 0  # no thread has this number

_FOREVER = Deadline(None)

# How often one looks for a message before one sleeps: some 40 µs, at 0.1 µs a look.
_LOOKS = 400

# The last byte of a message that is `bytes` itself, or the pickle of something simple.
# Others: see `flatten`.
_BYTES, _SIMPLE = b"\x02", b"\x03"
_PLAIN_KINDS = frozenset({_BYTES, _SIMPLE, PLAIN})
_SIMPLE_TYPES = frozenset({int, float, complex, bool, type(None)})


class SharedQueue:
    """One holder of a line of messages. From any thread of its interpreter."""

    __slots__ = (
        "__weakref__",
        "_is_open",
        "_monitor",
        "_ready",
        "_ring",
        "_roles",
        "_spinner",
        "_users",
        "_words",
    )

    @current_call.shielded
    def __init__(self, limit: int = 0, *roles: int) -> None:
        """Make a new one. limit: of the messages in it; 0: none."""
        monitor = Monitor(len(_LINES), grows=True)
        try:
            ready = Wakeup()
        except BaseException:
            monitor.close()
            raise
        self._hold(monitor, ready, roles)
        self._words[_LIMIT] = limit
        self._count_in(roles)
        self._ring.make()

    def _hold(self, monitor: Monitor, ready: Wakeup, roles: "tuple[int, ...]") -> None:
        self._monitor = monitor
        self._words = monitor.words
        self._ready = [Descriptor(fd) for fd in dict.fromkeys(ready.token)]
        os.set_blocking(ready.fileno(), False)
        self._ring = Ring(monitor.fileno(), _BASE, monitor.words)
        self._roles = roles
        self._spinner = Spinner(_LOOKS)
        # The threads that are in the middle of something; twice, if a signal's handler is.
        self._users: list[int] = []
        self._is_open = True
        expect_end(self)

    # -- messages -----------------------------------------------------------------

    def put(self, item: object, deadline: Deadline | None) -> None:
        """Put a message in; wait for room until the deadline (None: not at all).

        Raises NotShareableError, ChannelFullError or ChannelClosedError.
        """
        beside = None
        if type(item) is bytes and len(item) < _ROOM:
            message = item + _BYTES
        elif type(item) in _SIMPLE_TYPES and len(message := _dumps(item, 5) + _SIMPLE) <= _ROOM:
            pass
        else:
            message, beside = freeze(pickling.MESSAGES.pack_or_explain(item, "the item"), _ROOM)
        self._use(self._put, message, beside, deadline)

    def get(self, deadline: Deadline | None) -> "package.Packed":
        """Take the first message, for `open_message`; wait for it until the deadline.

        (None: not at all.)

        Raises ChannelEmptyError or ChannelClosedError.
        """
        if deadline is not None and self._is_open:
            self._spinner.spin(self._is_there)
        return self._use(self._get, deadline)

    def count(self) -> int:
        """Return how many messages there are."""
        self._refuse_if_released()
        return self._ring.count()

    @property
    def limit(self) -> int:
        """How many messages there may be; 0: as many as you like."""
        self._refuse_if_released()
        return self._words[_LIMIT]

    @property
    def is_closed(self) -> bool:
        """Whether no further message can be put in."""
        self._refuse_if_released()
        return bool(self._words[_CLOSED])

    def _is_there(self) -> bool | None:
        """Say whether there is a message; None: not yet."""
        return True if self._ring.count() else None

    def _put(
        self, message: bytes, beside: "package.Package | None", deadline: Deadline | None
    ) -> None:
        words, ring = self._words, self._ring
        while not words[_CLOSED] and words[_LIMIT] and self._room() <= 0:
            self._refuse_if_released()
            if deadline is None or deadline.remaining() == 0:
                raise ChannelFullError("the channel is full")
            self._await(_PUTTERS, deadline)
        if words[_CLOSED]:
            raise ChannelClosedError("the channel is closed")
        is_news = words[_WATCHED] and not ring.count()
        if is_news:
            self._ring_ready()
        entries = [] if beside is None else beside.give_away()
        self._wake(_GETTERS)  # it comes in when this is done
        try:
            ring.push(message)
        except Exception:  # there is no memory
            if is_news:
                self._hear_ready()
            if beside is not None:
                beside.entries = entries
            raise
        words[_UNFINISHED] += 1

    def _get(self, deadline: Deadline | None) -> "package.Packed":
        words, ring = self._words, self._ring
        while ring.count() <= words[_PROMISED + _GETTERS]:
            self._refuse_if_released()
            if words[_CLOSED]:
                raise ChannelClosedError("the channel is closed")
            if deadline is None or deadline.remaining() == 0:
                raise ChannelEmptyError("the channel is empty")
            self._await(_GETTERS, deadline)
        message = self._take()
        if words[_LIMIT]:
            self._wake(_PUTTERS)
        return message if message[-1:] in _PLAIN_KINDS else thaw(message)

    def _take(self) -> bytes:
        """Take the first message, which is there."""
        words = self._words
        message = self._ring.pop()
        if words[_WATCHED] and not words[_CLOSED] and not self._ring.count():
            self._hear_ready()
        return message

    # Who is woken has the promise that there is something for it: a message, or room. So
    # nobody who comes later is faster, and nobody starves.

    def _room(self) -> int:
        """Return for how many messages there is room, that was promised to nobody."""
        words = self._words
        return words[_LIMIT] - self._ring.count() - words[_PROMISED + _PUTTERS]

    def _await(self, line: int, deadline: Deadline) -> None:
        """Sleep until woken, or until the deadline."""
        if self._monitor.wait(line, deadline, partial(self._pass_on, line)):
            self._keep_promise(line)

    def _keep_promise(self, line: int) -> None:
        promised = self._words[_PROMISED + line]
        if promised:  # else Ctrl-C came before it was made
            self._words[_PROMISED + line] = promised - 1

    def _wake(self, line: int) -> bool:
        if not self._monitor.wake(line):
            return False
        self._words[_PROMISED + line] += 1
        return True

    def _pass_on(self, line: int) -> None:
        """Wake the next one in a line: this one was woken, and has gone."""
        words = self._words
        self._keep_promise(line)
        if line == _GETTERS:
            is_there = self._ring.count() > words[_PROMISED + _GETTERS]
        else:
            is_there = line == _PUTTERS and self._room() > 0
        if is_there:
            self._wake(line)

    # -- tasks, for queues ----------------------------------------------------------

    def task_done(self) -> None:
        """Count a message as dealt with. ValueError when there was none."""
        self._use(self._task_done)

    def join(self) -> None:
        """Wait until all messages that were put in are dealt with."""
        self._use(self._join)

    def _task_done(self) -> None:
        if not self._words[_UNFINISHED]:
            raise ValueError("task_done() called too many times")
        self._words[_UNFINISHED] -= 1
        if not self._words[_UNFINISHED]:
            self._wake_all(_JOINERS)

    def _join(self) -> None:
        while self._words[_UNFINISHED]:
            self._refuse_if_released()
            self._await(_JOINERS, _FOREVER)

    # -- event loops ------------------------------------------------------------------

    def fileno(self) -> int:
        """Return a descriptor that can be read as long as there is a message, or none can come."""
        self._refuse_if_released()
        if not self._words[_WATCHED]:
            self._use(self._watch)
        return self._ready[0].fileno()

    def _watch(self) -> None:
        if not self._words[_WATCHED]:
            self._words[_WATCHED] = 1
            if self._ring.count() or self._words[_CLOSED]:
                self._ring_ready()

    def _ring_ready(self) -> None:
        os.write(self._ready[-1].fileno(), WAKE)

    def _hear_ready(self) -> None:
        try:
            os.read(self._ready[0].fileno(), len(WAKE))
        except BlockingIOError:
            pass  # Ctrl-C came before it was rung

    # -- closing --------------------------------------------------------------------

    def close(self, *, drops: bool = False) -> None:
        """Let no further message be put in, and wake everybody.

        drops: the messages that are there are given up.
        """
        for message in self._use(self._close, drops):
            _drop(message)

    def _close(self, drops: bool) -> list[bytes]:
        words, ring = self._words, self._ring
        if not words[_CLOSED]:
            words[_CLOSED] = 1
            if words[_WATCHED] and not ring.count():
                self._ring_ready()
        messages = []
        while drops and ring.count():
            messages.append(self._take())
        if messages:
            words[_UNFINISHED] -= min(len(messages), words[_UNFINISHED])
            self._wake_all(_JOINERS)  # as `queue.Queue` does
        self._wake_all(_GETTERS)
        self._wake_all(_PUTTERS)
        return messages

    def _wake_all(self, line: int) -> None:
        while self._wake(line):
            pass

    @property
    def is_released(self) -> bool:
        """Whether this holder has let go of it."""
        return not self._is_open

    @current_call.shielded
    def release(self) -> None:
        """Let go of it; close it if nobody else sends, or nobody else receives. Once.

        Threads of this interpreter that wait get ValueError.
        """
        if not self._is_open:
            return
        expect_end_no_more(self)
        self._users.append(get_ident())
        try:
            messages = self._monitor.run(self._count_out)
        finally:
            self._leave()
        for message in messages:
            _drop(message)

    def after_fork(self) -> None:
        """Be of no use: it is the parent's, who has counted one holder, and not two."""
        self._is_open = False
        self._close_all()

    def _use[T](self, step: "Callable[..., T]", *args: object) -> T:
        """Take a step. Meanwhile the descriptors stay open, also when it is released."""
        self._users.append(get_ident())
        try:
            self._refuse_if_released()
            return self._monitor.run(step, *args)
        finally:
            self._leave()

    def _leave(self) -> None:
        """Be in the middle of nothing; the last one closes what was released."""
        self._users.remove(get_ident())
        if not (self._is_open or self._users):
            self._close_all()

    def _close_all(self) -> None:
        self._users.append(_NOBODY)  # so that no other thread does it, too
        self._ring.unmap()
        self._monitor.close()
        for descriptor in self._ready:
            descriptor.close()

    def __del__(self, is_over: "Callable[[], bool]" = sys.is_finalizing) -> None:
        # When the process ends, the modules are emptied, and so the kernel does it.
        if getattr(self, "_is_open", False) and not is_over():
            outside(self.release)

    def _count_out(self) -> list[bytes]:
        """Leave; return the messages that nobody will take."""
        words = self._words
        self._is_open = False
        for role in self._roles:
            words[_HOLDERS + role] -= 1
        is_unread = not words[_HOLDERS + RECEIVER]
        if is_unread or not words[_HOLDERS + SENDER]:
            return self._close(is_unread)
        for line in _LINES if len(self._users) > 1 else ():
            self._wake_all(line)  # some of them may wait for this holder
        return []

    def _count_in(self, roles: "tuple[int, ...]", by: int = 1) -> bool:
        for role in roles:
            self._words[_HOLDERS + role] += by
        return True

    def _refuse_if_released(self) -> None:
        if not self._is_open:
            raise ValueError("it was released here")

    # -- travelling -----------------------------------------------------------------

    @current_call.shielded
    def again(self, *roles: int) -> "SharedQueue":
        """Return another holder."""
        entry = self._one_more(roles)
        try:
            return _adopted(*entry)
        except BaseException:  # there is no memory
            self._monitor.run(self._count_in, roles, -1)
            raise

    @current_call.shielded
    def __reduce__(self) -> "tuple[object, ...]":
        """Travel as one more holder, which is counted from now on."""
        if not self._is_open:
            raise NotShareableError("it was released")
        packing = package.packing()
        return _arrived, (packing.carry((_KEY, self._one_more(self._roles))),)

    def _one_more(self, roles: "tuple[int, ...]") -> "tuple[int, ...]":
        """Count one more holder; return what `_adopted` takes. In a step."""
        self._users.append(get_ident())
        try:
            self._refuse_if_released()
            fds = [*self._monitor.descriptors(), *(each.fileno() for each in self._ready)]
            duplicates = package.duplicates(fds)
            try:
                self._monitor.run(self._count_in, roles, undo=partial(self._count_in, roles, -1))
            except BaseException:
                for fd in duplicates:
                    os.close(fd)
                raise
        finally:
            self._leave()
        return sum(1 << role for role in roles), self._monitor.size, *duplicates


def open_message(message: "package.Packed") -> "Any":
    """Return what was put in. Raises what unpickling raises; it is lost then."""
    if not isinstance(message, bytes):
        return unpickling.loads_anything(message)
    kind = message[-1:]
    if kind == _SIMPLE:
        return _loads(message)
    return message[:-1] if kind == _BYTES else unpickling.loads_anything(message)


@current_call.shielded
def _arrived(index: int) -> SharedQueue:
    return _adopted(*package.take(index))


def _adopted(mask: int, size: int, block: int, *fds: int) -> SharedQueue:
    """Make the holder that was counted when it was sent."""
    half = len(fds) // 2  # the mutex; the ready bell
    ready = Wakeup((fds[half], fds[-1]))
    roles = tuple(role for role in (SENDER, RECEIVER) if mask >> role & 1)
    queue = SharedQueue.__new__(SharedQueue)
    try:
        monitor = Monitor.adopt(block, size, *fds[:half], owner=Descriptor)
    except BaseException:  # there is no memory
        ready.close()
        raise
    queue._hold(monitor, ready, roles)  # noqa: SLF001  # one of us
    return queue


class _Sent:
    """Owns a holder that was counted for its receiver, and sent: see `package.Owner`."""

    @staticmethod
    def abandon(mask: int, size: int, block: int, *fds: int) -> None:
        """Count it out: nobody has received it."""
        _adopted(mask, size, block, *fds).release()

    @staticmethod
    def descriptors(_mask: int, _size: int, *fds: int) -> "tuple[int, ...]":
        """Return its descriptors."""
        return fds


_KEY = package.key_of(_Sent)


def _drop(message: bytes) -> None:
    """Give back what lies beside a message."""
    if message[-1:] not in _PLAIN_KINDS:
        try:
            drop(message)
        except OSError:
            pass  # the others must be given back, too
