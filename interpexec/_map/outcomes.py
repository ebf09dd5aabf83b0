"""The outcomes of a chunk: from the worker to the iterator that wants them."""

from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._sharing import pickling, raised, unpickling

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from interpexec._sharing.package import Packed

    class Provenance(Protocol):
        """The items behind outcomes."""

        def explain(self, error: BaseException, index: int) -> None:
            """Note which item an error comes from."""


# Objects of these types cannot fail to be pickled or unpickled. No containers: their items may.
_SURE = frozenset({int, float, complex, bool, type(None), str, bytes})
_SIZED = frozenset({str, bytes})

_LIGHT = 1 << 20  # bytes, for which it does not matter whether values are dropped one by one


def weight_if_sure(values: "Iterable[object]") -> int | None:
    """Return how many bytes objects take, but for numbers; None: one may fail to be pickled."""
    types = set(map(type, values))
    if not types <= _SURE:
        return None
    if types <= _SIZED:
        return sum(map(len, values))  # type: ignore[arg-type]  # all have a length
    return 0 if types.isdisjoint(_SIZED) else _weight(values)


def _weight(values: "Iterable[object]") -> int:
    return sum(len(value) for value in values if isinstance(value, str | bytes))


class Outcomes:
    """The values of the items of a chunk, or their packed failures."""

    def __init__(  # noqa: PLR0913, PLR0917  # it is sent as one tuple
        self,
        values: list[object],
        failures: "dict[int, Packed] | None" = None,
        after_main: bool = False,
        pickled: bool = False,
        spent: int = 0,
        weight: int = 0,
        is_sure: bool = False,
        times: "list[int] | None" = None,
        early: int = 0,
    ) -> None:
        """Hold the values of the first items.

        spent: ns in the function. weight: bytes, of the values. times: ns in each item, where
        they are wanted. early: how many items are before these, whose outcomes were taken early.
        """
        self._values = values
        self._failures = failures or {}
        self.has_failed: bool = bool(failures)
        """Whether an item has failed. In the main interpreter."""
        self._after_main = after_main
        self._pickled = pickled  # each value by itself
        self.spent = spent
        self.weight = weight
        self._is_sure = is_sure  # they are numbers and the like
        self.times = times
        self.early = early
        self._taken = 0
        self.provenance: Provenance | None = None
        """In the main interpreter: the items behind them."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the values together where that is sure to work, else each by itself."""
        values, weight = self._values, weight_if_sure(self._values)
        is_sure = weight is not None
        if not is_sure:
            values = [self._pickle(index, value) for index, value in enumerate(values)]
            weight = _weight(values)
        more = self._failures, self._after_main, not is_sure, self.spent, weight, is_sure
        return Outcomes, (
            values,
            *more,
            *([self.times, self.early] if self.times or self.early else ()),
        )

    def _pickle(self, index: int, value: object) -> "Packed":
        if index not in self._failures:
            try:
                return pickling.dumps_value(value)
            except NotShareableError as error:
                self._failures[index] = raised.pack(error)
                self._values[index] = None  # it is dropped before the answer
        return b""

    def __len__(self) -> int:
        """Return how many items have not been taken yet."""
        return max(len(self._values) - self._taken, 0)

    def are_sure(self) -> bool:
        """Say whether no value can fail to be pickled. In the worker."""
        return weight_if_sure(self._values) is not None

    def failed(self) -> "Iterable[int]":
        """Return the places of the items that have failed."""
        return self._failures.keys()

    def take(self) -> object:
        """Return the next item's value, or raise its exception. In the main interpreter.

        The value is dropped here: the caller holds the only reference.
        """
        index = self._taken
        self._taken += 1
        if index in self._failures:
            raise self._error(index)
        value, self._values[index] = self._values[index], None
        if self._pickled:
            return unpickling.loads_value(value, after_main=self._after_main)  # type: ignore[arg-type]
        return value

    def take_error(self) -> BaseException | None:
        """Take the next item if it has failed, and return its exception; else None."""
        index = self._taken
        if index not in self._failures:
            return None
        self._taken += 1
        return self._error(index)

    def _error(self, index: int) -> BaseException:
        error = raised.revive(self._failures[index], after_main=self._after_main)
        if self.provenance is not None:
            self.provenance.explain(error, index)
        return error

    def all_values(self) -> "list[object] | None":
        """Take all values, if they are numbers and the like and none failed; else None."""
        if not self._is_sure or self._failures or self._taken:
            return None
        values, self._values = self._values, []
        return values

    def take_all(self) -> "Iterator[object]":
        """Return an iterator in C over all values; over none if `take` is needed for one.

        They are dropped together.
        """
        if not self._is_sure or self._failures or self._taken or self.weight > _LIGHT:
            return iter(())
        values, self._values = self._values, []
        return iter(values)


def opened(value: object, provenance: "Provenance | None") -> Outcomes:
    """Return the outcomes of a call's items, also where one item was the call."""
    outcomes = value if isinstance(value, Outcomes) else Outcomes([value])
    outcomes.provenance = provenance
    return outcomes
