"""Items of a map that come one by one, from a program that cannot be asked for them."""

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Inlet:
    """An iterator over what was put in, in the place of a map's iterables.

    Its map reads nothing when it begins. Each `Job.refill` reads one item; when there is none,
    that is the end of the map.
    """

    def __init__(self, *, is_single: bool) -> None:
        """is_single: an item is one argument; else it is a tuple of all."""
        self.is_single = is_single
        self._items: deque[object] = deque()
        self.put = self._items.append

    def __iter__(self) -> "Self":
        return self

    def __next__(self) -> object:
        """Return the next item."""
        if not self._items:
            raise StopIteration
        return self._items.popleft()
