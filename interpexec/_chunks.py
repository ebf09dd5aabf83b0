"""Several items of a map in one call.

Home sends a `Chunk`, which is the function, and a `Parcel` of argument tuples; the
worker answers with `Outcomes`. An item that fails costs no other one, whether
it fails to travel there, in the function, or on the way back.

Numbers, strings and the like are sure to travel, and travel together, in one
pickle. Of anything else each item is pickled by itself, so that each can fail
by itself.
"""

from itertools import chain

from interpexec import _failures, _main, _messages, _tasks
from interpexec._runtime import NotShareableError
from interpexec.errors import TaskCancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from interpexec._packing import Packed

    type Arguments = tuple[object, ...]

# What cannot fail to be pickled or unpickled. No containers: who knows what is in them.
_SURE = frozenset({int, float, complex, bool, type(None), str, bytes})


def _are_sure(objects: "Iterable[object]") -> bool:
    return _SURE.issuperset(map(type, objects))


class Parcel:
    """The argument tuples of a chunk on their way to a worker."""

    def __init__(self, items: "Sequence[Arguments]") -> None:
        """Pack them. What cannot travel is noted as a failure of its item."""
        self._failures: dict[int, Packed] = {}
        self._items: Sequence[Arguments] | None = None
        self._pickles: list[Packed] = []
        if _are_sure(chain.from_iterable(items)):
            self._items = items
            return
        for index, item in enumerate(items):
            try:
                self._pickles.append(_messages.dumps_call(_nothing, item, {}))
            except NotShareableError as error:
                self._failures[index] = _failures.pack(error)
                self._pickles.append(b"")

    def run(self, fn: "Callable[..., object]") -> "Outcomes":
        """Call `fn(*item)` for each item. In a worker."""
        values: list[object] = []
        failures = self._failures
        thread = _tasks.this_thread()
        for index, item in enumerate(self._unpack()):
            if thread.hit:  # an item has kept what should have stopped all of them
                raise TaskCancelled
            value = None
            if index not in failures:
                try:
                    value = fn(*item)
                except BaseException as error:  # a failure of this item alone
                    _tasks.end_if_stopped(error)
                    failures[index] = _failures.pack(error, skip=1)
            values.append(value)
            del value
        return Outcomes(values, failures, after_main=_main.was_run())

    def _unpack(self) -> "Iterable[Arguments]":
        """Return the argument tuples; what cannot be unpickled is noted as a failure."""
        return self._unpickle_each() if self._items is None else self._items

    def _unpickle_each(self) -> "Iterator[Arguments]":
        for index, pickled in enumerate(self._pickles):
            item: Arguments = ()
            if index not in self._failures:
                try:
                    item = _main.loads(pickled)[1]
                except BaseException as error:  # the user's classes run here
                    _tasks.end_if_stopped(error)
                    self._failures[index] = _failures.pack_unpickling(error, skip=1)
            yield item


def _nothing() -> None:
    """Stand for the function, which travels once for all items."""


class Chunk:
    """A function that is called for each item of a parcel."""

    def __init__(self, fn: "Callable[..., object]", name: str) -> None:
        """name: what the function is called where people read about it."""
        self._fn = fn
        self.__qualname__ = name

    def __reduce__(self) -> tuple[object, ...]:
        """Travel without the name."""
        return Chunk, (self._fn, "")

    def __call__(self, parcel: Parcel) -> "Outcomes":
        """Run it. In a worker."""
        return parcel.run(self._fn)


class Outcomes:
    """What became of each item of a chunk: its value, or its packed failure."""

    def __init__(
        self,
        values: list[object],
        failures: "dict[int, Packed] | None" = None,
        *,
        after_main: bool = False,
        pickled: bool = False,
    ) -> None:
        self._values = values
        self._failures = failures or {}
        self._after_main = after_main
        self._pickled = pickled  # each value by itself
        self._taken = 0

    def __reduce__(self) -> tuple[object, ...]:
        """Travel home: the values together where that is sure to work, else each."""
        if _are_sure(self._values):
            return _arrived, (self._values, self._failures, self._after_main, False)
        values: list[object] = []
        for index, value in enumerate(self._values):
            pickled: Packed = b""
            if index not in self._failures:
                try:
                    pickled = _messages.dumps_value(value)
                except NotShareableError as error:
                    self._failures[index] = _failures.pack(error)
            values.append(pickled)
        return _arrived, (values, self._failures, self._after_main, True)

    def __len__(self) -> int:
        """Return how many items have not been taken yet."""
        return len(self._values) - self._taken

    def take(self) -> object:
        """Return the next item's value, or raise its exception. At home.

        The value is let go here: whoever takes it holds the only reference.
        """
        index = self._taken
        self._taken += 1
        if index in self._failures:
            raise _failures.revive(self._failures[index], after_main=self._after_main)
        value, self._values[index] = self._values[index], None
        if self._pickled:
            return _messages.loads_value(value, after_main=self._after_main)  # type: ignore[arg-type]
        return value


def opened(value: object) -> Outcomes:
    """Return the outcomes of a call's items, also where one item was the call."""
    return value if isinstance(value, Outcomes) else Outcomes([value])


def _arrived(
    values: list[object], failures: "dict[int, Packed]", after_main: bool, pickled: bool
) -> Outcomes:
    """Make the outcomes at home."""
    return Outcomes(values, failures, after_main=after_main, pickled=pickled)
