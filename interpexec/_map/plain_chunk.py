"""Chunks of a given size, each one call, whose first exception is that of the whole chunk.

In the worker. (`run_chunk` is for chunks that are divided, and of whose items each has its
own outcome.)
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def mapped(fn: "Callable[..., object]", items: "Iterable[object]") -> list[object]:
    """Call a function with each item."""
    return [*map(fn, items)]


def starmapped(fn: "Callable[..., object]", items: "Iterable[Iterable[object]]") -> list[object]:
    """Call a function with the arguments that each item holds."""
    return [fn(*item) for item in items]
