"""The link between a pool and its workers, while it has workers.

    request queue   pool -> workers   calls; each is taken by a worker that is free
    reply queue     workers -> pool   values, failures, notices
    slots           the state of each worker, by seat (`slots`)

It lives from the start of the first worker until the end of the last one.
"""

from interpexec._core.cpython import Fifo
from interpexec._core.message_queue import MessageQueue, Token
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import Spinner
from interpexec._pool.lending import LOANS
from interpexec._pool.slots import Slots
from interpexec._worker import wire
from interpexec._worker.wire import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from interpexec._sharing.package import Packed

keep_whole()


# The receivers of replies. The first one that sleeps is woken, so that a thread
# which waits directly is woken before the collector.
_DIRECT, _COLLECTOR = range(2)

# How often who waits for one call looks before it sleeps: some 100 µs, longer than it
# takes to wake the worker.
_LOOKS = 1500

# Seats beyond one for each worker: for those that leave while their successors are
# already there, and that may be blocked for as long as they like. A seat that is
# not used costs 33 bytes.
_SPARE_SEATS = 1024


class Link:
    """The two queues and the slots."""

    def __init__(self, workers: int) -> None:
        """Make them for so many workers."""
        self.seats = 2 * workers + _SPARE_SEATS
        # CPython finds a channel in a list, from the newest one on, under the mutex of them all.
        # So those of which each worker has one, for its start and for orders, are made before those
        # of all messages: otherwise a call takes five times the CPU time among a thousand workers.
        self._fifos = [Fifo() for _ in range(2 * workers)]
        self._requests = MessageQueue(self.seats)
        # Used once, here: CPython closes a channel when all interpreters that have used
        # it have ended. Workers may come and go before there is a call.
        self._requests.send(True)
        self._requests.recv_nowait()
        self._spinner = Spinner(_LOOKS)  # of the thread that waits directly
        self.is_closing = False  # the workers were told to end
        self._replies = MessageQueue(2)
        try:
            self._replies.open_seat(_DIRECT)
            self._replies.open_seat(_COLLECTOR)
        except BaseException:  # no descriptor is left
            self._destroy_queues()
            raise
        self.slots = Slots(self.seats)
        LOANS.pool_opens(self)

    def fifo(self) -> Fifo:
        """Return a queue for what one worker alone is told. From any thread."""
        try:
            return self._fifos.pop()
        except IndexError:  # this is a later worker
            return Fifo()

    def tokens(self, seat: int) -> tuple[Token, Token]:
        """Return what the worker on `seat` reaches requests and replies by."""
        self._requests.open_seat(seat)
        return self._requests.token, self._replies.token

    def send(self, payload: "Packed", call_id: int, kind: int = 0) -> None:
        """Give a call to the workers. Never blocks."""
        wire.send(self._requests, payload, call_id, kind)

    def send_bundle(self, calls: "list[wire.Call]") -> None:
        """Give several calls to one worker. Never blocks."""
        self._requests.send(wire.seal_bundle(calls, wire.BUNDLE))

    def recall(self) -> "Iterator[tuple[Packed, int]]":
        """Take back the calls that no worker has taken: their payloads and ids."""
        while (message := self._requests.recv_nowait()) is not None:
            for payload, call_id, _ in wire.unbundle([wire.unseal(message)]):  # type: ignore[arg-type]
                yield payload, call_id

    def order_to_leave(self, seat: int) -> None:
        """Have the worker on `seat` take no further call."""
        self.slots.order_to_leave(seat)
        self._requests.wake(seat)

    def no_more_calls(self) -> None:
        """Let the workers finish what they were given, and then end.

        Nothing may be recalled afterwards: it could not be sent any more.
        """
        self.is_closing = True
        self._requests.close()

    def wait(self, timeout: float | None) -> list[Message]:
        """Block until there are replies, or somebody nudges; take what is there.

        For at most `timeout` seconds (None: for ever). By the collector.
        """
        message = self._replies.recv_or_wake(_COLLECTOR, timeout)
        return [] if message is None else [message, *self.take()]  # type: ignore[list-item]

    def nudge(self) -> None:
        """Wake the collector, to look at other things."""
        self._replies.wake(_COLLECTOR)

    def wait_directly(self, timeout: float | None) -> list[Message]:
        """Block until there is a reply, and take that one alone; or until somebody nudges.

        For at most `timeout` seconds. By one other thread at a time. As long as that thread
        sleeps here, replies do not wake the collector. When it leaves without a reply, it must
        `take()` once more: for a reply that it has got, no other one has woken it alone.
        """
        message = self._replies.recv_or_wake(_DIRECT, timeout, self._spinner)
        return [] if message is None else [message]  # type: ignore[list-item]

    def leave_direct_seat(self) -> None:
        """Have no reply wake who is in `wait_directly`: it cannot take them now."""
        self._replies.leave_seat(_DIRECT)

    def nudge_direct(self) -> None:
        """Wake who is in `wait_directly`."""
        self._replies.wake(_DIRECT)

    def take(self) -> list[Message]:
        """Take the replies that have arrived, without waiting.

        Taking a message asks the sender's interpreter to let go of it. That
        interpreter cannot end meanwhile: one receive is one step under this
        interpreter's GIL, and the worker's thread calls this before it ends the interpreter.
        """
        return list(iter(self._replies.recv_nowait, None))  # type: ignore[arg-type]

    def destroy(self) -> None:
        """Give everything back, when no worker is left."""
        LOANS.pool_closes(self)
        for queue in (self._requests, self._replies):
            for message in iter(queue.recv_nowait, None):
                wire.unseal(message)  # type: ignore[arg-type]  # its out-of-band data is given back
        self._destroy_queues()

    def _destroy_queues(self) -> None:
        self._requests.destroy()
        self._replies.destroy()
        while self._fifos:
            self._fifos.pop().destroy()
