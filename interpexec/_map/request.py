"""The arguments of a map, checked."""

from interpexec._map import halting
from interpexec._pool import arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from interpexec._map.halting import Enough
    from interpexec._map.progress import Progress, Wanted


class MapRequest:
    """A function, the iterables of its arguments, and how many items go at a time."""

    def __init__(  # noqa: PLR0913  # what a map is given
        self,
        fn: "Callable[..., object]",
        iterables: "tuple[Iterable[object], ...]",
        chunksize: int | None,
        buffersize: int | None,
        timeout: float | None = None,
        *,
        wants_outcomes: bool = False,
        progress: "Wanted" = False,
        fail_fast: "Enough" = False,
    ) -> None:
        """Check them. Raises TypeError or ValueError, naming the argument.

        wants_outcomes: an object for each item, in place of its result. progress: True, or a
            callable, to be told how far the map is. fail_fast: of a feed.
        """
        self.fn = fn
        self.iterables = arguments.mappable(fn, iterables)
        self.name = arguments.name_of(fn)
        self.chunksize = arguments.chunksize(chunksize)
        self.buffersize = arguments.buffersize(buffersize)
        self.timeout = arguments.timeout(timeout)
        self.wants_outcomes = wants_outcomes
        self.fail_fast = halting.checked(fail_fast)
        self.progress: Progress | None = None
        if progress is not False:
            from interpexec._map.progress import made_of  # few maps have one

            self.progress = made_of(progress, self.iterables)

    def items(self) -> "Iterator[tuple[object, ...]]":
        """Return an iterator over the arguments of each call."""
        return zip(*self.iterables, strict=False)
