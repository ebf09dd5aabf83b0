"""The chunks of a map: items that are sent in one call, and their order.

    whole --> asked --> divided --> finished        (or to a later one at once)

    WHOLE      all its items are with one worker, or about to be sent
    ASKED      the worker was asked to hand back what it has not begun
    DIVIDED    it has handed items back: they are chunks of their own
    FINISHED   its future is: of its items is kept what errors and outcomes name

Chunks form a list, in the order of the items. Items that a worker hands back become new
chunks right behind theirs. So the order of the results is that of the list, whatever
workers the items were sent to.
"""

from concurrent.futures import Future

from interpexec._map.items import NOTHING, Items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._map.provenance import Provenance

WHOLE, ASKED, DIVIDED, FINISHED = "whole", "asked", "divided", "finished"

MOVES: dict[str, frozenset[str]] = {
    WHOLE: frozenset({ASKED, DIVIDED, FINISHED}),
    ASKED: frozenset({DIVIDED, FINISHED}),
    DIVIDED: frozenset({FINISHED}),
    FINISHED: frozenset(),
}
"""From each state of a chunk, the states that may follow.

WHOLE becomes DIVIDED without being asked when its call took longer than it was made for.
"""


class Chunk:
    """Consecutive items that are sent in one call. Used under the job's lock."""

    __slots__ = ("future", "items", "next", "provenance", "state")

    def __init__(self, items: Items) -> None:
        """Make one that is in no list yet."""
        self.items = items
        self.future: Future[object]
        self.next: Chunk | None = None
        self.state = WHOLE
        self.provenance: Provenance | None = None
        """When it is finished: the items behind its outcomes."""

    def move(self, state: str) -> bool:
        """Go to another state, if it may follow; return whether that was so."""
        if state not in MOVES[self.state]:
            return False
        self.state = state
        return True

    def finish(self, provenance: "Provenance") -> bool:
        """Go to FINISHED, and keep no items; return whether that is new."""
        if not self.move(FINISHED):
            return False
        self.provenance = provenance
        self.items = NOTHING  # they may hold an error
        return True

    def is_end(self) -> bool:
        """Say whether it is finished, and is no item's: its error stands behind all items."""
        return self.provenance is not None and not self.provenance.count

    def settle(self, error: BaseException | None, provenance: "Provenance") -> None:
        """Finish, as this will never run: with an error, or (None) as cancelled."""
        self.future = Future()
        if error is None:
            self.future.cancel()
            self.future.set_running_or_notify_cancel()
        else:
            self.future.set_exception(error)
        self.finish(provenance)


class ChunkList:
    """The chunks of a map, in the order of their items. Used under the job's lock."""

    def __init__(self, *, is_ordered: bool) -> None:
        """is_ordered: else chunks have no place, and are told of when they are finished."""
        self._is_ordered = is_ordered
        self.last = Chunk(NOTHING)
        self.made = 0
        """How many chunks there have been."""

    def insert(self, chunk: Chunk, behind: Chunk) -> Chunk:
        """Put a chunk behind another one, and return it."""
        self.made += 1
        if self._is_ordered:
            chunk.next, behind.next = behind.next, chunk
            if behind is self.last:
                self.last = chunk
        return chunk

    def append(self, items: Items) -> Chunk:
        """Put a new chunk behind all others, and return it."""
        return self.insert(Chunk(items), self.last)
