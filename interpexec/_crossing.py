"""What connects home and the workers of a pool, while it has workers.

    requests   home -> workers   calls; each is taken by whichever worker is free
    replies    workers -> home   what became of them
    slots      written by the workers, read by home at any time: which call each
               one is running, by seat

It lives from the start of the first worker until the end of the last one.
"""

from array import array

from interpexec import _messages
from interpexec._messages import NUDGE, Message
from interpexec.channels import Channel, Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Crossing:
    """The two channels and the slots. Home side."""

    def __init__(self, seats: int) -> None:
        """Make them for so many workers."""
        self._requests = Channel(seats)
        self._replies = Channel()
        self._replies.open_seat()
        self._slots = array("Q", bytes(8 * seats))

    def tokens(self, seat: int) -> tuple[Token, Token, memoryview]:
        """Return what the worker on `seat` reaches requests, replies and slots by."""
        self._requests.open_seat(seat)
        return self._requests.token, self._replies.token, memoryview(self._slots)

    def running(self, seat: int) -> int:
        """Return the id of the call that the worker on `seat` runs, or 0."""
        return self._slots[seat]

    def send(self, payload: bytes, call_id: int) -> None:
        """Give a call to the workers. Never blocks."""
        self._requests.send(_messages.seal(payload, call_id))

    def recall(self) -> "Iterator[tuple[bytes, int]]":
        """Take back the calls that no worker has begun: their payloads and ids."""
        while (message := self._requests.recv_nowait()) is not None:
            payload, call_id, _ = _messages.unseal(message)  # type: ignore[arg-type]
            yield payload, call_id

    def no_more_calls(self) -> None:
        """Let the workers finish what they were given, and then end."""
        self._requests.close()

    def wait(self) -> list[Message]:
        """Block until there are replies, or somebody nudges; take what is there."""
        message = self._replies.recv()
        rest = self.take()
        return rest if isinstance(message, int) else [message, *rest]  # type: ignore[list-item]

    def take(self) -> list[Message]:
        """Take the replies that have arrived, without waiting.

        Taking a message asks the sender's interpreter to let go of it. That
        interpreter cannot end meanwhile: one receive is one step under home's
        GIL, and the worker's thread calls this before it ends the interpreter.
        """
        messages = iter(self._replies.recv_nowait, None)
        return [message for message in messages if not isinstance(message, int)]  # type: ignore[misc]

    def nudge(self) -> None:
        """Wake who waits, to look at other things."""
        self._replies.send(NUDGE)

    def destroy(self) -> None:
        """Give everything back, when no worker is left."""
        self._requests.destroy()
        self._replies.destroy()
