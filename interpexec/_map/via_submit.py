"""Maps through a `submit` that a subclass or a caller has replaced.

A progress bar, a bound, a trace: a program that replaces `submit` wants to see each call,
as with every executor of the standard library. So each item, or each chunk of a given
size, is one call of it, as `concurrent.futures.Executor.map` does it.
"""

from collections import deque
from itertools import batched, islice

from interpexec._core.waiting import Deadline
from interpexec._map.iterators import Arrivals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from typing import Any

    from interpexec._map.request import MapRequest

    type Submit = Callable[..., Future[Any]]


def _chunk(fn: "Callable[..., object]", items: "Iterable[tuple[object, ...]]") -> list[object]:
    """Call a function for some items. In the worker."""
    return [fn(*item) for item in items]


class _Calls:
    """The calls of a map: submitted as far as they may be in flight."""

    def __init__(self, submit: "Submit", request: "MapRequest") -> None:
        """Submit nothing yet."""
        fn, items, buffersize = request.fn, request.items(), request.buffersize
        size = request.chunksize or 1
        if size == 1:
            self._made = (submit(fn, *item) for item in items)
        else:
            self._made = (submit(_chunk, fn, chunk) for chunk in batched(items, size, strict=False))
        self.are_chunks = size > 1
        self.is_bounded = buffersize is not None
        self._most = None if buffersize is None else max(1, buffersize // size)

    def first(self) -> "list[Future[Any]]":
        """Submit the first ones."""
        return list(islice(self._made, self._most))

    def further(self) -> "list[Future[Any]]":
        """Submit one more, where there is a bound, since one has come back."""
        return list(islice(self._made, 1)) if self.is_bounded else []

    def values(self, future: "Future[Any]", deadline: Deadline) -> "list[object]":
        """Wait for a call; return the values of its items."""
        try:
            value = future.result(deadline.remaining())
        except StopIteration as error:  # of an item: not the end of all
            raise RuntimeError("the function raised StopIteration") from error
        except BaseException:
            future.cancel()
            raise
        return value if self.are_chunks else [value]


def ordered(submit: "Submit", request: "MapRequest") -> "Iterator[object]":
    """Return the iterator of a `map`. The first calls are submitted at once."""
    deadline = Deadline(request.timeout)
    calls = _Calls(submit, request)
    return _in_order(calls, deque(calls.first()), deadline)


def _in_order(
    calls: _Calls, futures: "deque[Future[Any]]", deadline: Deadline
) -> "Iterator[object]":
    try:
        while futures:
            values = calls.values(futures.popleft(), deadline)
            futures += calls.further()
            yield from values
    finally:
        for future in futures:
            future.cancel()


class Unordered:
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

    def __iter__(self) -> "Unordered":
        return self

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

    def __del__(self) -> None:
        """Cancel what is still pending, when nobody wants the rest any more."""
        if self._is_begun:
            self.close()
