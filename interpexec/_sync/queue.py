"""`interpexec.sync.Queue`: the standard library's queue, for all interpreters."""

from queue import Empty, Full, ShutDown

from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import Deadline
from interpexec._sync.base import Generic, T, check_count, sent, until
from interpexec._sync.message import open_message
from interpexec._sync.queue_end import QueueEnd
from interpexec._sync.shared_queue import RECEIVER, SENDER
from interpexec.errors import ChannelClosedError, ChannelEmptyError, ChannelFullError

keep_whole()


class Queue(Generic[T]):
    """A queue of objects for any number of producers and consumers, of any interpreter.

    As `queue.Queue`, with its exceptions. It can be an argument of a call, which then has
    the same queue. It takes all objects that may be arguments, only that memory is copied
    (use a `SharedBuffer`).
    """

    __slots__ = ("__weakref__", "_queue")

    def __init__(self, maxsize: int = 0) -> None:
        """maxsize: how many objects may be in it; 0 or less: as many as there is memory for.

        Raises TypeError, or OSError when no descriptor can be made (it takes three).
        """
        check_count(maxsize if not isinstance(maxsize, int) else max(maxsize, 0), "maxsize", 0)
        self._use(QueueEnd(max(maxsize, 0), SENDER, RECEIVER))

    def _use(self, queue: QueueEnd) -> None:
        self._queue = queue

    @property
    def maxsize(self) -> int:
        """How many objects may be in it; 0: as many as there is memory for."""
        return self._queue.limit

    @property
    def is_shutdown(self) -> bool:
        """Whether `shutdown` was called."""
        return self._queue.is_closed

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put an object in; wait for room at most `timeout` seconds (None: for ever).

        It is pickled here and now. Raises Full when there is no room, or was none in
        time; ShutDown; NotShareableError, naming the part that cannot be sent; ValueError
        for a negative timeout.
        """
        try:
            self._queue.put(item, _deadline(block, timeout))
        except ChannelFullError:
            raise Full from None
        except ChannelClosedError:
            raise ShutDown(_SHUT_DOWN.format(self)) from None

    def put_nowait(self, item: T) -> None:
        """Put an object in, or raise Full."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take the first object; wait for it at most `timeout` seconds (None: for ever).

        Raises Empty when there is none, or was none in time; ShutDown when none can
        come; ValueError for a negative timeout.
        """
        try:
            message = self._queue.get(_deadline(block, timeout))
        except ChannelEmptyError:
            raise Empty from None
        except ChannelClosedError:
            raise ShutDown(_SHUT_DOWN.format(self)) from None
        return open_message(message)  # type: ignore[no-any-return]  # what was put in

    def get_nowait(self) -> T:
        """Take the first object, or raise Empty."""
        return self.get(block=False)

    def qsize(self) -> int:
        """Return how many objects are in it at this moment."""
        return self._queue.count()

    def empty(self) -> bool:
        """Say whether nothing is in it at this moment."""
        return not self._queue.count()

    def full(self) -> bool:
        """Say whether there is no room at this moment."""
        return 0 < self._queue.limit <= self._queue.count()

    def task_done(self) -> None:
        """Say that an object that was taken is dealt with. ValueError if that is too often."""
        self._queue.task_done()

    def join(self) -> None:
        """Wait until every object that was put in is dealt with."""
        self._queue.join()

    def shutdown(self, immediate: bool = False) -> None:
        """Let nothing more be put in. Threads that wait, or come later, get ShutDown.

        Objects that are there can still be taken; with `immediate` they are dropped, and
        count as dealt with.
        """
        self._queue.close(drops=immediate)

    def __repr__(self) -> str:
        return (
            f"<interpexec.sync.Queue at {id(self):#x} maxsize={self.maxsize} size={self.qsize()}>"
        )

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent as the same queue. Raises NotShareableError outside of a call or a channel."""
        return sent(Queue, self._queue)


_SHUT_DOWN = "{!r} was shut down"


def _deadline(block: bool, timeout: float | None) -> Deadline | None:
    if not block:
        return None
    deadline = until(timeout)
    if timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return deadline
