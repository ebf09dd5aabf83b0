"""Reading the iterables of a map."""

from itertools import islice
from time import monotonic_ns

from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import without_frames
from interpexec._core.sigint import interruptibly
from interpexec._map.chunk_size import MOST
from interpexec._map.inlet import Inlet
from interpexec._map.items import NOTHING, Items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_QUICK = 1_000_000  # ns: items that are read faster than that are read in larger pieces


class Reader:
    """Reads the iterables. By the thread that iterates, without the job's lock."""

    def __init__(
        self,
        iterables: "tuple[Iterable[object], ...]",
        make: "Callable[[list[list[object]], int], Items]",
        bound: int | None,
    ) -> None:
        """make: makes items of arguments (`CallMaker.items`). bound: of the items in flight."""
        self.bound = bound
        first = iterables[0] if len(iterables) == 1 else zip(*iterables, strict=False)
        self._is_fed = isinstance(first, Inlet)
        self._is_single = first.is_single if isinstance(first, Inlet) else len(iterables) == 1
        self._iterator = iter(first)
        self._make = make
        self.is_at_end = False
        self.error: Exception | None = None
        """Raised behind the last item."""
        self.count = 0
        """How many items have been read."""

    def first(self) -> "Iterator[int]":
        """Yield how many items to read next, until as many were read as may be in flight."""
        count, left = 1, 0 if self._is_fed else self.bound
        while left != 0:
            begun = monotonic_ns()
            yield count if left is None else min(count, left)
            if left is not None:
                left -= min(count, left)
            count = min(2 * count, MOST) if monotonic_ns() - begun < _QUICK else 1

    def read(self, count: int) -> Items:
        """Read so many items, or what there is. An exception of the iterables is their end."""
        values: list[object] = []
        try:
            interruptibly(values.extend, islice(self._iterator, count))
            self.is_at_end = len(values) < count
        except Exception as error:  # the user's code
            self.end_with(error)
        self.count += len(values)
        try:
            return interruptibly(self._items, values) if values else NOTHING
        except NotShareableError as error:  # the function, and with it every item
            self.end_with(without_frames(error))
            return NOTHING

    def end_with(self, error: Exception) -> None:
        """Read nothing more; the error comes behind the last item."""
        self.is_at_end, self.error = True, error

    def take_error(self) -> Exception | None:
        """Return the error that comes behind the last item, once."""
        error, self.error = self.error, None
        return error

    def _items(self, values: "list[object]") -> Items:
        is_single = self._is_single
        columns = [values] if is_single else [*map(list, zip(*values, strict=True))]
        return self._make(columns, self.count - len(values))
