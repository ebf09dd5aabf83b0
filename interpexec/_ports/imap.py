"""The iterators of `Pool.imap` and `Pool.imap_unordered`.

    feeder --expect--> call --_on_done--> ready --next()--> the user
                                 ^
                  in order: not before its turn

A feeder (`feeders`) makes the calls, whether results are taken or not, as in
`multiprocessing`; each is put among the ready ones when it is settled.
"""

from collections import deque
from concurrent.futures import CancelledError
from threading import Lock

from interpexec._core.sigint import keep_whole, protected
from interpexec._core.waiting import Deadline
from interpexec._pool.done_callbacks import MARK
from interpexec._pool.parking import Parker
from interpexec._ports.failures import as_multiprocessing, timeout_error
from interpexec._ports.results import pending

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from typing import Any, Self

    type AnyCall = Future[Any]

keep_whole()


class IMapIterator[T]:
    """The results of `Pool.imap`, in order, or of `Pool.imap_unordered`, as they arrive.

    An exception is raised by the `next()` whose turn it is, and costs its item, or its chunk;
    the following `next()` goes on with the others. From any thread.
    """

    def __init__(self, name: str, *, is_ordered: bool, are_chunks: bool) -> None:
        """name: of the function. are_chunks: each call returns a list of results."""
        self._name = name
        self._is_ordered = is_ordered
        self._are_chunks = are_chunks
        self._lock = Lock()  # guards all below, for an instant
        self._sleepers: list[Parker] = []  # of the threads in `next`
        self._ready: deque[AnyCall] = deque()
        self._early: dict[int, AnyCall] = {}
        """By their numbers, those that were settled before their turn."""
        self._turn = 0
        """How many calls have been among the ready ones: in order, the number of the next one."""
        self._length: int | None = None
        """How many calls there are in all, when that is known."""
        self._is_cut = False
        self._values: Iterator[T] = iter(())

    def __iter__(self) -> "Self":
        return self

    def __next__(self) -> T:
        return self.next()

    @protected
    def next(self, timeout: float | None = None) -> T:
        """Return the next result; wait for it.

        timeout: how many seconds; None: for ever. Raises `multiprocessing.TimeoutError` (here a
        TimeoutError, too) when they are over, the exception of the item, and StopIteration at
        the end.
        """
        deadline = Deadline(timeout)
        while True:
            with self._lock:
                if (found := self._take()) is not None:
                    return found[0]
                if deadline.remaining() == 0:
                    raise timeout_error()
                sleeper = Parker()
                self._sleepers.append(sleeper)
            try:
                sleeper.wait(deadline.remaining())
            finally:
                with self._lock:
                    self._sleepers.remove(sleeper)

    def _take(self) -> "tuple[T] | None":
        """Return the next result, if it is ready, in a tuple; StopIteration at the end.

        Under the lock.
        """
        while True:
            for value in self._values:
                return (value,)
            if not self._ready:
                break
            value = self._value(self._ready.popleft())
            if not self._are_chunks:
                return (value,)
            self._values = iter(value)
            del value
        if self._is_cut:
            self._is_cut, self._length = False, self._turn
            raise CancelledError
        if self._turn == self._length:
            raise StopIteration
        return None

    def _value(self, call: "AnyCall") -> "Any":
        """Return the value of a call that is settled; raise its exception."""
        if call.cancelled():
            raise CancelledError
        error = call.exception()
        try:
            if error is None:
                return call.result()
            raise _not_the_end(as_multiprocessing(error, self._name))
        finally:
            del call, error  # its traceback has this frame

    # -- the feeder, and the pool ----------------------------------------------------------

    def expect(self, number: int, call: "AnyCall", is_settled: "Callable[[], object]") -> None:
        """Take the call with this number. is_settled: called when it is. It must not block."""
        call.add_done_callback(_Place(self, number, is_settled).fill)

    def end(self, length: int) -> None:
        """Learn how many calls there are in all."""
        with self._lock:
            self._length = length
            self._wake()

    def fail(self, number: int, error: BaseException) -> None:
        """End with an exception of the iterable, in the place of a call."""
        call = pending()
        call.set_exception(error)
        self.settled(number, call)
        self.end(number + 1)

    def cut(self) -> None:
        """Expect nothing more, since the pool was terminated: the end is a CancelledError."""
        with self._lock:
            self._is_cut = self._length is None or self._turn < self._length
            self._wake()

    def _wake(self) -> None:
        """Have the threads look that wait. Under the lock."""
        for sleeper in self._sleepers:
            sleeper.wake()

    def settled(self, number: int, call: "AnyCall") -> None:
        """Put a settled call among the ready ones, when its turn has come."""
        with self._lock:
            self._early[number if self._is_ordered else self._turn] = call
            while self._turn in self._early:
                self._ready.append(self._early.pop(self._turn))
                self._turn += 1
            self._wake()


def _not_the_end(error: BaseException) -> BaseException:
    """Return an exception that does not end a loop in silence."""
    if not isinstance(error, StopIteration):
        return error
    other = RuntimeError("the function raised StopIteration")
    other.__cause__ = error
    return other


class _Place:
    """The place of a call in an iterator."""

    __slots__ = ("_is_settled", "_number", "_results")

    def __init__(
        self, results: "IMapIterator[Any]", number: int, is_settled: "Callable[[], object]"
    ) -> None:
        self._results, self._number, self._is_settled = results, number, is_settled

    def fill(self, call: "AnyCall") -> None:
        """Put the call there. By the collector, mostly; never blocks."""
        self._is_settled()
        self._results.settled(self._number, call)

    def renew_lock(self) -> None:
        """Make a new lock: in a forked child, nobody is left to release the old one."""
        self._results._lock = Lock()  # noqa: SLF001  # of this module

    setattr(fill, MARK, True)  # see `done_callbacks`
