"""One map, from its iterables to its outcomes.

    iterables --read--> backlog --cut--> chunks --submit--> workers
                           ^                |
                           +--- the rest ---+   of a chunk, when other workers are idle,
                                                or it took too long

Only as many chunks are out as keep the workers busy, because the size of the next one
is better known the later it is cut (`chunk_size`). The pool has accepted the backlog all
the same: it does not end before that is done (`Scheduler.accept`).
"""

import threading
import weakref
from functools import partial

from interpexec._core import main_module
from interpexec._core.error_text import without_frames
from interpexec._core.sigint import protected, unbroken
from interpexec._map.asks import Asks
from interpexec._map.backlog import Backlog
from interpexec._map.call_maker import CallMaker
from interpexec._map.chunk_list import FINISHED, Chunk, ChunkList
from interpexec._map.chunk_size import make_sizer
from interpexec._map.divider import Divider
from interpexec._map.items import NOTHING, Items
from interpexec._map.lifecycle import (
    BEGINNING,
    CLOSED,
    EXHAUSTED,
    READING,
    READS,
    RELEASED,
    SUBMITS,
    Lifecycle,
)
from interpexec._map.outcomes import Outcomes
from interpexec._map.provenance import Record
from interpexec._map.reader import Reader
from interpexec._pool.done_callbacks import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from interpexec._map.request import MapRequest
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.options import CallOptions
    from interpexec._pool.scheduler import Scheduler


class Job(Asks):
    """The items of a map that are not settled. From any thread of the caller's side.

    `_lock` guards all that stands below it in `__init__`. It is taken before the
    scheduler's, and re-entrant: a call that cannot be submitted is finished at once.
    """

    def __init__(
        self,
        executor: object,
        scheduler: "Scheduler",
        request: "MapRequest",
        *,
        options: "CallOptions | None",
        arrived: "Callable[[Chunk], object] | None" = None,
    ) -> None:
        """Make one that has read nothing yet.

        options: of the calls. arrived: told of each chunk that is finished. It must not block.
        """
        # Weak: if the executor is dropped, the iterator ends with what was read, as in the stdlib.
        self._executor = weakref.ref(executor)
        self._scheduler = scheduler
        self._name, buffersize = request.name, request.buffersize
        self._options = options
        self._arrived = arrived
        self._maker = CallMaker(request, options, is_counted=scheduler.max_tasks is not None)
        self.record = Record(request.name, wants_outcomes=request.wants_outcomes)
        self.reader = Reader(request.iterables, self._maker.items, buffersize)
        self._life = Lifecycle()  # RELEASED is set without the lock
        self._lock = threading.RLock()
        self._sizer = make_sizer(self._maker.chunksize, buffersize, scheduler.max_workers)
        # The pool has accepted this as long as there is a backlog, or something is out.
        self._backlog = Backlog()
        self._out: dict[Future[object], Chunk] = {}
        self._is_filling = False  # by a frame below, on the stack of the thread with the lock
        self._close_error: BaseException | None = None
        self._end: Chunk | None = None  # stands behind all items, with an error
        self._fault: BaseException | None = None
        self.chunks = ChunkList(is_ordered=arrived is None)
        self._divider = Divider(scheduler, self._sizer, self.chunks)
        self._progress = request.progress

    @property
    def is_reading(self) -> bool:
        """Whether more items may be read."""
        with self._lock:  # a move to the end appends a chunk, too
            return self._life.stage in READS

    # -- reading: the thread that iterates ---------------------------------------

    @protected
    def begin(self) -> Chunk:
        """Read and submit what may be in flight: everything, without a bound.

        Return the head of the list, before the first chunk. Raises what `submit` raises. An
        exception of the iterables comes behind their last item.
        """
        origin = self.chunks.last
        for count in self.reader.first():
            if self._life.stage not in READS:
                break
            self._take_in(count)
        with self._lock:
            self._life.move(READING)
            self._fill()
        if self._progress is not None:
            self._progress.report()
        return origin

    @protected
    def refill(self) -> None:
        """Read one more item, where there is a bound, since one is about to be yielded."""
        if self.reader.bound is None or self._life.stage not in READS:
            return
        if self._executor() is None:
            with self._lock:
                self._life.move(EXHAUSTED)
            return
        try:
            self._scheduler.refuse_if_over()
            self._take_in(1)
        except Exception as error:  # it was shut down: that comes behind what is there
            with self._lock:
                self.reader.end_with(error)
                self._life.move(EXHAUSTED)
                self._fill()

    def _take_in(self, count: int) -> None:
        """Read so many items, or as many as there are, and submit."""
        items = self.reader.read(count)
        with self._lock:
            if items and self._life.stage in SUBMITS:
                self._accept()
                self._backlog.append(items)
            # After the items, lest an error come before them.
            if self.reader.is_at_end:
                self._life.move(EXHAUSTED)
                if self._progress is not None:
                    self._progress.know_total(self.reader.count)
            self._fill()

    def _accept(self) -> None:
        """Have the pool accept this, with all that is to come. Under the lock."""
        if not (self._backlog.count or self._out):
            main_module.refuse_while_unpickling()
            self._scheduler.accept(self)
            if self._life.stage is RELEASED:  # just now, without the lock
                self._scheduler.release(self)

    # -- submitting ----------------------------------------------------------------

    def _fill(self, arriving: Chunk | None = None) -> None:
        """Submit while there is room. Under the lock. arriving: a chunk that is finished."""
        if not self._is_filling:  # else a call is finished at once
            self._submit()
        if arriving is not None:
            self._tell(arriving)
        if self._end is not None and not (self._out or self._is_filling):
            end, self._end = self._end, None
            self._tell(end)

    def _submit(self) -> None:
        self._is_filling = True
        try:
            while len(self._out) < self._sizer.most_out and (items := self._cut()):
                self._send(self.chunks.append(items))
            is_read = not (self._backlog.count or self._life.stage in READS)
            if is_read and (error := self.reader.take_error()) is not None:
                self._settle(self.chunks.append(NOTHING), error)
        finally:
            self._is_filling = False
        self.workers_are_idle()
        if not (self._backlog.count or self._out):
            self._scheduler.release(self)

    def _cut(self) -> Items | None:
        """Cut the items of the next call off, if they are to be sent now. Under the lock."""
        backlog, count = self._backlog, self._backlog.count
        if not count or self._life.stage not in SUBMITS:
            return None
        size = self._sizer.size(count, self._scheduler.max_workers, backlog.weight)
        if self._sizer.is_fixed and count < size and self._may_become_more():
            return None  # until it is full
        return backlog.cut(size)

    def _may_become_more(self) -> bool:
        """Say whether to wait for more items: not when nobody might read on. Under the lock."""
        stage = self._life.stage
        return stage is BEGINNING or (stage is READING and bool(self._out))

    def _send(self, chunk: Chunk) -> None:
        """Submit a chunk of the list. Under the lock.

        The race with a release, in steps.
        1. This finds that the map is not released, and submits a call.
        2. A destructor releases the map, and cancels what is out: that call is not yet.
        3. This puts the call into `_out`, looks again, and cancels it.
        """
        if self._life.stage not in SUBMITS:
            self._settle(chunk, self._close_error)
            return
        try:
            call = self._maker.call(chunk.items)
            future = self._scheduler.submit(call, self._name, self._options, source=self)
        except Exception as error:  # no thread, no memory, or it cannot be sent
            self._settle(chunk, without_frames(error))
            return
        chunk.future = future
        self._out[future] = chunk
        future.add_done_callback(self._on_done)
        if self._progress is not None and not future.done():  # not under the lock
            future.add_done_callback(self._progress.report)
        if self._life.stage is RELEASED:
            future._cancel_pending()

    def _settle(self, chunk: Chunk, error: BaseException | None) -> None:
        """Finish a chunk that will never run. Under the lock. error: None: cancelled."""
        if self._progress is not None and error is not None:
            self._progress.add_failed(len(chunk.items))
        chunk.settle(error, self.record.failed(chunk.items))
        if chunk.is_end():
            self._end = chunk
        else:
            self._tell(chunk)

    def _tell(self, chunk: Chunk) -> None:
        """Tell that a chunk is finished. Under the lock."""
        if self._arrived is not None:
            self._arrived(chunk)

    # -- what came back -----------------------------------------------------------

    def _on_done(self, future: "Future[object]") -> None:
        """Go on when a call is finished. By the collector, or the thread that cancels it."""
        if self._life.stage is RELEASED:
            return  # by a destructor, perhaps: the lock is not waited for
        chunk = self._out.get(future)
        if chunk is not None:
            self.finish(chunk)

    @protected
    def finish(self, chunk: Chunk) -> None:
        """Take note that a chunk is finished, once; submit what comes next."""
        with self._lock:
            if chunk.state is not FINISHED and self._life.stage is not RELEASED:
                self._guard(self._finish, chunk)

    def _guard(self, step: "Callable[..., None]", chunk: Chunk, *args: object) -> None:
        """Take a step with a chunk; the map ends where that fails half way. Under the lock."""
        try:
            step(chunk, *args)
        except BaseException as error:  # memory ran out
            self._fault = error
            self.release()
            self._tell(chunk)  # the thread that waits finds the fault
            raise

    def _finish(self, chunk: Chunk) -> None:
        future = chunk.future
        if future.cancelled() or future.exception() is not None:
            provenance = self.record.failed(chunk.items)
        else:
            self._learn(chunk, future.result())
            provenance = self.record.answered(chunk.items, future.result())
        if self._progress is not None:
            self._progress.add(len(chunk.items), future)
        chunk.finish(provenance)
        self._out.pop(future, None)
        self._fill(chunk)

    def _learn(self, chunk: Chunk, value: object) -> None:
        """Measure, and submit what was handed back. Under the lock."""
        if isinstance(value, Outcomes):
            done, items = len(value), chunk.items
            weight = max(items.weight * done, value.weight)
            if done:
                self._sizer.measured(done, value.spent, weight)
            self._divide(chunk, done)

    def _divide(self, chunk: Chunk, done: int) -> None:
        """Send the items behind the first ones in chunks of their own. Under the lock."""
        was_filling, self._is_filling = self._is_filling, True
        try:
            # Not before all have their place: one may come back at once, and be divided.
            for piece in self._divider.divide(chunk, done):
                self._send(piece)
        finally:
            self._is_filling = was_filling

    setattr(_on_done, MARK, True)  # see `future`

    # -- iterating -------------------------------------------------------------------

    @protected
    def forget(self, chunk: Chunk) -> None:
        """Keep nothing of a chunk whose exception goes to the user: its frames keep all else."""
        with self._lock:
            chunk.move(FINISHED)
            if hasattr(chunk, "future"):  # else it could not be opened
                self._out.pop(chunk.future, None)
                del chunk.future

    @protected
    def after(self, chunk: Chunk) -> Chunk | None:
        """Return the chunk behind one that is finished; None at the end."""
        self.check()
        with self._lock:
            return chunk.next

    @property
    def is_told(self) -> bool:
        """Whether somebody is told how far this is."""
        return self._progress is not None

    def tell_progress(self) -> None:
        """Tell the last numbers: all results were taken. In the thread that takes them."""
        if self._progress is not None:
            self._progress.flush()

    def check(self) -> None:
        """Raise RuntimeError if this was left half way: then its end is not the end of all."""
        if self._fault is not None:
            raise RuntimeError("the map was interrupted") from self._fault

    # -- ending ------------------------------------------------------------------------

    def renew_lock(self) -> None:
        """Make a new lock: in a forked child, nobody is left to release the old one."""
        self._lock = threading.RLock()

    def close(self, error: BaseException | None) -> None:
        """Submit nothing more, for the pool ends. The backlog fails, or (None) is cancelled."""
        with self._lock:
            is_left = self._backlog.count or self._life.stage in READS
            if not self._life.move(CLOSED):
                return
            self._close_error = error
            if is_left:
                rest = self.record.unsent(self._backlog)
                self._settle(self.chunks.append(rest), error)
                self._fill()

    @unbroken
    def release(self) -> None:
        """Cancel what has not begun: nobody wants the rest.

        A destructor may call this, in the middle of anything.
        """
        out = self._withdraw()
        for future in out:
            future._cancel_pending()
        if out:
            self._scheduler.leave_to_collector(partial(self._recall_all, out))

    @protected
    def cancel(self) -> None:
        """Cancel everything, also what runs."""
        for future in self._withdraw():
            future.cancel()

    def _withdraw(self) -> "list[AnyFuture]":
        """Submit nothing more, and take note of nothing; return what is out. Without the lock."""
        self._life.move(RELEASED)
        out = list(self._out)
        self._out.clear()
        self._scheduler.release(self)
        if self._progress is not None and not self._progress.is_over:
            self._scheduler.leave_to_collector(self._progress.close)
        return out  # type: ignore[return-value]  # they are calls of this pool

    def _recall_all(self, calls: "list[AnyFuture]") -> None:
        """Take calls back, or let them end after the item that they are at. By the collector."""
        for call in calls:
            if self._scheduler.recall_one(call):
                call.cancel()
            else:
                self._scheduler.ask_items(call)
