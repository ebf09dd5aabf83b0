"""Log records and output on their way to the pool, beside the answers of calls.

    Forwarder (log_records), Stream (output) --put--> Outbox --the reply queue--> the pool
                                                        ^                           |
                                                        +----- Order CREDIT --------+

Each entry is sent at once, as long as the pool has not fallen behind: it gives credit for so many
messages, and gives it back as it handles them. Without credit the entries wait here, and go
together in the next message. So there is no timer; a burst is sent in few messages, and no more
than some lie in the reply queue (see `_pool.lending` for why that matters).

All answers of the worker go through here, too, and what waits is sent before each: an answer comes
behind all that its call has forwarded.

Workers of pools that forward nothing do not import it.
"""

from _pickle import dumps
from _thread import RLock

from interpexec._core import current_call
from interpexec._core.cpython import own_builtins
from interpexec._core.sigint import keep_whole
from interpexec._worker import threads
from interpexec._worker.wire import CREDIT, FORWARDED, seal

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._core.message_queue import MessageQueue
    from interpexec._worker.wire import Message

    type Entry = tuple[str, *tuple[object, ...]]
    """A word for its kind, and plain data."""

keep_whole()

_MOST = 512  # entries in a message


class Outbox:
    """Stands in the place of the reply queue. From any thread of the worker."""

    def __init__(self, replies: "MessageQueue", number: int) -> None:
        """Send by this queue. number: the worker's."""
        self._replies = replies
        self._number = number
        # Guards what follows. Re-entrant, for destructors that log while this pickles.
        self._lock = RLock()
        self._waiting: list[Entry] = []
        self._credit = CREDIT
        self._is_sending = False
        self.is_open = True
        self.flushers: list[Callable[[], object]] = []
        """Called before an answer is sent: they put what they still have."""
        self.closers: list[Callable[[], object]] = []
        """Called when nothing is forwarded any more."""

    @current_call.shielded
    def put(self, entry: "Entry") -> None:
        """Send an entry, now or later."""
        with self._lock:
            self._waiting.append(entry)
            if self._credit > 0:
                self._send_waiting(is_forced=False)

    @current_call.shielded
    def give_credit(self, messages: int) -> None:
        """Learn that the pool has handled so many messages. By the helper."""
        with self._lock:
            self._credit += messages
            self._send_waiting(is_forced=False)

    @current_call.shielded
    def send(self, message: "Message") -> None:
        """Send an answer, behind all that was put."""
        try:
            with self._lock:
                for flush in self.flushers:
                    flush()
                self._send_waiting(is_forced=True)
        finally:  # whatever a call has damaged of the rest
            self._replies.send(message)

    def _send_waiting(self, *, is_forced: bool) -> None:
        """Send what waits, as far as there is credit. Under the lock."""
        if self._is_sending or not self.is_open:
            return  # by a frame below, which goes on
        self._is_sending = True
        try:
            while self._waiting and (is_forced or self._credit > 0):
                entries = self._waiting[:_MOST]
                message = seal(dumps((self._number, entries), 5), 0, FORWARDED)
                self._credit -= 1
                self._replies.send(message)
                del self._waiting[: len(entries)]
        finally:
            self._is_sending = False

    def release(self) -> None:
        """Forward what is left, and no more after that: this interpreter ends."""
        threads.end_all()  # they may have something to tell
        with self._lock:
            for flush in self.flushers:
                flush()
            self._send_waiting(is_forced=True)
            self.is_open = False
            for close in self.closers:
                close()
        self._replies.release()
