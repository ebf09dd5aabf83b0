"""Running a chunk: several items of a map in one call. In the worker.

A job sends a function and items; the worker answers with `Outcomes`. An item that fails
costs no other one, whether it cannot be sent, fails in the function, or has a value that
cannot be sent.

Numbers, strings and the like can always be sent, and are sent together, in one pickle, as
columns: one list for each argument. They are run by a loop in C. Of anything else each item
is pickled by itself, when it is read, so that each can fail by itself.

Items that a call has not begun are taken from it when other workers have nothing to do
(`Interruptible.ask_for_items`); and it hands them back when it has taken much longer than
it was made for. `Outcomes` are then of the first items only.

The outcomes of items before a slow one can be taken while that runs (`take_early`). The call
then answers with the others only. Two threads meet there, and one C call decides how many
outcomes are taken early: the first `setdefault` of a word.
1. The helper comes first: it notes how many there are. The running thread, at the end, finds that
   number, and leaves so many out.
2. The running thread comes first: it notes 0. The helper finds that, and takes none.
"""

from _pickle import dumps
from collections import deque
from itertools import islice
from operator import sub

from interpexec._core import current_call, main_module
from interpexec._core.cpython import monotonic_ns, own_builtins
from interpexec._map.hand_back import Remaining
from interpexec._map.outcomes import Outcomes
from interpexec._sharing import raised
from interpexec.errors import TaskCancelled

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from interpexec._sharing.package import Packed


_COUNT = "count"


class ChunkRun:
    """One run of a chunk."""

    def __init__(  # noqa: PLR0913  # those of `run`
        self,
        columns: "list[list[object]]",
        failures: "dict[int, Packed]",
        budget: int,
        *,
        are_pickled: bool,
        is_timed: bool = False,
        raises: bool = False,
        halts: bool = False,
    ) -> None:
        """Begin nothing yet.

        columns: the first arguments of all items, the second ones, ...; or, where they are
            pickled, one column of pickled calls.
        failures: of items that could not be sent. Their pickles are empty.
        budget: the ns after which no further item is begun. 0: no end.
        is_timed: each value is noted with the time at which it was there.
        raises: the call fails with its item.
        halts: no item is begun behind one that has failed.
        """
        self._columns = columns
        self._failures = failures
        self._budget = budget
        self._are_pickled = are_pickled
        self._is_timed = is_timed
        self._raises = raises
        self._halts = halts
        self._values: list[object] = []
        self._remaining = Remaining(deque(columns[0]))
        self.cut_off = self._remaining.cut_off
        self._begun = 0
        self._taken: dict[str, int] = {}  # how many outcomes were taken early: see above

    def run(self, fn: "Callable[..., object]") -> Outcomes:
        """Call `fn(*item)` for each item that is not taken away."""
        thread, values = current_call.this_thread(), self._values
        self._begun = begun = monotonic_ns()
        thread.begin_items(self)
        results = self._each(fn)
        # The clock is looked at between some items. How many depends on what it says.
        count, is_over = 1, False
        while not is_over:
            before = len(values)
            try:
                values.extend(islice(results, count))
                is_over = len(values) < before + count
            except BaseException as error:  # a failure of this item alone
                current_call.end_if_stopped(error)
                if self._raises:
                    raise
                self._fail(monotonic_ns(), raised.pack(error))
            if thread.hit:  # an item has kept what should have stopped all of them
                raise TaskCancelled
            if is_over and self._remaining.has_more():
                # The function has raised what `map` takes for the end of the items.
                self._fail(monotonic_ns(), raised.pack(StopIteration()))
                is_over = False
            spent = monotonic_ns() - begun
            if self._budget and spent > self._budget:
                self._remaining.cut_off()
            count = self._affordable(2 * count, spent)
        outcomes = self._outcomes(self._taken.setdefault(_COUNT, 0), len(values), spent)
        # The thread has this object until it begins another chunk: it is not to keep what the
        # function has returned, which may be open files.
        self._values = []
        return outcomes

    def _outcomes(self, start: int, end: int, spent: int) -> Outcomes:
        """Return the outcomes of the items between two places. spent: ns."""
        values, failures, times = self._values, self._failures, []
        if start or end < len(values):
            values = values[start:end]
        if failures:  # also of items that were handed back
            failures = {at - start: each for at, each in failures.items() if start <= at < end}
        if self._is_timed and values:
            before = self._values[start - 1][1] if start else self._begun  # type: ignore[index]  # a pair
            values, stamps = map(list, zip(*values, strict=True))
            times = list(map(sub, stamps, [before, *stamps]))
        after_main = main_module.was_run()
        return Outcomes(
            values, failures, after_main=after_main, spent=spent, times=times, early=start
        )

    def take_early(self) -> bytes | None:
        """Take the outcomes that are there, and return them pickled. By the helper, once.

        None where there are none, or where one might fail to be pickled: that may run the user's
        code, or import something, beside the call.
        """
        count = len(self._values)
        early = self._outcomes(0, count, monotonic_ns() - self._begun)
        if not count or not early.are_sure():
            return None
        pickled = dumps(early, 5)
        return pickled if self._taken.setdefault(_COUNT, count) == count else None

    def _each(self, fn: "Callable[..., object]") -> "Iterator[object]":
        """Return an iterator that calls the function for the next item."""
        first, *others = self._remaining.take(), *self._columns[1:]
        maps: Callable[..., Iterator[object]] = map
        if (parts := getattr(type(fn), "interpexec_parts", None)) is not None:
            fn, maps = parts(fn)  # see `bound`
        results = maps(self._unpickle_and(fn) if self._are_pickled else fn, first, *others)
        return zip(results, iter(monotonic_ns, None), strict=False) if self._is_timed else results

    def _unpickle_and(self, fn: "Callable[..., object]") -> "Callable[[Packed], object]":
        """Return what calls the function for a pickled item."""

        def call(pickled: "Packed") -> object:
            if not pickled:
                return None
            try:
                args = main_module.loads(pickled)[1]
            except BaseException as error:  # the user's classes run here
                current_call.end_if_stopped(error)
                self._failures[len(self._values)] = raised.pack_unpickling(error, pickled)
                return None
            return fn(*args)

        return call

    def _fail(self, stamp: int, failure: "Packed") -> None:
        """Note the failure of the item whose turn it is, and when that was."""
        self._failures[len(self._values)] = failure
        self._values.append((None, stamp) if self._is_timed else None)
        if self._halts:
            self._remaining.cut_off()

    def _affordable(self, count: int, spent: int) -> int:
        """Return how many items may be run before the clock is looked at: `count` at most."""
        if not self._budget or not self._values:
            return count
        each = spent // len(self._values) or 1
        return max(1, min(count, (self._budget - spent) // each))


def run(  # noqa: PLR0913, PLR0917  # it is sent as one tuple
    function: "Packed",
    columns: "list[list[object]]",
    failures: "dict[int, Packed]",
    budget: int,
    are_pickled: bool,
    is_timed: bool = False,
    raises: bool = False,
    halts: bool = False,
) -> Outcomes:
    """Run a chunk: the function of its call.

    function: the pickled call of it, without arguments. The rest is as of `ChunkRun`.
    """
    try:
        fn = main_module.loads(function)[0]
    except BaseException:  # the user's classes run
        current_call.this_thread().is_unloaded = True
        raise
    chunk = ChunkRun(
        columns,
        failures,
        budget,
        are_pickled=are_pickled,
        is_timed=is_timed,
        raises=raises,
        halts=halts,
    )
    return chunk.run(fn)
