"""Items of a map that wait for their call, in a form in which they can be sent.

plain     columns: the first arguments, the second ones, ...; nothing in them can fail
pickled   each item by itself, so that it can fail by itself
calls     each item with its function, where each is to be a call of its own

Pickled items keep their arguments beside the pickles until the call has ended: an error
names them, and `outcomes` hands them out.
"""

from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import without_frames
from interpexec._map.chunk_size import MOST, MOST_WEIGHT
from interpexec._map.outcomes import weight_if_sure
from interpexec._sharing import pickling, raised
from interpexec._sharing.package import LARGE, Package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._sharing.package import Packed

# A pickle with out-of-band data counts as heavy: only so many descriptors, and still fewer
# views of memory, can be lent at a time. And an item that can be sent only once must not
# share a call with others, which may be handed back.
_ALONE = MOST_WEIGHT
_DESCRIPTORS = MOST_WEIGHT // 32


class Items:
    """Consecutive items, in one form."""

    def __init__(
        self,
        columns: "list[list[object]]",
        weight: float = 0,
        *,
        first: int = 0,
        arguments: "list[tuple[object, ...]] | None" = None,
    ) -> None:
        """Hold items of arguments.

        columns: one, where they are pickled. weight: bytes of the average one. first: the
        number of the first one in the map. arguments: of each, where they are pickled.
        """
        self._columns = columns
        self._start = 0  # before it, they were cut off
        self.weight = weight
        self._number = first  # of the first one, before any was cut off
        self._arguments = arguments

    def __len__(self) -> int:
        return len(self._columns[0]) - self._start

    @property
    def are_pickled(self) -> bool:
        """Whether each is pickled by itself."""
        return self._arguments is not None

    @property
    def first(self) -> int:
        """The number of the first one in the map, from 0."""
        return self._number + self._start

    def arguments(self, index: int) -> "tuple[object, ...]":
        """Return the arguments of one of them."""
        if self._arguments is not None:
            return self._arguments[self._start + index]
        return tuple(column[self._start + index] for column in self._columns)

    def all_arguments(self, count: int) -> "list[tuple[object, ...]]":
        """Return the arguments of the first ones."""
        end = self._start + count
        if self._arguments is not None:
            return self._arguments[self._start : end]
        return list(zip(*(column[self._start : end] for column in self._columns), strict=True))

    def extend(self, others: "Items") -> bool:
        """Append those that follow, if they have the same form and it does not become too many.

        Return whether that was so.
        """
        if others.are_pickled != self.are_pickled or len(self) + len(others) > MOST:
            return False
        self.join(others)
        return True

    def join(self, others: "Items") -> None:
        """Append those that follow, of any form."""
        if others.are_pickled != self.are_pickled:
            self._pickle()
            others = others.pickled()
        weight = self.weight * len(self) + others.weight * len(others)
        for column, other in zip(self._columns, others.columns(), strict=True):
            column.extend(other)
        if self._arguments is not None:
            self._arguments += others.all_arguments(len(others))
        self.weight = weight / (len(self) or 1)

    def columns(self) -> "list[list[object]]":
        """Return the columns, without what was cut off."""
        return [column[self._start :] for column in self._columns]

    def pickled(self) -> "Items":
        """Return the items in the form in which each is pickled by itself."""
        items = self._between(self._start, None)
        items._pickle()  # noqa: SLF001  # of this class
        return items

    def _pickle(self) -> None:
        """Bring them into the form in which each is pickled by itself."""
        if self._arguments is None:
            self._arguments = self.all_arguments(len(self))
            self._columns = [[_pickled(_nothing, item) for item in self._arguments]]
            self._number, self._start = self.first, 0

    def cut(self, count: int) -> "Items":
        """Cut the first ones off, and return them."""
        part = self._between(self._start, self._start + count)
        self._start += len(part)
        return part

    def after(self, count: int) -> "Items":
        """Return the items after the first ones."""
        return self._between(self._start + count, None)

    def _between(self, start: int, end: int | None) -> "Items":
        columns = [column[start:end] for column in self._columns]
        arguments = None if self._arguments is None else self._arguments[start:end]
        return Items(columns, self.weight, first=self._number + start, arguments=arguments)

    @property
    def is_bare(self) -> bool:
        """Whether their pickles have no out-of-band data, nor should have."""
        if self.weight * len(self) >= LARGE:
            return False
        return not self.are_pickled or all(
            type(each) in (bytes, _Refused) for each in self._columns[0]
        )

    def sendable(self) -> "tuple[list[list[object]], dict[int, Packed]]":
        """Return the columns for a worker, and the failures of items that cannot be sent."""
        columns = self.columns()
        failures: dict[int, Packed] = {}
        if self.are_pickled:
            for index, each in enumerate(columns[0]):
                if isinstance(each, _Refused):
                    failures[index] = raised.pack(each.error)
                    columns[0][index] = b""
                elif isinstance(each, Package) and each.can_be_copied:
                    columns[0][index] = each.copy()  # it may have to be sent once more
        return columns, failures

    def call(self) -> "Packed":
        """Return the pickled call that is the first item. Raises NotShareableError."""
        call = self._columns[0][self._start]
        if isinstance(call, _Refused):
            raise call.error
        return call  # type: ignore[return-value]  # it is one


NOTHING = Items([[]])
"""No items."""


class _Refused:
    """Stands for an item that cannot be sent."""

    def __init__(self, error: NotShareableError) -> None:
        self.error = without_frames(error)


_BARE: "frozenset[type]" = frozenset({bytes, _Refused})


def packed(columns: "list[list[object]]", first: int = 0) -> Items:
    """Make items of arguments. first: the number of the first one."""
    total = 0
    for column in columns:
        weight = weight_if_sure(column)
        if weight is None:
            return calls(_nothing, columns, first)
        total += weight
    return Items(columns, total / (len(columns[0]) or 1), first=first)


def calls(fn: "Callable[..., object]", columns: "list[list[object]]", first: int = 0) -> Items:
    """Make items of arguments, each with its function. first: the number of the first one."""
    arguments = list(zip(*columns, strict=True))
    pickled = [_pickled(fn, item) for item in arguments]
    weight = sum(map(_weight, pickled)) / (len(pickled) or 1)
    return Items([pickled], weight, first=first, arguments=arguments)


def _nothing() -> None:
    """Stand for the function, which is sent once for all items."""


def _pickled(fn: "Callable[..., object]", item: tuple[object, ...]) -> object:
    try:
        return pickling.dumps_call(fn, item, {})
    except NotShareableError as error:
        return _Refused(error)


def _weight(pickled: object) -> int:
    if isinstance(pickled, bytes):
        return len(pickled)
    if not isinstance(pickled, Package):
        return 0
    return _ALONE if pickled.views or not pickled.can_be_copied else _DESCRIPTORS
