"""The loop between reading, workers and writing.

    Reader ──blocks──▶ Backlog ──chunks──▶ pool ──replies──▶ Order ──▶ Report
       ▲                  │                                    │
       └── one more block ┘          Pace ◀── seconds ─────────┘

Everything but the reading and the evaluating happens in the thread that calls
`run`. It waits at one place, for one queue, into which the reading thread puts
blocks and the pool's threads put finished chunks. Written results are
flushed before it waits there, and only then: so no result lies in a buffer while
the next one is awaited, and thousands that are ready share one flush.

The items in flight are bounded on every edge: `AHEAD` blocks are read ahead (see
`items`), `DEPTH` chunks per worker are submitted, and no later chunk is started
when the Order has no room for more replies.
"""

from functools import partial
from queue import Empty, SimpleQueue

from interpexec.cli._backlog import Backlog, Chunk
from interpexec.cli._evaluate import Failure, Reply, evaluate, summarize
from interpexec.cli._interrupts import Interrupts
from interpexec.cli._items import EndOfItems, Reader
from interpexec.cli._pace import Pace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from interpexec.cli._items import Source
    from interpexec.cli._order import Order
    from interpexec.cli._report import Report

    type Settled = tuple[Chunk, Future[Reply]]
    type Event = list[str] | EndOfItems | Settled | None

DEPTH = 2
"""Chunks in flight per worker: one that runs and one that stands ready. More
would only take choices away: a submitted chunk cannot be cut up any more."""


class Flow:
    """One run over all items of a source."""

    def __init__(  # noqa: PLR0913  # the parts that it connects
        self,
        pool: "Executor",
        source: "Source",
        report: "Report",
        order: "Order",
        *,
        workers: int,
        fail_fast: bool,
    ) -> None:
        self._pool = pool
        self._report = report
        self._order = order
        self._fail_fast = fail_fast
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._reader = Reader(source, self._events.put)
        self._backlog = Backlog(self._reader.used_up)
        self._pace = Pace(workers)
        self._most_in_flight = DEPTH * workers
        self._interrupts = Interrupts(partial(self._events.put, None))
        self._in_flight = 0
        self._reading_error: OSError | None = None
        self._closed = False  # no further items are taken
        self._done = False  # with `fail_fast`: the first failure has been written

    def run(self) -> OSError | None:
        """Do everything; return the error that ended the reading early, if one did.

        Returns when all items are done or, with `fail_fast`, when the first failure
        has been written; chunks may be in flight then, and when this raises
        (BrokenPipeError, KeyboardInterrupt, BrokenExecutor).
        """
        with self._interrupts:
            self._reader.start()
            try:
                while not self._is_over():
                    self._handle(self._next_event())
                    self._feed()
                with self._interrupts.allowed():
                    self._report.flush()
            finally:
                self._reader.stop()
        return self._reading_error

    def _handle(self, event: "Event") -> None:
        if event is None:
            return  # a signal came
        if isinstance(event, EndOfItems):
            self._closed = True
            self._reading_error = event.error
        elif isinstance(event, list):
            self._accept(event)
        else:
            self._settle(*event)

    def _is_over(self) -> bool:
        return self._done or self.is_complete()

    def is_complete(self) -> bool:
        """Say whether nothing is in flight any more, and nothing is left to do."""
        return self._closed and not self._in_flight and not self._backlog

    def _next_event(self) -> "Event":
        with self._interrupts.allowed():
            try:
                return self._events.get_nowait()
            except Empty:
                self._report.flush()
                return self._events.get()

    def _accept(self, block: list[str]) -> None:
        if not self._closed:
            self._backlog.add(block)

    def _feed(self) -> None:
        """Submit chunks while there are items and room for them."""
        while self._in_flight < self._most_in_flight:
            # A chunk that came back may be the one that the Order waits for, so it needs no room.
            if not self._backlog.has_returned() and not self._order.has_room():
                return
            size = self._pace.next_size(len(self._backlog))
            if not size:
                return
            self._submit(self._backlog.take(size))

    def _submit(self, chunk: Chunk) -> None:
        future = self._pool.submit(evaluate, chunk.items)
        self._in_flight += 1
        future.add_done_callback(partial(self._arrive, chunk))

    def _arrive(self, chunk: Chunk, future: "Future[Reply]") -> None:
        """Pass a finished chunk to the loop. Called in a thread of the pool."""
        self._events.put((chunk, future))

    def _settle(self, chunk: Chunk, future: "Future[Reply]") -> None:
        self._in_flight -= 1
        error = future.exception()
        if error is None:
            reply = future.result()
            self._pace.record(reply.done, reply.seconds)
        else:
            reply = _all_failed(chunk, error)
        if self._fail_fast and reply.failures:
            self._close_after(chunk.start + reply.done)
        elif reply.done < len(chunk.items):
            self._backlog.give_back(chunk.after(reply.done))
        for start, ready in self._order.add(chunk.start, reply):
            if not self._done:
                with self._interrupts.allowed():
                    self._report.write(start, ready)
                self._done = self._fail_fast and bool(ready.failures)

    def _close_after(self, number: int) -> None:
        """Take no items from `number` on; those before may still have to be done."""
        self._closed = True
        self._backlog.drop_from(number)


def _all_failed(chunk: Chunk, error: BaseException) -> Reply:
    """Make up the reply of a worker that could not give one."""
    summary = summarize(error)
    failures = [Failure(index, item, summary) for index, item in enumerate(chunk.items)]
    return Reply(len(chunk.items), b"", failures)
