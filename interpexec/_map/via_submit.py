"""Maps through a `submit` that a subclass or a caller has replaced.

A progress bar, a bound, a trace: a program that replaces `submit` wants to see each call,
as with every executor of the standard library. So each item, or each chunk of a given
size, is one call of it, as `concurrent.futures.Executor.map` does it.
"""

from collections import deque
from functools import partial
from itertools import batched, islice
from operator import length_hint

from interpexec._core.waiting import Deadline
from interpexec._map.iterators import Arrivals
from interpexec._map.opening import is_of
from interpexec._map.plain_chunk import starmapped
from interpexec._map.provenance import Provenance, Record
from interpexec._map.results import Ordered, Results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future
    from typing import Any

    from interpexec._map.request import MapRequest

    type Submit = Callable[..., Future[Any]]


class _Calls:
    """The calls of a map: submitted as far as they may be in flight."""

    def __init__(self, submit: "Submit", request: "MapRequest") -> None:
        """Submit nothing yet."""
        size = request.chunksize or 1
        if request.wants_outcomes:
            size = 1  # each item is to fail by itself
        self._are_chunks = size > 1
        self._made = self._submit_each(submit, request, size)
        self._record = Record(request.name, wants_outcomes=request.wants_outcomes)
        self._provenances: dict[Future[Any], Provenance] = {}
        self.is_bounded = request.buffersize is not None
        self._most = None if request.buffersize is None else max(1, request.buffersize // size)

    def _submit_each(
        self, submit: "Submit", request: "MapRequest", size: int
    ) -> "Iterator[Future[Any]]":
        """Submit calls of so many items, one each time that it is advanced."""
        fn, first, progress = request.fn, 0, request.progress
        for items in batched(request.items(), size, strict=False):
            future = submit(starmapped, fn, items) if self._are_chunks else submit(fn, *items[0])
            kept = {} if self._are_chunks else {0: items[0]}
            self._provenances[future] = Provenance(request.name, first, len(items), kept)
            first += len(items)
            if progress is not None:
                future.add_done_callback(partial(progress.see, items=len(items)))
            yield future
        if progress is not None:
            progress.know_total(first)
            progress.report()

    def first(self) -> "list[Future[Any]]":
        """Submit the first ones."""
        return list(islice(self._made, self._most))

    def further(self) -> "list[Future[Any]]":
        """Submit one more, where there is a bound, since one has come back."""
        return list(islice(self._made, 1)) if self.is_bounded else []

    def values(self, future: "Future[Any]", deadline: Deadline) -> "list[object]":
        """Wait for a call; return the values of its items, or their outcomes."""
        provenance = self._provenances.pop(future)
        try:
            value = future.result(deadline.remaining())
        except BaseException as error:
            if is_of(future, error):
                if (settled := self._record.open_failed(error, provenance)) is not None:
                    return [settled.take()]
                if isinstance(error, StopIteration):  # of an item: not the end of all
                    message = "the function raised StopIteration"
                    raise RuntimeError(message) from error  # as PEP 479 has it
                raise
            future.cancel()
            if isinstance(error, TimeoutError):
                message = f"timed out waiting for {provenance.described()}"
                raise TimeoutError(message) from None
            raise
        if self._are_chunks:
            return value  # type: ignore[no-any-return]  # a list
        return [self._record.open(value, provenance).take()]


def ordered(submit: "Submit", request: "MapRequest") -> "Results[object]":
    """Return the iterator of a `map`. The first calls are submitted at once."""
    deadline = Deadline(request.timeout)
    calls = _Calls(submit, request)
    return Ordered(_InOrder(calls, deadline))


class _InOrder:
    """Hands out the results of calls in their order, like `iterators.InOrder`."""

    def __init__(self, calls: _Calls, deadline: Deadline) -> None:
        """Submit the first calls."""
        self._calls = calls
        self._deadline = deadline
        self._futures = deque(calls.first())
        self._values: Iterator[object] = iter(())

    def hand_out(self) -> "Generator[Iterator[object]]":
        """Yield the results of each call; cancel what is left at the end."""
        try:
            while self._futures:
                values = self._calls.values(self._futures.popleft(), self._deadline)
                self._futures += self._calls.further()
                self._values = iter(values)
                del values
                yield self._values
        finally:
            self.close()

    def close(self) -> None:
        """Cancel the calls that are not finished."""
        for future in self._futures:
            future.cancel()
        self._futures.clear()

    def left(self) -> int:
        """Return how many results are to come at least, of the calls that were submitted."""
        return len(self._futures) + length_hint(self._values)


class Unordered(Results[object]):
    """The iterator that `imap_unordered` returns, like `iterators.Unordered`."""

    _is_begun = False

    def __init__(self, submit: "Submit", request: "MapRequest") -> None:
        """Submit the first calls."""
        self._deadline = Deadline(request.timeout)
        self._arrived: Arrivals[Future[Any]] = Arrivals()
        self._calls = _Calls(submit, request)
        self._out: set[Future[Any]] = set()
        self._open: deque[object] = deque()
        self._watch(self._calls.first())

    def _watch(self, futures: "list[Future[Any]]") -> None:
        self._out.update(futures)
        for future in futures:
            future.add_done_callback(self._arrived.put)

    def __next__(self) -> object:
        """Return the next result; raise its exception, and go on with the others after that."""
        self._is_begun = True
        while not self._open:
            if not self._out:
                raise StopIteration
            future = self._arrived.get(self._deadline)
            self._out.discard(future)
            self._watch(self._calls.further())
            self._open.extend(self._calls.values(future, self._deadline))
        return self._open.popleft()

    def close(self) -> None:
        """Cancel what has not finished; the iterator is then exhausted."""
        out, self._out = self._out, set()
        self._open.clear()
        for future in out:
            future.cancel()

    def __length_hint__(self) -> int:
        """Return how many results are to come at least, of the calls that were submitted."""
        return len(self._out) + len(self._open)

    def __del__(self) -> None:
        """Cancel what is still pending, when nobody wants the rest any more."""
        if self._is_begun:
            self.close()
