"""The outcome of one item of a map, as `outcomes` gives it."""

from functools import partial
from itertools import count, repeat
from typing import NamedTuple

from interpexec.errors import NotShareableError

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from interpexec._map.outcomes import Outcomes


class Outcome[A, R](NamedTuple):
    """The end of one item of a map: a value, or an error.

    A named tuple: `for index, item, value, error, seconds in pool.outcomes(...)`.
    """

    index: int  # type: ignore[assignment]  # a tuple has a method of this name, and nobody calls it
    """The number of the item in the map, from 0."""

    item: A
    """The item itself, as the iterable gave it; a tuple where there are several iterables."""

    value: R | None
    """The value that the function has returned; None if it has failed."""

    error: BaseException | None
    """The exception that it has raised, or that tells why it did not run or could not be sent; None
    if all went well."""

    seconds: float | None
    """How long the function ran in the worker; None where that is not known: a call that was
    stopped, lost or not begun has no time."""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    def result(self) -> R:
        """Return the value, or raise the error, as a future does."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # there is one


_make = partial(tuple.__new__, Outcome)
"""Makes an outcome of a tuple, in C."""


class Batch[A, R]:
    """The outcomes of consecutive items of a map, whose call has ended.

    Iterate over it, or over the rest of it, for the `Outcome` of each item.
    """

    def __init__(
        self,
        first: int,
        items: "Sequence[A]",
        outcomes: "Outcomes | None",
        error: BaseException | None = None,
    ) -> None:
        """Hold what became of the items.

        first: the number of the first one. outcomes: None where the whole call has failed: with
        `error`.
        """
        self.first = first
        """The number of the first item in the map, from 0."""
        self.items = items
        """The items."""
        self._outcomes = outcomes
        self._error = error
        self._times = outcomes.times if outcomes is not None else None
        self._taken = 0

    def __len__(self) -> int:
        """Return how many outcomes were not taken yet."""
        return len(self.items) - self._taken

    def __iter__(self) -> "Iterator[Outcome[A, R]]":
        """Take the outcomes, one after another."""
        while self:
            yield self.take()

    def values(self) -> "list[R] | None":
        """Take all values at once, where every item has one, a number, str, bytes or None.

        Else None; then nothing is taken.
        """
        if self._outcomes is None or self._taken:
            return None
        values = self._outcomes.all_values()
        if values is not None:
            self._taken = len(self.items)
        return values  # type: ignore[return-value]  # of what the function returns

    def take(self) -> "Outcome[A, R]":
        """Take the next outcome. There must be one."""
        index = self._taken
        self._taken += 1
        value: object = None
        error: BaseException | None = None
        if (outcomes := self._outcomes) is None:
            error = self._error
        elif not outcomes.has_failed or (error := outcomes.take_error()) is None:
            try:
                value = outcomes.take()
            except NotShareableError as reason:  # it cannot be made here
                error = reason.with_traceback(None)
        seconds = self._times[index] / 1e9 if self._times else None
        # In C: the class's own `__new__` is Python.
        return _make((self.first + index, self.items[index], value, error, seconds))

    def take_all(self) -> "Iterator[object]":
        """Return an iterator in C over all of them; over none if `take` is needed for one."""
        if (outcomes := self._outcomes) is None:
            return iter(())
        values = outcomes.take_all()
        if outcomes:
            return iter(())
        start, self._taken = self._taken, len(self.items)
        times = [ns / 1e9 for ns in self._times[start:]] if self._times else repeat(None)
        rows = zip(count(self.first + start), self.items[start:], values, repeat(None), times)
        return iter(list(map(_make, rows)))  # a list, which knows its length
