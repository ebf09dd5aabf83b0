"""Channels: queues of objects from any interpreter to any other one.

    receiver, sender = create_channel()        PEP 554's names, and order

    sender.send(obj)   --->  | obj | obj | obj |  --->   receiver.recv()

Both ends can be sent, to as many interpreters as you like: each object that goes through
the channel is received once. Every argument of a call can go through it, only that memory is
copied (use a `SharedBuffer`). An object that was sent belongs to the channel: it is
not lost when its sender's interpreter ends.

An end is like a descriptor of a pipe. Each holder has its own, and releases it by
`release()`, by `with`, or by forgetting it. When the last sender is released, receivers get
what is left and then ChannelClosedError; when the last receiver is, senders get it at once.
`close()` ends the channel for all holders at once.
"""

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._core.sigint import keep_whole
from interpexec._sharing import packing
from interpexec._sync.base import Generic, Received_co, Sent_contra, check_count, until
from interpexec._sync.message import open_message
from interpexec._sync.queue_end import QueueEnd
from interpexec._sync.shared_queue import RECEIVER, SENDER
from interpexec.errors import ChannelEmptyError, ChannelFullError

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from typing import Any, Self

keep_whole()

__all__ = ["RecvChannel", "SendChannel", "create_channel"]


@current_call.shielded
def create_channel(
    capacity: int | None = None,
) -> "tuple[RecvChannel[Any], SendChannel[Any]]":
    """Return the two ends of a new channel: the receiving one, and the sending one.

    capacity: how many objects may be in it, an int >= 1: a sender of more waits until one
        was received. None: as many as there is memory for.

    To a type checker they take any object, unless the variables are declared, as
    `RecvChannel[int]` and `SendChannel[int]`.

    Raises TypeError or ValueError, or OSError when no descriptor is free (an end takes
    three).
    """
    if capacity is not None:
        check_count(capacity, "capacity", 1)
    queue = QueueEnd(capacity or 0, SENDER)
    return RecvChannel(queue.again(RECEIVER)), SendChannel(queue)


class _End:
    """One end of a channel. Use it from any thread of its interpreter."""

    __slots__ = ("__weakref__", "_queue")

    def __init__(self, queue: QueueEnd) -> None:
        self._queue = queue

    @property
    def capacity(self) -> int | None:
        """How many objects may be in the channel; None: as many as there is memory for."""
        return self._queue.limit or None

    @property
    def closed(self) -> bool:
        """Whether nothing more can be sent. Objects may still be in the channel."""
        return self._queue.is_closed

    def __len__(self) -> int:
        """Return how many objects are in the channel at this moment."""
        return self._queue.count()

    def __bool__(self) -> bool:
        """Be true, also when there is nothing in it."""
        return True

    def release(self) -> None:
        """Release this end: it cannot be used afterwards. May be called more than once."""
        self._queue.release()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_error: object) -> None:
        """Release this end."""
        self.release()

    def __repr__(self) -> str:
        if self._queue.is_released:
            return f"<{type(self).__name__} released>"
        state = "closed, " if self.closed else ""
        return f"<{type(self).__name__} {state}{len(self)} in it>"

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent as one more end. Raises NotShareableError outside of a call or a channel."""
        packing.current()
        if self._queue.is_released:
            raise NotShareableError("this end was released")
        return type(self), (self._queue,)


class RecvChannel(_End, Generic[Received_co]):
    """The end of a channel at which objects are received. From `create_channel()`."""

    __slots__ = ()

    def recv(self, timeout: float | None = None) -> Received_co:
        """Take the first object; wait for it at most `timeout` seconds (None: for ever).

        The receiver that has waited longest is served first. Raises TimeoutError when the
        time is over; ChannelClosedError when nothing is left and nothing can come; and the
        error of an object that cannot be unpickled, which is then lost.
        """
        try:
            message = self._queue.get(until(timeout))
        except ChannelEmptyError:
            text = f"nothing was received within {timeout:g} s"
            raise TimeoutError(text) from None
        return open_message(message)  # type: ignore[no-any-return]  # what was sent

    def recv_nowait(self) -> Received_co:
        """Take the first object. Raises ChannelEmptyError when there is none; else as `recv`."""
        return open_message(self._queue.get(None))  # type: ignore[no-any-return]  # what was sent

    def __iter__(self) -> "Self":
        """Iterate over the objects, until the channel is closed and empty."""
        return self

    def __next__(self) -> Received_co:
        from interpexec.errors import ChannelClosedError

        try:
            message = self._queue.get(until(None))
        except ChannelClosedError:
            raise StopIteration from None
        return open_message(message)  # type: ignore[no-any-return]  # what was sent

    def fileno(self) -> int:
        """Return a descriptor for selectors and event loops.

        It is readable (do not read it) as long as there is an object in the channel, or
        the channel is closed: then `recv_nowait` does not raise ChannelEmptyError, unless
        another receiver was faster.
        """
        return self._queue.fileno()

    def close(self) -> None:
        """Close the channel, and drop the objects in it.

        Wakes every waiting sender and receiver, in all interpreters, with
        ChannelClosedError.
        """
        self._queue.close(drops=True)


class SendChannel(_End, Generic[Sent_contra]):
    """The end of a channel at which objects are sent. From `create_channel()`."""

    __slots__ = ()

    def send(self, obj: Sent_contra, timeout: float | None = None) -> None:
        """Send an object; wait for room at most `timeout` seconds (None: for ever).

        It is pickled before this returns: later changes of the object are not sent.
        Raises TimeoutError when the time is over; ChannelClosedError when nobody can
        receive it any more; NotShareableError, naming the part that cannot be sent. It
        is not sent then.
        """
        try:
            self._queue.put(obj, until(timeout))
        except ChannelFullError:
            message = f"there was no room in the channel within {timeout:g} s"
            raise TimeoutError(message) from None

    def send_nowait(self, obj: Sent_contra) -> None:
        """Send an object. Raises ChannelFullError when there is no room; else as `send`."""
        self._queue.put(obj, None)

    def close(self) -> None:
        """Close the channel for sending. Objects in it can still be received.

        Wakes every waiting sender and receiver, in all interpreters, with
        ChannelClosedError.
        """
        self._queue.close()
