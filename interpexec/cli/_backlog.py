"""Items that wait for a worker, and the chunks that are made of them."""

from collections import deque
from heapq import heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Chunk:
    """Some items in a row; `start` is the number of the first, counted from 0."""

    __slots__ = ("items", "start")

    def __init__(self, start: int, items: list[str]) -> None:
        self.start = start
        self.items = items

    def __lt__(self, other: "Chunk") -> bool:
        return self.start < other.start

    def after(self, done: int) -> "Chunk":
        """Return what is left when the first `done` items are done."""
        return Chunk(self.start + done, self.items[done:])


class Backlog:
    """Two queues: blocks of items as they were read, and chunks that came back.

    A worker gives back items that it had no time for. These go first: everything read
    later stands behind it in the output, too. For one thread.
    """

    def __init__(self, on_used_up: "Callable[[], None]") -> None:
        """Call `on_used_up` for each block whose last item is taken."""
        self._on_used_up = on_used_up
        self._blocks: deque[list[str]] = deque()
        self._offset = 0  # items of the first block that are taken
        self._next_number = 0
        self._returned: list[Chunk] = []

    def __len__(self) -> int:
        """Count the items of the queue that `take` would serve."""
        if self._returned:
            return len(self._returned[0].items)
        return sum(map(len, self._blocks)) - self._offset

    def has_returned(self) -> bool:
        """Say whether `take` would give a chunk of what came back."""
        return bool(self._returned)

    def add(self, block: list[str]) -> None:
        """Put a block of new items, at least one, at the end."""
        self._blocks.append(block)

    def give_back(self, chunk: Chunk) -> None:
        """Take back what a worker has not done."""
        heappush(self._returned, chunk)

    def take(self, size: int) -> Chunk:
        """Return the next chunk, of at most `size` items; there must be one."""
        if not self._returned:
            return self._take_new(size)
        chunk = heappop(self._returned)
        if len(chunk.items) > size:
            heappush(self._returned, chunk.after(size))
            del chunk.items[size:]
        return chunk

    def _take_new(self, size: int) -> Chunk:
        items: list[str] = []
        while self._blocks and len(items) < size:
            block = self._blocks[0]
            taken = block[self._offset : self._offset + size - len(items)]
            items += taken
            self._offset += len(taken)
            if self._offset == len(block):
                self._blocks.popleft()
                self._offset = 0
                self._on_used_up()
        chunk = Chunk(self._next_number, items)
        self._next_number += len(items)
        return chunk

    def drop_from(self, number: int) -> None:
        """Forget all items from `number` on that stand here; more may not be added."""
        self._blocks.clear()
        self._offset = 0
        self._returned = [chunk for chunk in self._returned if chunk.start < number]
