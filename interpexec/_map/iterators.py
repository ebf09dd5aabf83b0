"""The iterators behind `map` and `imap_unordered`.

Both take the outcomes of a `Job`, which submits its calls at once and holds no more
than `buffersize` items in flight. `map` goes on as `concurrent.futures` does: in order,
an exception ends it and cancels the rest. `imap_unordered` goes on as `multiprocessing`
does: as results arrive, and an exception costs its own item only.
"""

from collections import deque
from concurrent.futures import CancelledError
from operator import length_hint

from interpexec._core.sigint import keep_whole, protected, unbroken
from interpexec._core.waiting import Deadline
from interpexec._map.chunk_list import Chunk
from interpexec._map.job import Job
from interpexec._map.opening import outcomes_of
from interpexec._map.outcomes import Outcomes
from interpexec._map.results import Ordered, Results
from interpexec._pool.parking import Parker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from interpexec._map.provenance import Opened

keep_whole()


def ordered(job: Job, timeout: float | None) -> "Results[object]":
    """Return the iterator that `map` returns. The first calls are submitted at once."""
    deadline = Deadline(timeout)
    try:
        origin = job.begin()
    except BaseException:
        job.release()
        raise
    return Ordered(InOrder(job, origin, deadline))


class InOrder:
    """Hands out the results of a job in the order of the items."""

    def __init__(self, job: Job, origin: Chunk, deadline: Deadline) -> None:
        """origin: stands before the first chunk."""
        self._job = job
        self._origin = origin
        self._deadline = deadline
        self._is_over = False
        # Of the current chunk: the results that are taken together, and the other ones.
        self._values: Iterator[object] = iter(())
        self._outcomes: Opened = Outcomes([])
        self._given = 0
        """How many items the chunks had that were handed out."""

    def hand_out(self) -> "Generator[Iterator[object]]":
        """Yield the results of each chunk; cancel what is left at the end.

        One that is dropped before it was asked for a result cancels nothing: what was
        submitted is computed.
        """
        job, chunk = self._job, self._origin
        del self._origin  # it leads to all chunks
        try:
            while not self._is_over and (following := job.after(chunk)) is not None:
                chunk = following
                del following
                self._outcomes = outcomes = outcomes_of(job, chunk, self._deadline)
                self._given += len(outcomes)
                if job.reader.bound is None:
                    self._values = outcomes.take_all()
                    yield self._values
                if outcomes:
                    yield self._one_by_one(outcomes)  # no name for it: that would be a cycle
            job.tell_progress()
        finally:
            job.release()

    def _one_by_one(self, outcomes: "Opened") -> "Iterator[object]":
        """Yield results that may fail, or for each of which another item is read."""
        try:
            while outcomes and not self._is_over:
                self._job.refill()
                yield outcomes.take()  # no name for it: the caller alone holds it
        except Exception as error:
            self.close()
            raise error.with_traceback(None)  # noqa: B904  # the item's: the frames here say nothing
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hand out nothing more; cancel what has not begun."""
        self._is_over = True
        self._job.release()

    def left(self) -> int:
        """Return how many results are to come, of the items that were read so far."""
        if self._is_over:
            return 0
        rest = len(self._outcomes) + length_hint(self._values)
        return max(self._job.reader.count - self._given, 0) + rest


class Arrivals[T]:
    """Things that have arrived, first in, first out. Many threads put, one takes."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._parker: Parker | None = None

    def put(self, item: T) -> None:
        """Put something in. Never blocks."""
        self._items.append(item)
        if (parker := self._parker) is not None:
            parker.wake()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._items)

    def get(self, deadline: Deadline) -> T:
        """Take the first thing; wait for it. TimeoutError when the time is over.

        An interrupt, which comes only while this sleeps, takes nothing.
        """
        while not self._items:
            self._parker = parker = Parker()
            # In this order: what is put in between the two wakes this thread.
            if self._items:
                break
            if not parker.wait(deadline.remaining()) and not self._items:
                raise TimeoutError
        return self._items.popleft()


class Unordered(Results[object]):
    """The iterator that `imap_unordered` returns: results as they arrive.

    An exception of an item is raised by the `next()` whose turn it is, and the
    following `next()` goes on with the others, as in `multiprocessing`. One
    thread at a time may iterate.
    """

    def __init__(self, make: "Callable[..., Job]", timeout: float | None) -> None:
        """make: makes the job, given a function that is told of chunks."""
        self._deadline = Deadline(timeout)
        self._arrived: Arrivals[Chunk | None] = Arrivals()
        self._taken = self._given = 0  # chunks, and items of them
        self._open: Opened = Outcomes([])
        self._is_begun = self._is_over = False
        self._job = make(arrived=self._arrived.put)
        try:
            self._job.begin()
        except BaseException:
            self.close()
            raise

    @protected
    def __next__(self) -> object:
        """Return the next result; wait for it.

        Raises the item's exception, TimeoutError when the map's time is over,
        StopIteration when every item was returned.
        """
        self._is_begun = True
        while not self._open:
            if self._is_over:
                raise StopIteration
            self._job.check()
            if self._taken == self._job.chunks.made:
                self._job.tell_progress()
                raise StopIteration
            self._open = self._next_arrived()
            self._given += len(self._open)
        outcomes = self._open  # the iterable may close this when it is read
        self._job.refill()
        try:
            return outcomes.take()
        except StopIteration as error:  # of an item: not the end of all
            raise RuntimeError("the function raised StopIteration") from error

    def close(self) -> None:
        """Cancel what has not finished, also what runs; the iterator is then exhausted."""
        self._is_over = True
        self._open = Outcomes([])
        self._job.cancel()
        self._arrived.put(None)  # another thread may be waiting

    def __length_hint__(self) -> int:
        """Return how many results are to come, of the items that were read so far."""
        if self._is_over:
            return 0
        return max(self._job.reader.count - self._given, 0) + len(self._open)

    @unbroken
    def __del__(self) -> None:
        """Cancel what is still pending, when nobody wants the rest any more."""
        if self._is_begun or self._is_over:  # `close` may have been interrupted half way
            self._job.release()

    _is_begun = _is_over = False  # where the making has failed

    def _next_arrived(self) -> "Opened":
        """Wait for a call to finish and return its outcomes."""
        try:
            chunk = self._arrived.get(self._deadline)
        except TimeoutError:
            message = f"timed out waiting for {length_hint(self)} items of the map, or more"
            raise TimeoutError(message) from None
        if chunk is None:
            raise CancelledError("the map was closed")
        self._taken += 1
        try:
            return outcomes_of(self._job, chunk, self._deadline)
        except StopIteration as error:
            self._job.refill()
            raise RuntimeError("the function raised StopIteration") from error
        except BaseException:
            self._job.refill()
            raise
