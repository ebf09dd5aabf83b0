"""The items of one map, on their way: what is read, what is out, what came back.

    iterables --read--> waiting --cut--> segments --submit--> workers
                           ^                 |
                           +--- the rest ----+   of what was out, when others are idle,
                                                 or it took too long

A segment is a run of items that travels in one call. The segments form a list, in the
order of the items; what a worker hands back of one becomes new segments right behind it.
So the order of the results is that of the list, however the items travelled.

Only as many segments are out as keep the workers busy, because the size of the next one
is better known the later it is cut (`chunk_size`). What waits here was accepted all the same:
the pool does not end before it is done (`Scheduler.accept`).
"""

import _pickle
import threading
import weakref
from collections import deque
from concurrent.futures import Future
from functools import partial
from itertools import islice
from time import monotonic_ns

from interpexec._core import main_module
from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import without_frames
from interpexec._core.sigint import interruptibly, protected, unbroken
from interpexec._map import chunk
from interpexec._map.chunk_size import BUDGET, MOST, Sizer
from interpexec._map.items import Items, calls, packed
from interpexec._map.outcomes import Outcomes, opened
from interpexec._pool.future import MARK
from interpexec._pool.lending import MOST_AHEAD
from interpexec._sharing import package, pickler, pickling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from interpexec._pool.call_table import AnyFuture
    from interpexec._pool.scheduler import Scheduler
    from interpexec._sharing.package import Packed

CALLS_PER_WORKER = 2
"""In flight, where their sizes are measured: one runs, one stands ready."""

_QUICK = 1_000_000  # ns: what is read faster than that is read in larger pieces


_NONE = Items([[]])


class Segment:
    """Consecutive items that travel in one call."""

    __slots__ = ("future", "is_asked", "is_divided", "is_finished", "items", "next")

    def __init__(self, items: Items) -> None:
        """Make one that leads nowhere yet."""
        self.items = items
        self.future: Future[object]
        self.next: Segment | None = None
        self.is_asked = self.is_divided = self.is_finished = False


class Job:
    """The items of a map that are not settled. From any thread of home.

    `_lock` guards all that stands below it in `__init__`. It is taken before the
    engine's, and re-entrant: a call that cannot be submitted is finished at once.
    """

    def __init__(  # noqa: PLR0913  # what `map` was given
        self,
        executor: object,
        scheduler: "Scheduler",
        fn: "Callable[..., object]",
        iterables: "tuple[Iterable[object], ...]",
        *,
        name: str,
        limit: float | None,
        chunksize: int | None,
        buffersize: int | None,
        arrived: "Callable[[Segment], object] | None" = None,
    ) -> None:
        """Make one that has read nothing yet.

        chunksize: items in a call; None: as measured, but one where calls are counted, or
            have a limit: each item counts, and has that time.
        arrived: told of each segment that is finished. It must not block.
        """
        # Weakly: who drops the executor and keeps the iterator gets what was read so far,
        # as in the stdlib.
        self._executor = weakref.ref(executor)
        self._scheduler = scheduler
        self._fn = fn
        self._name = name
        self._limit = limit
        self._arrived = arrived
        self._is_single = len(iterables) == 1
        self._iterator = iter(iterables[0]) if self._is_single else zip(*iterables, strict=False)
        self._bound = buffersize
        self.is_bounded = buffersize is not None
        workers = scheduler.max_workers
        if chunksize is None and (limit is not None or scheduler.max_tasks is not None):
            chunksize = 1
        most = MOST
        if chunksize is not None:
            most = chunksize if buffersize is None else min(chunksize, buffersize)
        elif buffersize is not None:
            most = max(1, min(MOST, buffersize // (CALLS_PER_WORKER * workers)))
        self._are_calls = chunksize == 1
        self._function: Packed = b""
        self.is_given_up = False  # nobody wants the rest; set without the lock
        self._lock = threading.RLock()
        self._sizer = Sizer(None if chunksize is None else most, most)
        self._most_out = CALLS_PER_WORKER * workers
        if chunksize is not None:
            self._most_out += MOST_AHEAD
        self._waiting: deque[Items] = deque()
        self._count = 0  # of the items in it
        self._is_read = False  # to the end
        self._error: BaseException | None = None  # what comes behind the last item
        self._is_beginning = True  # and reading
        self._is_accepted = False
        self._is_filling = False
        self._is_ended = False
        self._end_error: BaseException | None = None
        self._fault: BaseException | None = None
        self._has_end = False  # a segment that says so
        self._out: dict[Future[object], Segment] = {}
        self._asked: dict[Future[object], Segment] = {}
        self._last = Segment(_NONE)
        self.made = 0
        """How many segments there have been."""

    # -- reading: the thread that iterates ---------------------------------------

    @protected
    def begin(self) -> Segment:
        """Read and submit what may be in flight: everything, without a bound.

        Return what stands before the first segment. Raises what `submit` raises. What the
        iterables raise comes behind their last item.
        """
        origin = self._last
        count, left = 1, self._bound
        while not self._is_read and left != 0:
            begun = monotonic_ns()
            taken = self._take_in(count if left is None else min(count, left))
            if left is not None:
                left -= taken
            count = min(2 * count, MOST) if monotonic_ns() - begun < _QUICK else 1
        with self._lock:
            self._is_beginning = False
            self._fill()
        return origin

    @protected
    def refill(self) -> None:
        """Read one more item, where there is a bound, since one is about to be yielded."""
        if self._bound is None or self._is_read:
            return
        if self._executor() is None:
            self._is_read = True
            return
        try:
            self._scheduler.refuse_if_over()
            self._take_in(1)
        except Exception as error:  # it was shut down: that comes behind what is there
            with self._lock:
                self._is_read, self._error = True, error
                self._fill()

    def _take_in(self, count: int) -> int:
        """Read so many items, or what there is, and submit; return how many."""
        read: list[object] = []
        error: Exception | None = None
        try:
            interruptibly(read.extend, islice(self._iterator, count))
        except Exception as raised:  # the user's code
            error = raised
        items = _NONE
        if read:
            try:
                items = interruptibly(self._packed, read)
            except NotShareableError as refused:  # the function, and with it every item
                error = without_frames(refused)
        with self._lock:
            self._add(items)
            # After the items, lest it come before them.
            if error is not None or len(read) < count:
                self._is_read, self._error = True, error
            self._fill()
        error = None  # this frame is one of its own
        return len(read)

    def _packed(self, read: "list[object]") -> Items:
        """Make items fit to travel. What of them cannot is told when it is their turn."""
        columns = [read] if self._is_single else [*map(list, zip(*read, strict=True))]
        if not (self._are_calls or self._function):
            function = pickling.dumps_call(self._fn, (), {})
            if isinstance(function, package.Package) and not function.can_be_copied:
                self._are_calls = True  # each item takes what lies beside it for itself
            else:
                self._function = function
        return calls(self._fn, columns) if self._are_calls else packed(columns)

    def _add(self, items: Items) -> None:
        """Let items wait. Under the lock."""
        if not items or self.is_given_up:
            return
        if self._is_ended:
            self._end_list()
            return
        self._accept()
        self._count += len(items)
        if not (self._waiting and self._waiting[-1].extend(items)):
            self._waiting.append(items)

    def _accept(self) -> None:
        """Be accepted by the engine, with all that is to come. Under the lock."""
        if not self._is_accepted:
            main_module.refuse_while_finding()
            self._scheduler.accept(self)
            self._is_accepted = True
            if self.is_given_up:  # just now, without the lock
                self._scheduler.release(self)

    # -- submitting ----------------------------------------------------------------

    def _fill(self) -> None:
        """Submit while there is room. Under the lock."""
        if self._is_filling:
            return  # by a call that is finished at once
        self._is_filling = True
        try:
            while len(self._out) < self._most_out and (items := self._cut()):
                self._send(self._insert(Segment(items), self._last))
            if self._error is not None and self._is_read and not self._count:
                error, self._error = self._error, None
                self._settle(self._insert(Segment(_NONE), self._last), error)
        finally:
            self._is_filling = False
        self.workers_are_idle()
        if self._is_accepted and not self._out and not self._count:
            self._is_accepted = False
            self._scheduler.release(self)

    def _cut(self) -> Items | None:
        """Cut the items of the next call off, if they are to travel now. Under the lock."""
        if not self._waiting or self._is_ended:
            return None
        first = self._waiting[0]
        size = self._sizer.size(self._count, self._scheduler.max_workers, first.weight)
        if self._sizer.is_fixed and self._count < size and self._may_become_more():
            return None  # until it is full
        items = first.cut(size)
        while len(items) < size and len(self._waiting) > 1:
            del self._waiting[0]
            items.join(self._waiting[0].cut(size - len(items)))
        if not self._waiting[0]:
            del self._waiting[0]
        self._count -= len(items)
        return items

    def _may_become_more(self) -> bool:
        """Say whether to wait for more items: not when nobody might read on. Under the lock."""
        return not self._is_read and (self._is_beginning or bool(self._out))

    def _insert(self, segment: Segment, behind: Segment) -> Segment:
        """Put a segment into the list. Under the lock."""
        self.made += 1
        if self._arrived is not None:
            return segment  # it comes when it is finished, and has no place
        segment.next, behind.next = behind.next, segment
        if behind is self._last:
            self._last = segment
        return segment

    def _send(self, segment: Segment) -> None:
        """Submit a segment of the list. Under the lock."""
        if self._is_ended:
            self._settle(segment, self._end_error)
            return
        try:
            future = self._submit(segment.items)
        except Exception as error:  # there is no thread to be had, or no memory; it cannot travel
            self._settle(segment, without_frames(error))
            return
        segment.future = future
        self._out[future] = segment
        future.add_done_callback(self._on_done)
        if self.is_given_up:  # just now, without the lock
            future.cancel_pending()

    def _submit(self, items: Items) -> "AnyFuture":
        if self._are_calls:
            return self._scheduler.submit(items.call(), self._name, self._limit, source=self)
        function = self._function
        if isinstance(function, package.Package):
            function = function.copy()
        columns, failures = items.parcel()
        budget = 0 if self._sizer.is_fixed else BUDGET
        arguments = function, columns, failures, budget, items.are_pickled
        call: tuple[object, ...] = chunk.run, arguments, {}
        is_light = items.is_bare and isinstance(function, bytes)
        payload = _pickle.dumps(call, 5) if is_light else pickler.pack(call, lends=True)
        return self._scheduler.submit(payload, self._name, self._limit, source=self)

    def _settle(self, segment: Segment, error: BaseException | None) -> None:
        """Finish a segment that will never run. Under the lock. error: None: cancelled."""
        segment.future = Future()
        if error is None:
            segment.future.cancel()
            segment.future.set_running_or_notify_cancel()
        else:
            segment.future.set_exception(error)
        segment.is_finished = True
        segment.items = _NONE  # they may hold the error, too
        if self._arrived is not None:
            self._arrived(segment)

    # -- what came back -----------------------------------------------------------

    def _on_done(self, future: "Future[object]") -> None:
        """Go on when a call is finished. By the collector, or who cancels it."""
        if self.is_given_up:
            return  # by a destructor, perhaps: the lock is not waited for
        segment = self._out.get(future)
        if segment is not None:
            self.finish(segment)

    @protected
    def finish(self, segment: Segment) -> None:
        """Take note that a segment is finished, once; submit what comes next."""
        with self._lock:
            if segment.is_finished or self.is_given_up:
                return
            try:
                self._finish(segment)
            except BaseException as error:  # memory ran out, half way
                self._fault = error
                self.give_up()
                raise

    def _finish(self, segment: Segment) -> None:
        segment.is_finished = True
        future = segment.future
        if not future.cancelled() and future.exception() is None:
            self._learn(segment, future.result())
        segment.items = _NONE  # nobody asks for them any more
        self._out.pop(future, None)
        self._fill()
        if self._arrived is not None:
            self._arrived(segment)

    def _learn(self, segment: Segment, value: object) -> None:
        """Measure, and submit what was handed back. Under the lock."""
        if isinstance(value, Outcomes):
            done, items = len(value), segment.items
            weight = max(items.weight * done, value.weight)
            if done:
                self._sizer.measured(done, value.spent, weight)
            self._divide(segment, done)

    def _divide(self, segment: Segment, done: int) -> None:
        """Let the items behind the first ones travel in segments of their own. Under the lock."""
        if segment.is_divided:
            return
        rest = segment.items.after(done)
        if not rest:
            return
        segment.is_divided = True
        behind, was_filling, self._is_filling = segment, self._is_filling, True
        try:
            pieces = []
            while rest:
                size = self._sizer.size(len(rest), self._scheduler.max_workers, rest.weight)
                behind = self._insert(Segment(rest.cut(size)), behind)
                pieces.append(behind)
            # Not before all have their place: one may come back at once, and be divided.
            for piece in pieces:
                self._send(piece)
        finally:
            self._is_filling = was_filling

    def workers_are_idle(self) -> None:
        """Take from busy workers what they have not begun, for others that are idle, if any.

        By the collector, when that may be so.
        """
        with self._lock:
            if self._count or self._sizer.is_fixed or self.is_given_up:
                return
            idle = self._scheduler.idle()
            for segment in list(self._out.values()) if idle > 0 else ():
                if segment.is_asked or len(segment.items) == 1:
                    continue
                future = self._scheduler.ask_items(segment.future)  # type: ignore[arg-type]  # it is out
                if future is None:
                    continue  # it is about to begin: this is called again soon
                segment.is_asked = True
                self._asked[future] = segment
                future.add_done_callback(self._on_answer)
                idle -= 1
                if not idle:
                    break

    setattr(_on_done, MARK, True)  # see `future`

    def _on_answer(self, future: "Future[object]") -> None:
        """Learn how many items a call has handed back. By the collector."""
        segment = self._asked.pop(future)
        if self.is_given_up:
            return
        if future.cancelled() or future.exception() is not None:
            return  # its worker is gone
        with self._lock:
            if (count := future.result()) and not self.is_given_up:
                self._divide(segment, len(segment.items) - count)  # type: ignore[operator]  # an int
                self._fill()

    setattr(_on_answer, MARK, True)

    # -- iterating -------------------------------------------------------------------

    def outcomes(self, segment: Segment, value: object) -> Outcomes:
        """Return what became of the items of a segment that is finished, with this value.

        From here on the batch does not keep it.
        """
        self.finish(segment)
        del segment.future
        return opened(value)

    @protected
    def let_go(self, segment: Segment) -> None:
        """Keep nothing of a segment whose exception goes to the user: its frames keep all else."""
        with self._lock:
            segment.is_finished = True
            if hasattr(segment, "future"):  # else it could not be opened
                self._out.pop(segment.future, None)
                del segment.future

    @protected
    def after(self, segment: Segment) -> Segment | None:
        """Return the segment behind one that is finished; None at the end."""
        self.check()
        with self._lock:
            return segment.next

    def check(self) -> None:
        """Raise RuntimeError if this was left half way: then its end is not the end of all."""
        if self._fault is not None:
            raise RuntimeError("the map was interrupted") from self._fault

    # -- ending ------------------------------------------------------------------------

    def renew_lock(self) -> None:
        """Make a new lock: in a forked child, nobody is left to release the old one."""
        self._lock = threading.RLock()

    def end(self, error: BaseException | None) -> None:
        """Submit nothing more; what waits fails, or (None) is cancelled. For the engine."""
        with self._lock:
            if self._is_ended:
                return
            self._is_ended = True
            self._end_error = error
            if self._count or not self._is_read:
                self._end_list()

    def _end_list(self) -> None:
        """Put the error, or the cancelling, behind all that is out. Once; under the lock."""
        self._waiting.clear()
        self._count = 0
        if not self._has_end:
            self._has_end = self._is_read = True
            self._settle(self._insert(Segment(_NONE), self._last), self._end_error)

    @unbroken
    def give_up(self) -> None:
        """Cancel what has not begun. A destructor may call this, in the middle of anything."""
        out = self._forget()
        for future in out:
            future.cancel_pending()
        if out:
            self._scheduler.leave_to_collector(partial(self._cut_off_all, out))

    @protected
    def cancel(self) -> None:
        """Cancel everything, also what runs."""
        for future in self._forget():
            future.cancel()

    def _forget(self) -> "list[AnyFuture]":
        """Submit nothing more, and take note of nothing; return what is out. Without the lock."""
        self.is_given_up = self._is_ended = self._is_read = True
        out = list(self._out)
        self._out.clear()
        self._scheduler.release(self)
        return out  # type: ignore[return-value]  # they are ours

    def _cut_off_all(self, calls: "list[AnyFuture]") -> None:
        """Take calls back, or let them end after the item that they are at. By the collector."""
        for call in calls:
            if self._scheduler.take_back(call):
                call.cancel()
            else:
                self._scheduler.ask_items(call)
