"""A map whose items are put in bit by bit, and whose results go out as soon as they can.

A result does not wait for a slow item behind it in its call: a call of several items that has
run for HOLD is asked for what it has, and goes on with the item that it is at.

    chunk:    a b c D e f            D takes long
    answer:   the outcomes of a b c; e and f are handed back
    then:     [a b c] is a chunk that has ended, [D] runs on, [e f] goes to any worker

The answer and the reply of the call come from two threads of the worker, in any order. So a
chunk that was asked ends only when its answer is there, if its call has ended before that.

When no further item is to begin (`drop`), calls that no worker has begun are cancelled, and the
others are asked in the same way; the items that they hand back are dropped. Their chunks are
noted in `dropped` before they are told: they have no outcomes.
"""

from concurrent.futures import Future
from functools import partial
from time import monotonic

from interpexec._core.sigint import interruptibly, protected
from interpexec._map.chunk_list import WHOLE, Chunk
from interpexec._map.chunk_size import BUDGET
from interpexec._map.halting import Halting
from interpexec._map.job import Job
from interpexec._map.lifecycle import EXHAUSTED, READING, READS, RELEASED
from interpexec._map.outcomes import Outcomes
from interpexec._pool.done_callbacks import MARK
from interpexec._sharing import unpickling
from interpexec.errors import WorkerLostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._map.items import Items
    from interpexec._pool.future import AnyFuture

HOLD = 1.25 * BUDGET / 1e9
"""Seconds for which a result may wait for later ones in its call. More than a call takes whose
items are alike, or messages would be sent for nothing."""


class FeedJob(Job):
    """The items of a feed that are not settled. From any thread of the caller's side."""

    _is_prompt = True

    def __init__(
        self,
        *args: "Any",
        most_bytes: int | None,
        halting: Halting,
        halted: "Callable[[], object]",
        **kwargs: "Any",
    ) -> None:
        """Make one that has no items yet.

        most_bytes: of results that were not taken; then no further items are sent to the
            workers. halted: called when `halting` says that no further item is to begin. The
            rest is as of `Job`.
        """
        super().__init__(*args, **kwargs)
        self._most_bytes = most_bytes
        self._halting = halting
        self._halted = halted
        self._is_dropping = False
        self.dropped: set[Chunk] = set()
        """Chunks whose items have no outcomes, and that were told, or are about to be."""
        self._bytes = 0  # of results that were not taken
        self._divided: set[Chunk] = set()  # those whose first outcomes have come early
        with self._lock:
            self._life.move(READING)

    # -- items in --------------------------------------------------------------------

    @protected
    def put(self, values: "list[object]") -> float:
        """Put items behind the others; return their bytes. One thread at a time.

        Raises what `submit` raises.
        """
        self._scheduler.refuse_if_over()
        reader = self.reader
        items: Items = interruptibly(self._maker.items, [values], reader.count)
        with self._lock:
            if self._life.stage not in READS:
                raise RuntimeError("the feed is closed")
            self._accept()
            reader.count += len(values)
            weight = items.weight * len(items)
            self._backlog.append(items)
            self._fill()
        return weight

    def end(self) -> None:
        """Learn that no further items come."""
        with self._lock:
            if self._life.move(EXHAUSTED):
                self._fill()

    def drop(self) -> None:
        """Drop the items that no worker has begun; no further ones come."""
        with self._lock:
            self._is_dropping = True
            self._backlog.clear()
            self._life.move(EXHAUSTED)
            out: list[AnyFuture] = list(self._out)  # type: ignore[arg-type]  # calls of this pool
            self._fill()
        if out:
            self._scheduler.leave_to_collector(partial(self._take_back_all, out))

    def _take_back_all(self, calls: "list[AnyFuture]") -> None:
        """Cancel calls that no worker has begun; ask the others. By the collector."""
        for call in calls:
            if call._cancel_pending() or (self._scheduler.recall_one(call) and call.cancel()):
                continue
            with self._lock:
                if (chunk := self._out.get(call)) is not None:
                    self._divider.ask([chunk], 1, self._on_answer, takes_outcomes=True)

    def workers_are_idle(self) -> None:
        """Ask for what calls have not begun: for idle workers, or to drop it."""
        if not self._is_dropping:
            super().workers_are_idle()
            return
        with self._lock:
            if self._life.stage is not RELEASED:
                out = list(self._out.values())
                self._divider.ask(out, len(out), self._on_answer, takes_outcomes=True)

    # -- results out -----------------------------------------------------------------

    def is_done(self) -> bool:
        """Say whether all items have come, and every chunk of them has ended."""
        with self._lock:
            return not (self._backlog.count or self._out or self._life.stage in READS)

    def taken(self, chunk: Chunk) -> None:
        """Learn that a chunk's results are taken: there is room for others."""
        if self._most_bytes is None or not (weight := _weight(chunk)):
            return
        with self._lock:
            was_full = self._is_full()
            self._bytes -= weight
            if was_full and not self._is_full():
                self._fill()

    def _is_full(self) -> bool:
        return self._most_bytes is not None and self._bytes > self._most_bytes

    def _cut(self) -> "Items | None":
        return None if self._is_full() else super()._cut()

    def _tell(self, chunk: Chunk) -> None:
        if self._is_dropping and self._life.stage is EXHAUSTED and chunk.future.cancelled():
            self.dropped.add(chunk)
        self._bytes += _weight(chunk)
        super()._tell(chunk)

    # -- failures ----------------------------------------------------------------------

    def _count(self, ended: int, failed: int) -> None:
        """Count items; when too many have failed, no further one begins. Under the lock."""
        if self._halting.add(ended, failed) and not self._is_dropping:
            self._halted()
            self.drop()

    def _settle(self, chunk: Chunk, error: BaseException | None) -> None:
        count = len(chunk.items)
        super()._settle(chunk, error)
        if error is not None and count:
            self._count(count, count)

    # -- promptness ------------------------------------------------------------------

    def _send(self, chunk: Chunk) -> None:
        if self._is_dropping:  # its items were handed back
            self._settle(chunk, None)
            return
        super()._send(chunk)
        if _may_hold(chunk):
            self._scheduler.look_in(HOLD)

    def _finish(self, chunk: Chunk) -> None:
        if chunk in self._divider.asked.values():
            return  # the answer comes
        self._make_up(chunk)
        self._count(*_ends(chunk))
        super()._finish(chunk)
        # A worker has begun another call, perhaps.
        if any(map(_may_hold, self._out.values())):
            self._scheduler.look_in(HOLD)

    def look(self) -> None:
        """Ask the calls that have run for HOLD for what they have. By the collector."""
        with self._lock:
            if self._sizer.is_fixed or self._life.stage is RELEASED:
                return
            late, now, again = [], monotonic(), []
            running = self._scheduler.running()
            has_free = len(running) < self._scheduler.max_workers
            for future, chunk in self._out.items():
                if not _may_hold(chunk):
                    continue
                since = running.get(future)  # type: ignore[call-overload]  # a call of this pool
                if since is not None and since + HOLD <= now:
                    late.append(chunk)
                elif since is not None:
                    again.append(since + HOLD - now)
                elif has_free:  # it begins soon; else a reply comes before it does
                    again.append(HOLD)
            if late:
                self._divider.ask(late, len(late), self._on_answer, takes_outcomes=True)
            if again:
                self._scheduler.look_in(min(again))

    def _on_answer(self, future: "Future[object]") -> None:
        """Learn what a call has handed out, and back. By the collector."""
        with self._lock:
            chunk = self._divider.asked.pop(future)
            if self._life.stage is RELEASED:
                return
            call = chunk.future  # the thread that takes the outcomes forgets it
            count: int = 0
            early: bytes | None = None
            if not future.cancelled() and future.exception() is None:
                count, early = future.result()  # type: ignore[misc]  # a pair
            if early is not None:
                self._guard(self._hand_out, chunk, early)
            if count:
                self._guard(self._take_back, chunk, count)
        if call.done():
            self.finish(chunk)

    setattr(_on_answer, MARK, True)  # see `future`

    def _hand_out(self, chunk: Chunk, early: bytes) -> None:
        """Make a chunk that has ended of the items whose outcomes have come. Under the lock."""
        outcomes: Outcomes = unpickling.loads_value(early, after_main=False)  # type: ignore[assignment]
        piece = self.chunks.insert(Chunk(chunk.items.cut(len(outcomes))), chunk)
        piece.future = Future()
        piece.future.set_result(outcomes)
        ends = _ends(piece)
        piece.finish(self.record.answered(piece.items, outcomes))
        self._divided.add(chunk)
        self._tell(piece)
        self._count(*ends)

    def _make_up(self, chunk: Chunk) -> None:
        """Fail the items whose outcomes were taken early, and did not arrive. Under the lock."""
        future = chunk.future
        if chunk in self._divided:
            self._divided.remove(chunk)
        elif not future.cancelled() and future.exception() is None:
            value = future.result()
            if isinstance(value, Outcomes) and value.early:
                lost = self.chunks.insert(Chunk(chunk.items.cut(value.early)), chunk)
                error = WorkerLostError("the worker ran out of memory when it sent the outcome")
                self._settle(lost, error)


def _may_hold(chunk: Chunk) -> bool:
    """Say whether results may wait in the call of a chunk, for later ones."""
    return chunk.state is WHOLE and len(chunk.items) > 1


def _ends(chunk: Chunk) -> tuple[int, int]:
    """Return how many items of a chunk have ended with its call, and how many of them failed."""
    future = chunk.future
    if future.cancelled():
        return 0, 0
    if future.exception() is not None:
        return len(chunk.items), len(chunk.items)
    value = future.result()
    return (len(value), len([*value.failed()])) if isinstance(value, Outcomes) else (1, 0)


def _weight(chunk: Chunk) -> int:
    """Return the bytes of a chunk's results."""
    future = chunk.future
    if future.cancelled() or future.exception() is not None:
        return 0
    value = future.result()
    return value.weight if isinstance(value, Outcomes) else 0
