"""The calls of a map: one function, with many items or with one."""

import _pickle

from interpexec._map import run_chunk
from interpexec._map.chunk_size import BUDGET
from interpexec._map.items import Items, calls, packed
from interpexec._pool.options import CallOptions
from interpexec._sharing import package, pickler, pickling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._map.request import MapRequest
    from interpexec._sharing.package import Packed


class CallMaker:
    """Makes items of arguments, and calls of items."""

    def __init__(
        self, request: "MapRequest", options: "CallOptions | None", *, is_counted: bool
    ) -> None:
        """Make calls for a map.

        Where no chunksize is given, each item is a call of its own if calls have a limit, or are
        run again when they fail, or are counted.
        """
        treated = options or CallOptions()
        chunksize = request.chunksize
        if chunksize is None and (treated.are_per_item or is_counted):
            chunksize = 1
        self.chunksize = chunksize
        """Items in a call; None: as measured."""
        self._fn = request.fn
        self._is_timed = request.wants_outcomes
        self._is_repeated = treated.retries > 0
        self._halts = request.fail_fast is True
        self._is_call_per_item = chunksize == 1 and not self._is_timed
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
            arguments += True, self._is_repeated and len(items) == 1
            if self._halts:
                arguments += (True,)
        call: tuple[object, ...] = run_chunk.run, arguments, {}
        is_light = items.is_bare and isinstance(function, bytes)
        return _pickle.dumps(call, 5) if is_light else pickler.pack(call, lends=True)
