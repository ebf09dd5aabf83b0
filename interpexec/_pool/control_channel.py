"""The pool's end of the control channel of one worker. See `_worker.control`."""

from interpexec._core.cpython import ChannelGoneError, Fifo
from interpexec._core.message_queue import MessageQueue, Token
from interpexec._core.sigint import keep_whole
from interpexec._worker.control import CALL, CREDIT, GO, HAND_BACK, ITEMS, STACK, STOP, TRACE
from interpexec._worker.wire import seal, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._sharing.package import Packed
    from interpexec._worker.recorder import Share
    from interpexec._worker.wire import Message

keep_whole()

_abandoned: list[MessageQueue] = []
"""The lines of interpreters that cannot be ended."""


class ControlChannel:
    """The pool's end, of one worker. To be used under the scheduler's lock."""

    def __init__(self, fifo: Fifo) -> None:
        """Open the line. Orders may be given before anybody listens."""
        self._channel: MessageQueue | None = MessageQueue(1, fifo=fifo)
        self._channel.open_seat()

    @property
    def token(self) -> Token:
        """The token by which the worker reaches the channel."""
        assert self._channel is not None
        return self._channel.token

    def stop_call(self, call_id: int, signal: int) -> None:
        """Stop a call if the worker runs it, or comes to it; else nothing happens.

        signal: the number of the one that wakes a blocked system call, or 0.
        """
        self._send(STOP, call_id, bytes([signal]))

    def broadcast(self, call_id: int, payload: "Packed") -> None:
        """Have a pickled call run beside what the worker runs."""
        message = seal(payload, call_id)
        entries = [] if isinstance(payload, bytes) else payload.give_away()
        if not self._send(CALL, call_id, message) and not isinstance(payload, bytes):
            payload.entries = entries

    def ask_stack(self, call_id: int) -> None:
        """Ask for the frames of what the worker runs; they come as a value."""
        self._send(STACK, call_id)

    def ask_items(self, call_id: int, of: int, *, takes_outcomes: bool) -> None:
        """Take from a call what it has not begun, and the outcomes that are there, if wanted.

        The number of items comes as a value, with the pickled outcomes or None.
        """
        self._send(ITEMS, call_id, of.to_bytes(8, "little") + bytes([takes_outcomes]))

    def hand_back(self) -> None:
        """Have the worker leave the calls that it holds, and has not begun, to others."""
        self._send(HAND_BACK, 0)

    def go(self) -> None:
        """Let a successor take its first call."""
        self._send(GO, 0)

    def give_credit(self, messages: int) -> None:
        """Let the worker forward so many messages more."""
        self._send(CREDIT, messages)

    def trace(self, share: "Share | None", call_id: int = 0) -> None:
        """Have the worker record its calls; None: no more. An id: that of the answer."""
        self._send(TRACE, call_id, share or b"")

    def close(self) -> None:
        """Give everything back, when the interpreter is gone."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            try:
                for order in iter(channel.recv_nowait, None):
                    if order[0] == CALL:  # type: ignore[index]  # an Order
                        unseal(order[2])  # type: ignore[index]  # its out-of-band data is given back
            except ChannelGoneError:
                pass  # CPython has closed it, and dropped them
            channel.destroy()

    def abandon(self) -> None:
        """Have the helper end, and give nothing back: it may not get that far."""
        if self._channel is not None:
            self._channel.close()
            _abandoned.append(self._channel)
            self._channel = None

    def _send(self, what: int, call_id: int, message: "Message" = b"") -> bool:
        """Give an order; return whether there is still somebody to take it."""
        if self._channel is None:
            return False
        try:
            self._channel.send((what, call_id, message))
        except ChannelGoneError:
            return False  # its interpreter has just ended; its thread is about to say so
        return True
