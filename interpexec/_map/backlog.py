"""The backlog of a map: items that were read, and are in no call yet."""

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._map.items import Items


class Backlog:
    """Items, first in, first out. Used under the job's lock."""

    def __init__(self) -> None:
        """Make an empty one."""
        self._runs: deque[Items] = deque()  # each of one form
        self.count = 0
        """How many items there are."""

    @property
    def weight(self) -> float:
        """Bytes of one of the next items. There must be one."""
        return self._runs[0].weight

    def append(self, items: "Items") -> None:
        """Put items behind the others."""
        self.count += len(items)
        if not (self._runs and self._runs[-1].extend(items)):
            self._runs.append(items)

    def cut(self, size: int) -> "Items":
        """Take the next items out: so many, or all. There must be one."""
        runs = self._runs
        items = runs[0].cut(size)
        while len(items) < size and len(runs) > 1:
            del runs[0]
            items.join(runs[0].cut(size - len(items)))
        if not runs[0]:
            del runs[0]
        self.count -= len(items)
        return items

    def clear(self) -> None:
        """Drop all items."""
        self._runs.clear()
        self.count = 0
