"""The iterators behind `map` and `imap_unordered`.

    items -> chunks -> `Supply` submits them -> futures -> results, item by item

Both start their calls at once and hold no more than `buffersize` items in
flight. `map` goes on as `concurrent.futures` does: in order, an exception ends
it and cancels the rest. `imap_unordered` goes on as `multiprocessing` does: as
results arrive, and an exception costs its own item only.
"""

import weakref
from collections import deque
from concurrent.futures import Future
from itertools import count, islice
from queue import Empty, SimpleQueue

from interpexec._chunks import Chunk, Outcomes, Parcel, opened
from interpexec._deadline import Deadline
from interpexec._future import CallFuture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from interpexec.executor import InterpreterPoolExecutor


class Supply:
    """Submits the chunks of a map, as many as may be in flight."""

    def __init__(  # noqa: PLR0913  # what `map` was given
        self,
        executor: "InterpreterPoolExecutor",
        fn: "Callable[..., object]",
        iterables: "tuple[Iterable[object], ...]",
        *,
        name: str,
        limit: float | None,
        chunksize: int,
        buffersize: int | None,
    ) -> None:
        # Weakly: who drops the executor and keeps the iterator gets what was
        # submitted so far, as in the stdlib.
        self._executor = weakref.ref(executor)
        self._fn = fn
        self._chunk = Chunk(fn, name)
        self._limit = limit  # of each call, in seconds
        self._items = zip(*iterables, strict=False)
        self._error: Exception | None = None  # what the iterables raised
        self._size = chunksize if buffersize is None else min(chunksize, buffersize)
        self._in_flight = None if buffersize is None else max(buffersize // self._size, 1)

    def begin(self) -> "Iterator[Future[object]]":
        """Submit the first calls (all, without a buffersize), yielding their futures.

        Raises what the iterables and `submit` raise.
        """
        for _ in count() if self._in_flight is None else range(self._in_flight):
            if (future := self._submit_next()) is None:
                return
            yield future

    def refill(self) -> "Iterator[Future[object]]":
        """Submit the next chunk, where there is a bound on what is in flight.

        What goes wrong here (the iterable raises, the executor was shut down) is
        the result of a future, so that the results before it are still given.
        """
        if self._in_flight is None:
            return
        try:
            future = self._submit_next()
        except Exception as error:  # handed on, see above
            self._in_flight = None
            future = Future()
            future.set_exception(error)
        if future is not None:
            yield future

    def _submit_next(self) -> "Future[object] | None":
        """Submit one chunk; None when there is none, or the executor is gone."""
        executor = self._executor()
        if executor is None:
            return None
        chunk = self._next_chunk()
        if not chunk:
            return None
        if self._limit is not None:
            executor = executor.with_options(timeout=self._limit)
        if self._size == 1:
            return executor.submit(self._fn, *chunk[0])
        return executor.submit(self._chunk, Parcel(chunk))

    def _next_chunk(self) -> "list[tuple[object, ...]]":
        """Read a chunk; what the iterables raise comes after the items before it."""
        chunk: list[tuple[object, ...]] = []
        if self._error is None:
            try:
                chunk.extend(islice(self._items, self._size))
            except Exception as error:
                self._error = error
        if self._error is not None and not chunk:
            raise self._error
        return chunk


def ordered(supply: Supply, timeout: float | None) -> "Iterator[object]":
    """Return the iterator that `map` returns. The first calls are submitted at once."""
    deadline = Deadline(timeout)
    futures: deque[Future[object]] = deque()
    try:
        futures.extend(supply.begin())
    except BaseException:
        _give_up(futures)
        raise
    return _in_order(supply, futures, deadline)


def _in_order(
    supply: Supply, futures: "deque[Future[object]]", deadline: Deadline
) -> "Iterator[object]":
    """Yield the results in the order of the items; cancel what is left at the end."""
    try:
        while futures:
            outcomes = _outcomes(futures.popleft(), deadline)
            while outcomes:
                if len(outcomes) == 1:
                    futures.extend(supply.refill())
                yield outcomes.take()  # no name for it: the caller alone holds it
    finally:
        _give_up(futures)


def _outcomes(future: "Future[object]", deadline: Deadline) -> Outcomes:
    """Wait for a call and return the outcomes of its items; raise its exception."""
    try:
        value = future.result(deadline.remaining())
    except BaseException:
        future.cancel()
        raise
    finally:
        del future  # and with it one more reference to the result
    return opened(value)


def _give_up(futures: "Iterable[Future[object]]") -> None:
    """Cancel what is still pending.

    This may be the end of an iterator that is collected as garbage, in the
    middle of anything, so no lock of the engine may be waited for.
    """
    for future in futures:
        if isinstance(future, CallFuture):
            future.cancel_pending()


class Unordered:
    """The iterator that `imap_unordered` returns: results as they arrive.

    An exception of an item is raised by the `next()` whose turn it is, and the
    following `next()` goes on with the others, as in `multiprocessing`. One
    thread at a time may iterate.
    """

    def __init__(self, supply: Supply, timeout: float | None) -> None:
        self._supply = supply
        self._deadline = Deadline(timeout)
        self._futures: set[Future[object]] = set()
        self._arrived: SimpleQueue[Future[object]] = SimpleQueue()
        self._open = Outcomes([])
        try:
            self._add(supply.begin())
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> "Unordered":
        return self

    def __next__(self) -> object:
        """Return the next result; wait for it.

        Raises the item's exception, TimeoutError when the map's time is over,
        StopIteration when every item was returned.
        """
        while not self._open:
            if not self._futures:
                raise StopIteration
            self._open = self._next_arrived()
        if len(self._open) == 1:
            self._add(self._supply.refill())
        try:
            return self._open.take()
        except StopIteration as error:  # of an item: not the end of all
            raise RuntimeError("the function raised StopIteration") from error

    def close(self) -> None:
        """Cancel what has not finished, also what runs; the iterator is then exhausted."""
        futures, self._futures = self._futures, set()
        self._open = Outcomes([])
        for future in futures:
            future.cancel()

    def __del__(self) -> None:
        """Cancel what is still pending, when nobody wants it any more."""
        _give_up(self._futures)

    def _add(self, futures: "Iterable[Future[object]]") -> None:
        for future in futures:
            self._futures.add(future)
            future.add_done_callback(self._arrived.put)

    def _next_arrived(self) -> Outcomes:
        """Wait for a call to finish and return its outcomes."""
        try:
            future = self._arrived.get(timeout=self._deadline.remaining())
        except Empty:
            raise TimeoutError from None
        self._futures.discard(future)
        try:
            return _outcomes(future, self._deadline)
        except StopIteration as error:
            self._add(self._supply.refill())
            raise RuntimeError("the function raised StopIteration") from error
        except BaseException:
            self._add(self._supply.refill())
            raise
