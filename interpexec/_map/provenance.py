"""The items behind a result: their numbers and arguments, for errors that name them."""

from contextlib import suppress

from interpexec._core.error_text import short_repr
from interpexec._map.items import NOTHING, Items
from interpexec._map.outcome import Batch
from interpexec._map.outcomes import Outcomes, opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from interpexec._map.backlog import Backlog

    type Opened = Outcomes | Batch[Any, Any]

_MOST_ARGUMENTS = 4
"""The most arguments of an item that are shown."""


class Provenance:
    """The items of one call of a map, when it has ended."""

    __slots__ = ("arguments", "count", "first", "name")

    def __init__(
        self, name: str, first: int, count: int, arguments: "Mapping[int, tuple[object, ...]]"
    ) -> None:
        """Keep what errors name.

        name: of the function. first: the number of the first item in the map, from 0. count: of
        the items. arguments: of those that may be named, by their place in the call.
        """
        self.name = name
        self.first = first
        self.count = count
        self.arguments = arguments

    def items(self) -> list[object]:
        """Return the items, where all are kept: tuples if there are several iterables."""
        arguments = self.arguments.values()
        return [each[0] if len(each) == 1 else each for each in arguments]

    def described(self, index: int | None = None) -> str:
        """Return a text for the item at this place in the call; for all, if there is none.

        The user's `__repr__` is called.
        """
        if index is None and self.count != 1:
            last = self.first + self.count - 1
            return f"items {self.first} to {last} of the map of {self.name}"
        index = index or 0
        return f"item {self.first + index} of the map: {self.name}({self._shown(index)})"

    def explain(self, error: BaseException, index: int | None = None) -> None:
        """Note which item an error comes from, or which ones, as in `described`."""
        if self.count:
            with suppress(Exception):  # its class may not want that
                error.add_note(self.described(index))

    def _shown(self, index: int) -> str:
        arguments = self.arguments.get(index)
        if arguments is None:
            return "..."
        shown = [short_repr(each) for each in arguments[:_MOST_ARGUMENTS]]
        return ", ".join([*shown, "..."] if len(arguments) > _MOST_ARGUMENTS else shown)


class Record:
    """Keeps what is needed of the items of a map's calls, when these have ended."""

    def __init__(self, name: str, *, wants_outcomes: bool) -> None:
        """name: of the function. wants_outcomes: an `Outcome` for each item, not its result."""
        self._name = name
        self._keeps_all = wants_outcomes

    def failed(self, items: Items) -> Provenance:
        """Return what is kept of a call that has failed as a whole."""
        count = len(items)
        return self._of(items, range(count) if count == 1 else (), count)

    def unsent(self, backlog: "Backlog") -> Items:
        """Take what will not be sent out of the backlog; return what has outcomes of it."""
        if self._keeps_all and backlog.count:
            return backlog.cut(backlog.count)
        backlog.clear()
        return NOTHING

    def answered(self, items: Items, value: object) -> Provenance:
        """Return what is kept of a call that has this value."""
        if isinstance(value, Outcomes):
            return self._of(items, value.failed(), len(value))
        return self._of(items, (), 1)

    def _of(self, items: Items, places: "Iterable[int]", count: int) -> Provenance:
        if self._keeps_all:
            arguments = dict(enumerate(items.all_arguments(count)))
        else:
            arguments = {place: items.arguments(place) for place in places}
        return Provenance(self._name, items.first, count, arguments)

    def open(self, value: object, provenance: Provenance | None) -> "Opened":
        """Return what became of the items of a call that has this value.

        provenance: None where nobody wants the rest of the map.
        """
        outcomes = opened(value, provenance)
        if not self._keeps_all or provenance is None:
            return outcomes
        return Batch(provenance.first, provenance.items(), outcomes)

    def open_failed(
        self, error: BaseException, provenance: Provenance | None
    ) -> "Batch[Any, Any] | None":
        """Let the error of a call name its items; return their outcomes, if these are wanted."""
        if provenance is None:
            return None
        provenance.explain(error)
        if not self._keeps_all or not provenance.count:
            return None
        return Batch(provenance.first, provenance.items(), None, error)
