"""Several items of a map in one call. Both sides.

Home sends a function and a `Parcel` of items; the worker answers with `Outcomes`. An item
that fails costs no other one, whether it fails to travel there, in the function, or on the
way back.

Numbers, strings and the like are sure to travel, and travel together, in one pickle, as
columns: one list for each argument. They are run by a loop in C. Of anything else each item
is pickled by itself, when it is read, so that each can fail by itself.

What a call has not begun may be taken from it, by whoever finds that other workers have
nothing to do (`Interruptible.cut_off`); and it stops by itself when it has taken much
longer than it was made for. `Outcomes` are then of the first items only.
"""

from collections import deque
from itertools import islice

from interpexec import _failures, _main, _messages, _tasks
from interpexec._interrupts import END, cut_off
from interpexec._runtime import NotShareableError, monotonic_ns, own_builtins
from interpexec.errors import TaskCancelled

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from interpexec._packing import Packed

# What cannot fail to be pickled or unpickled. No containers: who knows what is in them.
_SURE = frozenset({int, float, complex, bool, type(None), str, bytes})
_SIZED = frozenset({str, bytes})

_LIGHT = 1 << 20  # bytes, for which it does not matter whether values are let go one by one


def weight_if_sure(values: "Iterable[object]") -> int | None:
    """Return how many bytes some objects take, but for numbers; None: one may fail to travel."""
    types = set(map(type, values))
    if not types <= _SURE:
        return None
    return 0 if types.isdisjoint(_SIZED) else _weight(values)


def _weight(values: "Iterable[object]") -> int:
    return sum(len(value) for value in values if isinstance(value, str | bytes))


class Parcel:
    """The items of a chunk, in the worker."""

    def __init__(
        self,
        columns: "list[list[object]]",
        failures: "dict[int, Packed]",
        budget: int,
        *,
        are_pickled: bool,
    ) -> None:
        """Take them.

        columns: the first arguments of all items, the second ones, ...; or, where they are
            pickled, one column of pickled calls.
        failures: of items that could not travel. Their pickles are empty.
        budget: the ns after which no further item is begun. 0: no end.
        """
        self._columns = columns
        self._failures = failures
        self._budget = budget
        self._are_pickled = are_pickled
        self._values: list[object] = []
        self._rest: deque[object] = deque(columns[0])  # what has not begun, and END behind it
        self._rest.append(END)

    def run(self, fn: "Callable[..., object]") -> "Outcomes":
        """Call `fn(*item)` for each item that is not taken away."""
        thread, values = _tasks.this_thread(), self._values
        begun, uncut = monotonic_ns(), [self._rest]
        thread.begin_items(uncut)
        results = self._each(fn)
        skip = 2 if self._are_pickled else 1
        # Between some items the clock is looked at. Between how many depends on what it says.
        count, is_over = 1, False
        while not is_over:
            before = len(values)
            try:
                values.extend(islice(results, count))
                is_over = len(values) < before + count
            except BaseException as error:  # a failure of this item alone
                _tasks.end_if_stopped(error)
                self._fail(_failures.pack(error, skip=skip))
            if thread.hit:  # an item has kept what should have stopped all of them
                raise TaskCancelled
            if is_over and self._has_more():
                # The function has raised what `map` takes for the end of the items.
                self._fail(_failures.pack(StopIteration()))
                is_over = False
            spent = monotonic_ns() - begun
            if self._budget and spent > self._budget:
                cut_off(uncut)
            count = self._affordable(2 * count, spent)
        return Outcomes(values, self._failures, after_main=_main.was_run(), spent=spent)

    def _each(self, fn: "Callable[..., object]") -> "Iterator[object]":
        """Return an iterator that calls the function for the next item."""
        first, *others = iter(self._rest.popleft, END), *self._columns[1:]
        return map(self._unpickle_and(fn) if self._are_pickled else fn, first, *others)

    def _unpickle_and(self, fn: "Callable[..., object]") -> "Callable[[Packed], object]":
        """Return what calls the function for a pickled item."""

        def call(pickled: "Packed") -> object:
            if not pickled:
                return None
            try:
                args = _main.loads(pickled)[1]
            except BaseException as error:  # the user's classes run here
                _tasks.end_if_stopped(error)
                self._failures[len(self._values)] = _failures.pack_unpickling(error, skip=1)
                return None
            return fn(*args)

        return call

    def _has_more(self) -> bool:
        """Say whether the end mark was not taken yet: behind the items, or brought before them."""
        rest = self._rest
        return bool(rest) and (rest[-1] is END or rest[0] is END)

    def _fail(self, failure: "Packed") -> None:
        """Note the failure of the item whose turn it is."""
        self._failures[len(self._values)] = failure
        self._values.append(None)

    def _affordable(self, count: int, spent: int) -> int:
        """Return how many items may be run before the clock is looked at: `count` at most."""
        if not self._budget or not self._values:
            return count
        each = spent // len(self._values) or 1
        return max(1, min(count, (self._budget - spent) // each))


def run(
    function: "Packed",
    columns: "list[list[object]]",
    failures: "dict[int, Packed]",
    budget: int,
    are_pickled: bool,
) -> "Outcomes":
    """Run a chunk: what its call calls. In the worker.

    function: the pickled call of it, without arguments. The rest is as of `Parcel`.
    """
    try:
        fn = _main.loads(function)[0]
    except BaseException:  # the user's classes run
        _tasks.this_thread().is_unloaded = True
        raise
    return Parcel(columns, failures, budget, are_pickled=are_pickled).run(fn)


class Outcomes:
    """What became of the items of a chunk: their values, or their packed failures."""

    def __init__(  # noqa: PLR0913, PLR0917  # what travels home, as one tuple
        self,
        values: list[object],
        failures: "dict[int, Packed] | None" = None,
        after_main: bool = False,
        pickled: bool = False,
        spent: int = 0,
        weight: int = 0,
        is_sure: bool = False,
    ) -> None:
        """values: of the first items. spent: ns in the function. weight: bytes, of the values."""
        self._values = values
        self._failures = failures or {}
        self._after_main = after_main
        self._pickled = pickled  # each value by itself
        self.spent = spent
        self.weight = weight
        self._is_sure = is_sure  # they are numbers and the like
        self._taken = 0

    def __reduce__(self) -> tuple[object, ...]:
        """Travel home: the values together where that is sure to work, else each."""
        values, weight = self._values, weight_if_sure(self._values)
        is_sure = weight is not None
        if not is_sure:
            values = [self._pickle(index, value) for index, value in enumerate(values)]
            weight = _weight(values)
        more = self._failures, self._after_main, not is_sure, self.spent, weight, is_sure
        return Outcomes, (values, *more)

    def _pickle(self, index: int, value: object) -> "Packed":
        if index not in self._failures:
            try:
                return _messages.dumps_value(value)
            except NotShareableError as error:
                self._failures[index] = _failures.pack(error)
                self._values[index] = None  # it is let go before the answer
        return b""

    def __len__(self) -> int:
        """Return how many items have not been taken yet."""
        return max(len(self._values) - self._taken, 0)

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

    def take_all(self) -> "Iterator[object]":
        """Return an iterator in C over all values; over none if `take` is needed for one.

        They are let go together.
        """
        if not self._is_sure or self._failures or self._taken or self.weight > _LIGHT:
            return iter(())
        values, self._values = self._values, []
        return iter(values)


def opened(value: object) -> Outcomes:
    """Return the outcomes of a call's items, also where one item was the call."""
    return value if isinstance(value, Outcomes) else Outcomes([value])
