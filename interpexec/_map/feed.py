"""A feed: a map whose items a program puts in, and whose outcomes it takes out.

    put, extend --> window --> job --> workers --> arrivals --> turns --> batches
    (any thread)    waits for room                 (one thread: the one that iterates)

The reading of items and the taking of outcomes wait for different things, so they may be two
threads: neither keeps the other from going on.
"""

import threading
from collections import deque

from interpexec._core.waiting import Deadline
from interpexec._map.iterators import Arrivals
from interpexec._map.opening import outcomes_of
from interpexec._map.window import Window

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from interpexec._map.chunk_list import Chunk
    from interpexec._map.feed_job import FeedJob
    from interpexec._map.outcome import Batch, Outcome
    from interpexec._map.provenance import Provenance

_FOREVER = Deadline(None)


class Feed[A, R]:
    """A map whose items come bit by bit: from `InterpreterPoolExecutor.feed`.

    Items are put in by any threads; one thread at a time takes the outcomes, by iterating. Use it
    in a `with` block, which cancels what is left when it is ended early.
    """

    def __init__(
        self,
        make: "Callable[..., FeedJob]",
        *,
        ordered: bool,
        window: Window,
    ) -> None:
        """make: makes the job, given a function that is told of chunks."""
        self._arrived: Arrivals[Chunk | None] = Arrivals()
        self._window = window
        self._turns = _InOrder() if ordered else _AsTheyArrive()
        self._putting = threading.Lock()
        """Held while items are put in, so that their numbers follow their order."""
        self._count = 0  # chunks that have arrived
        self._batch: Batch[A, R] | None = None
        self._is_over = False
        self._job = make(arrived=self._arrived.put, halted=window.close)

    # -- items in --------------------------------------------------------------------

    def put(self, item: A) -> None:
        """Put one item in. Blocks while as many are in flight as may be. From any thread.

        Raises RuntimeError when the feed is closed, or the pool is shut down, and otherwise as
        `submit`.
        """
        self.extend((item,))

    def extend(self, items: "Iterable[A]") -> None:
        """Put several items in: cheaper than one by one. Blocks and raises as `put`."""
        values = list(items)
        with self._putting:
            while values:
                room = self._window.wait()
                if room is None:
                    raise RuntimeError("the feed is closed")
                part, values = values[:room], values[room:]
                self._window.put(len(part), self._job.put(part))  # type: ignore[arg-type]  # any objects

    def close(self) -> None:
        """Say that no further items come: the outcomes end behind those that are there.

        From any thread; never blocks. More than once is allowed.
        """
        self._window.close()
        self._job.end()
        self._arrived.put(None)

    def stop(self) -> None:
        """Begin no further item: those that no worker has begun are dropped, without outcomes.

        The outcomes of the others still come. From any thread; never blocks. (A worker takes the
        next item until it hears of this, which may be the case for some more short ones.)
        """
        self._window.close()
        self._job.drop()
        self._arrived.put(None)

    def cancel(self) -> None:
        """Cancel the items that have not ended, also those that run: these have no outcomes.

        The outcomes that are there, and whose turn it is, can still be taken. From any thread;
        never blocks.
        """
        self._is_over = True
        self._window.close()
        self._job.cancel()
        self._arrived.put(None)

    # -- outcomes out ----------------------------------------------------------------

    def __iter__(self) -> "Self":
        return self

    def __next__(self) -> "Outcome[A, R]":
        """Return the next outcome; wait for it. StopIteration when the feed is closed, and empty.

        Raises what ends the whole map: BrokenInterpreterPool, or CancelledError where the pool
        was terminated.
        """
        while not self._batch:
            self._batch = self.next_batch()
            if self._batch is None:
                raise StopIteration
        return self._batch.take()

    def batches(self) -> "Iterator[Batch[A, R]]":
        """Return an iterator over the outcomes, in batches of those that came together.

        For programs that handle many small items: see `Batch.values`.
        """
        return iter(self.next_batch, None)

    def next_batch(self) -> "Batch[A, R] | None":
        """Return the next batch; wait for it. None where there is no further one."""
        chunk = self._next_chunk()
        if chunk is None:
            return None
        self._job.taken(chunk)
        batch: Batch[A, R] = outcomes_of(self._job, chunk, _FOREVER)  # type: ignore[assignment]
        self._window.take(len(batch))
        return batch

    def is_ready(self) -> bool:
        """Say whether the next outcome is there, so that taking it does not wait."""
        if self._batch:
            return True
        self._note_arrived()
        return self._turns.is_ready()

    def _next_chunk(self) -> "Chunk | None":
        while True:
            # In this order: chunks that are made later are not missed.
            is_over, is_done = self._is_over, self._job.is_done()
            self._note_arrived()
            is_last = is_done and self._count == self._job.chunks.made
            if (chunk := self._turns.take(is_last=is_last)) is not None:
                return chunk
            if is_last or is_over:
                return None
            self._job.check()
            self._note(self._arrived.get(_FOREVER))

    def _note_arrived(self) -> None:
        while self._arrived:
            self._note(self._arrived.get(_FOREVER))

    def _note(self, chunk: "Chunk | None") -> None:
        if chunk is not None:
            self._count += 1
            if chunk in self._job.dropped:
                self._job.dropped.discard(chunk)
                self._turns.skip(chunk)
            else:
                self._turns.add(chunk)

    # -- the end ---------------------------------------------------------------------

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        """Cancel what is left."""
        self.cancel()


class _AsTheyArrive:
    """Chunks that have ended, in the order in which they did."""

    def __init__(self) -> None:
        self._ready: deque[Chunk] = deque()

    def add(self, chunk: "Chunk") -> None:
        """Take a chunk that has ended."""
        self._ready.append(chunk)

    def skip(self, chunk: "Chunk") -> None:
        """Learn of a chunk whose items have no outcomes."""

    def is_ready(self) -> bool:
        """Say whether one can be given."""
        return bool(self._ready)

    def take(self, *, is_last: bool) -> "Chunk | None":  # noqa: ARG002  # as of `_InOrder`
        """Give one, if that can be."""
        return self._ready.popleft() if self._ready else None


class _InOrder:
    """Chunks that have ended, in the order of their items."""

    def __init__(self) -> None:
        self._early: dict[int, Chunk] = {}  # by the number of the first item
        self._gone: dict[int, int] = {}  # items without outcomes: how many, by the first number
        self._turn = 0
        self._end: Chunk | None = None  # stands behind all items, with an error

    def add(self, chunk: "Chunk") -> None:
        """Take a chunk that has ended."""
        if chunk.is_end():
            self._end = chunk
        else:
            self._early[chunk.provenance.first] = chunk  # type: ignore[union-attr]  # it has ended

    def skip(self, chunk: "Chunk") -> None:
        """Learn of a chunk whose items have no outcomes."""
        gone: Provenance = chunk.provenance  # type: ignore[assignment]  # it has ended
        self._gone[gone.first] = gone.count

    def is_ready(self) -> bool:
        """Say whether the one whose turn it is can be given."""
        while self._turn in self._gone:
            self._turn += self._gone.pop(self._turn)
        return self._turn in self._early

    def take(self, *, is_last: bool) -> "Chunk | None":
        """Give the one whose turn it is, if it is there; the end, when there is no other one."""
        chunk = self._early.pop(self._turn) if self.is_ready() else None
        if chunk is not None:
            self._turn += chunk.provenance.count  # type: ignore[union-attr]  # it has ended
        elif is_last and not self._early:
            chunk, self._end = self._end, None
        return chunk
