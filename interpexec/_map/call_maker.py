"""The calls of a map: one function, with many items or with one."""

import _pickle

from interpexec._map import run_chunk
from interpexec._map.chunk_size import BUDGET
from interpexec._map.items import Items, calls, packed
from interpexec._sharing import package, pickler, pickling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._sharing.package import Packed


class CallMaker:
    """Makes items of arguments, and calls of items."""

    def __init__(
        self, fn: "Callable[..., object]", chunksize: int | None, *, is_timed: bool = False
    ) -> None:
        """chunksize: items in a call; None: as measured. is_timed: say how long each item took."""
        self._fn = fn
        self._is_timed = is_timed
        self._is_call_per_item = chunksize == 1 and not is_timed
        # The ns after which a call begins no further item. 0: no end.
        self._budget = BUDGET if chunksize is None else 0
        self._function: Packed = b""  # pickled once, for all chunks

    def items(self, columns: "list[list[object]]", first: int = 0) -> Items:
        """Make items of arguments. One that cannot be sent fails when it is its turn.

        first: the number of the first one. Raises NotShareableError where the function cannot be
        sent.
        """
        if not (self._is_call_per_item or self._function):
            function = pickling.dumps_call(self._fn, (), {})
            if isinstance(function, package.Package) and not function.can_be_copied:
                self._is_call_per_item = True  # its out-of-band data is used up by one call
            else:
                self._function = function
        if self._is_call_per_item:
            return calls(self._fn, columns, first)
        return packed(columns, first)

    def call(self, items: Items) -> "Packed":
        """Make the pickled call of a chunk. Raises NotShareableError for a call of its own."""
        if self._is_call_per_item:
            return items.call()
        function = self._function
        if isinstance(function, package.Package):
            function = function.copy()
        columns, failures = items.sendable()
        arguments: tuple[object, ...] = function, columns, failures, self._budget, items.are_pickled
        if self._is_timed:
            arguments += (True,)
        call: tuple[object, ...] = run_chunk.run, arguments, {}
        is_light = items.is_bare and isinstance(function, bytes)
        return _pickle.dumps(call, 5) if is_light else pickler.pack(call, lends=True)
