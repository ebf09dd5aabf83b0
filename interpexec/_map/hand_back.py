"""The items of a running call that it has not begun, and how they are handed back.

The thread that runs the call takes items from the left of a `deque`, until it finds END. Another
thread of the worker cuts off the items that are left, without a lock around them: it brings END
from the right end to the left one, by one call of C code. So END is found either before an item
or after it, and each item is either run or handed back.
"""

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

_END = object()
"""Stands behind the items, or before those that were cut off."""


class Remaining:
    """The items of a call that it has not begun. They are cut off at most once."""

    __slots__ = ("_items", "_uncut")

    def __init__(self, items: "deque[object]") -> None:
        """Own the items, which nobody else changes from now on."""
        items.append(_END)
        self._items = items
        self._uncut = [items]  # the thread that cuts them off takes them from here first

    def take(self) -> "Iterator[object]":
        """Return an iterator, written in C, that takes the next item. For the running thread."""
        return iter(self._items.popleft, _END)

    def has_more(self) -> bool:
        """Say whether the iterator has not ended yet. For the running thread."""
        items = self._items
        return bool(items) and (items[-1] is _END or items[0] is _END)

    def cut_off(self, *, keep_first: bool = False) -> int:
        """Take the items away; return how many.

        keep_first: leave one. By the running thread only, before it has taken any.
        """
        try:
            items = self._uncut.pop()
        except IndexError:
            return 0
        items.rotate(1)
        if keep_first and len(items) > 1:
            items[0], items[1] = items[1], _END
            return len(items) - 2
        left = items.copy()
        return len(left) - 1 if left and left[0] is _END else len(left)
