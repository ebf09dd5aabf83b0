"""When a finished chunk may be written: in the order of the items, or at once.

Both have the same three methods; `_flow` does not know which one it has.
"""

from interpexec.cli._evaluate import Reply

MOST_BYTES = 64 << 20
"""Results that wait for an earlier one may take so much memory (and one chunk
per worker more). More would let a very slow item delay the others less."""

MOST_REPLIES = 4096
"""The same for very small results, which cost memory by their number."""


class InItemOrder:
    """Holds replies back until all earlier items have been written."""

    def __init__(self) -> None:
        self._next = 0
        self._held: dict[int, Reply] = {}
        self._held_bytes = 0

    def has_room(self) -> bool:
        """Say whether later items may be started; earlier ones always may."""
        return self._held_bytes < MOST_BYTES and len(self._held) < MOST_REPLIES

    def add(self, start: int, reply: Reply) -> list[tuple[int, Reply]]:
        """Take the reply for the items from `start` on; return what can be written now."""
        self._held[start] = reply
        self._held_bytes += _size(reply)
        ready = []
        while (reply_ := self._held.pop(self._next, None)) is not None:
            self._held_bytes -= _size(reply_)
            ready.append((self._next, reply_))
            self._next += reply_.done
        return ready


class AsTheyArrive:
    """Lets every reply pass."""

    def has_room(self) -> bool:
        """Say yes: nothing is held."""
        return True

    def add(self, start: int, reply: Reply) -> list[tuple[int, Reply]]:
        """Return what was given."""
        return [(start, reply)]


type Order = InItemOrder | AsTheyArrive


def _size(reply: Reply) -> int:
    return len(reply.lines) + sum(
        len(failure.summary) + len(failure.traceback) for failure in reply.failures
    )
