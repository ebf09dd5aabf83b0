"""The engine of a pool: all its state, and the moves that change it.

    submit()            the request channel            worker interpreters
    +---------+  feed  +-----------------------+  recv  +---------+
    | pending | -----> | Call | Call | Call    | -----> | seat 0  |
    |  line   |        +-----------------------+ -----> | seat 1  |
    +---------+                                         +---------+
         ^   feed                                            |
         |          the reply channel                        | send
    +-----------+     +-----------------------+              |
    | collector | <-- | Done | Done           | <------------+
    +-----------+     +-----------------------+
         | settle
      futures

The actors:

- whoever calls `submit` puts a future into the pending line, feeds, and starts
  a worker if there are more calls than workers;
- each worker takes the next call from the one request channel, so that no
  call waits behind a long one while a worker idles (`main`);
- whoever cancels a call that runs, or the collector when its time is over, sends
  an order over the callback channel of its worker (`stopping`, `control`), which
  then leaves: another one takes its place (`workers`);
- the collector, one thread at home, takes the replies, feeds, settles the
  futures and runs their callbacks. These may block, so another thread becomes
  the collector meanwhile (`leader`);
- a thread that waits for the only call there is takes the reply itself (`direct_wait`);
- a `WorkerThread` for each worker owns its interpreter and mostly sleeps in it
  (`worker_thread`).

The threads hold the engine and never the executor, so an executor that is
dropped can be noticed: what it was given is still computed, then all ends.

Only a bounded number of calls is ahead of the workers; the rest waits at home,
where cancelling is trivial and the messages are not yet copied (see `call_table`).
"""

import logging
import threading
from collections import deque
from concurrent.futures import _base
from contextlib import suppress
from functools import partial
from itertools import count
from time import monotonic

from interpexec._core import cpython
from interpexec._core.cpython import NotShareableError
from interpexec._core.late_errors import BrokenInterpreterPool
from interpexec._core.sigint import keep_whole, protected, protected_inside, unbroken
from interpexec._core.waiting import Deadline
from interpexec._pool import process_hooks
from interpexec._pool.call_table import AnyFuture, CallTable, Entry, check_weight
from interpexec._pool.direct_wait import DirectWait
from interpexec._pool.fork_rest import Rest
from interpexec._pool.future import CallFuture
from interpexec._pool.leader import LeaderFollowers
from interpexec._pool.link import Link
from interpexec._pool.parking import Latch
from interpexec._pool.stopping import GRACE, LOOK_AGAIN, Stopper
from interpexec._pool.worker_thread import WorkerThread
from interpexec._pool.workers import Workers
from interpexec._sharing import raised
from interpexec._worker import wire
from interpexec.errors import WorkerLostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.call_table import Source
    from interpexec._pool.lending import Loan
    from interpexec._sharing.package import Packed
    from interpexec._worker.wire import Message

keep_whole()

TERMINATION_LIMIT = 10.0
"""Seconds for which `terminate_workers` waits at most. It is over in some ms where the
calls can be interrupted, and after GRACE where they cannot. More is needed only by a
worker that is just being made on a machine that is overloaded."""

_MOST_UNREADY = 3
"""How many workers in a row may be lost before they are ready. Then no further one is made
beside those that are there; and where there are none, the pool is broken."""

_FAULT = "A fault in the pool's collector, the pool is not usable anymore"
_NOT_READY = "A worker interpreter could not be made ready, the pool is not usable anymore"


_logger = logging.getLogger("interpexec")


class Scheduler:
    """The state of one pool, and its moves.

    `lock` guards all that stands below it in `__init__`. It is held for some
    microseconds, and taken before the lock of the futures' states, never after. The
    user's code never runs under it on purpose; but a destructor or a signal handler may,
    in the middle of a move. So it is re-entrant, and what these may call looks whether
    the lock is the calling thread's own: then the collector does the rest later.
    "Under the lock" in a docstring means that the caller holds it.
    """

    def __init__(  # noqa: PLR0913  # what the executor was given
        self,
        max_workers: int,
        name: str,
        dump_initializer: "Callable[[], Packed | None]",
        *,
        initializer_name: str = "",
        max_tasks: int | None = None,
        cancel_running: bool = True,
    ) -> None:
        """Make an engine that has started nothing yet."""
        self.initializer_name = initializer_name
        self.max_workers = max_workers
        self.name = name
        self.dump_initializer = dump_initializer
        self.max_tasks = max_tasks
        self.cancel_running = cancel_running
        self._ids = count(1)
        self.lock = threading.RLock()
        self.table = CallTable(self._nudge)
        self.workers = Workers(self)
        self.broken: tuple[str, BaseException | None] | None = None
        self._is_terminating = False
        self.closing = False  # no more calls; what is here is still computed
        # Of who waits for the workers: told when one has become ready, or none will.
        self._curious: list[Latch] = []
        self._unready = 0  # how many workers were lost before they were ready, in a row
        self._suspects_due = 0.0  # when those calls are given up that no worker runs
        self.rest = Rest(
            self, lambda: self._collectors
        )  # no workers for a while, because of a fork
        self.link: Link | None = None
        self._is_ending = False  # it is being given back
        self._stopper = Stopper(self.table, self.workers, self._nudge)
        # From worker threads that end: their last replies, and themselves.
        self._arrived: deque[Message] = deque()
        self._gone: deque[tuple[WorkerThread, BaseException | None]] = deque()
        # Calls that were cancelled, and may be out. From anywhere, without the lock.
        self._cancelled: deque[AnyFuture] = deque()
        # The collector: one thread at a time, which alone works off the list.
        self._collectors: LeaderFollowers | None = None
        self._todo: deque[Callable[[], object] | Entry] = deque()
        self.direct = DirectWait(self)
        # Set when the pool is closed and only such workers are left as cannot be
        # interrupted.
        self._is_quiet = Latch()
        self._is_finished = Latch()  # ... as were left behind
        # Guards the bells of `crossing` against their end. Re-entrant, and held for
        # an instant only, because destructors ring them, in the middle of anything.
        self._ringing = threading.RLock()
        process_hooks.know(self)

    # -- submitting: any thread at home ------------------------------------

    @protected_inside
    def submit(
        self,
        payload: "Packed",
        name: str = "",
        limit: float | None = None,
        *,
        source: "Source | None" = None,
    ) -> AnyFuture:
        """Take a pickled call; return its future. Never waits for a worker.

        name: of the function. limit: the seconds that it may run. source: what it comes
        from, if that was accepted before. An interrupt is noted: the caller delivers it.
        """
        self.direct.lend()  # a signal handler is going to wait for more than that one call
        is_inside = self.is_inside()
        with self.lock:
            table = self.table
            is_ending = self.closing or self.link is None
            if self.broken or (is_ending and source not in table.sources):
                self.refuse_if_over()
            future: AnyFuture = CallFuture(next(self._ids), payload, self, name, limit)
            # Where others wait for an answer, so does this one.
            is_full = len(self.workers.active) >= self.max_workers
            is_last = bool(is_full and table.pending and table.out)
            table.pending.append(future)
            if is_last:
                return future
            if is_inside:
                self.leave_to_collector(self._move_on_alone)
                return future
            try:
                self._move_on()
            except Exception:  # no descriptor or no thread to be had, no memory
                if future in self.table.pending:
                    self.table.pending.remove(future)
                raise
            return future

    def is_inside(self) -> bool:
        """Say whether the calling thread is in the middle of a move already."""
        return self.lock._is_owned()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001  # there is no public way

    def accept(self, source: "Source") -> None:
        """Take what will bring calls, also when the pool takes no others any more.

        Raises what `submit` raises.
        """
        with self.lock:
            self.refuse_if_over()
            self.table.sources.add(source)

    def release(self, source: "Source") -> None:
        """Learn that a source brings no further call. From anywhere, as `close`."""
        self.table.sources.discard(source)
        if self.closing:
            self._nudge()

    def refuse_if_over(self) -> None:
        """Raise what `submit` raises when the pool takes no call any more."""
        if self.broken is not None:
            message, cause = self.broken
            raise BrokenInterpreterPool(message) from cause
        process_hooks.refuse_if_over()
        if self.closing:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def next_id(self) -> int:
        """Return the id of a new call. Under the lock, or not."""
        return next(self._ids)

    def _move_on(self) -> None:
        """Let there be workers for the calls, and let these come to them. Under the lock."""
        if self.rest.is_on or self._is_ending or self.broken or not self.table:
            return
        link = self.link or self._open()
        if link is not None:
            self._hire(link, len(self.table))
            self._feed(link)

    def _move_on_alone(self) -> None:
        with self.lock:
            self._move_on()

    def go_on(self) -> None:
        """Take up again what was left for a fork. Under the lock."""
        if self.table.sources and self.link is None and not self.broken:
            self._open()  # they bring calls later
        self._move_on()

    def _hire(self, link: Link, wanted: int) -> None:
        """Start workers until there are so many, if the pool is that wide. Under the lock.

        None is waited for: each makes its interpreter in its own thread.
        """
        while len(self.workers.active) < min(self.max_workers, wanted) and self._may_hire():
            try:
                self.workers.hire(link)
            except (RuntimeError, OSError):  # there is no thread, or no descriptor, to be had
                if self.workers.is_empty():
                    raise
                break

    def _may_hire(self) -> bool:
        """Say whether one more worker has a chance to become ready. Under the lock."""
        return self._unready < _MOST_UNREADY or self.workers.is_empty()

    @protected
    def warm(self, *, wait: bool) -> None:
        """Start all workers that the pool may have; wait until they are ready.

        Raises what `submit` raises. A pool that rests starts them when there are calls.
        """
        self.direct.lend()  # as in `submit`
        with self.lock:
            self.refuse_if_over()
            is_off = self.rest.is_on or self._is_ending
            link = None if is_off else self.link or self._open()
            if link is not None:
                self._hire(link, self.max_workers)
        while wait:
            news = Latch()
            with self.lock:
                self.refuse_if_over()
                if self._is_warm():
                    return
                self._curious.append(news)
            news.wait()

    def _tell_curious(self) -> None:
        """Have those look who wait for the workers."""
        self.rest.look()
        while self._curious:
            self._curious.pop().open()

    def _is_warm(self) -> bool:
        """Say whether no worker is still to become ready. Under the lock."""
        if self.link is None:
            return True
        return all(worker.is_ready for worker in self.workers.active.values())

    def _open(self) -> Link | None:
        """Make the channels and start the collector; None beside a fork. Under the lock."""
        if not process_hooks.enter(self):
            return None
        try:
            link = Link(self.max_workers)
        except OSError:  # there is no descriptor to be had
            process_hooks.leave(self)
            raise
        collectors = LeaderFollowers(f"{self.name}_collector", partial(self._collect, link))
        self.link, self._collectors = link, collectors
        try:
            collectors.start()
        except RuntimeError:  # there is no thread to be had
            process_hooks.leave(self)
            self.link = self._collectors = None
            link.destroy()
            raise
        return link

    def _feed(self, link: Link) -> None:
        """Send calls to the workers, or tell them that none can come. Under the lock.

        They then finish what they were sent, and end.
        """
        if self.rest.is_on:
            return
        if self.table.feed(link, len(self.workers.active), self._stopper.clock):
            self._nudge()  # the collector sleeps for longer than that
        if self.closing and self._have_all_begun(link):
            link.no_more_calls()

    def _have_all_begun(self, link: Link) -> bool:
        """Say whether no call waits any more, here or in the request channel. Under the lock."""
        out = self.table.out
        if self.table.pending or self.table.sources or len(out) > len(self.workers.active):
            return False
        return not out or out.keys() <= self.workers.running(link).keys()

    # -- stopping: any thread at home ----------------------------------------

    def forget_cancelled(self, future: AnyFuture) -> None:
        """Take a call that was cancelled out of the books, and stop it if it runs.

        Never waits: destructors and signal handlers cancel, in the middle of anything. Who
        has the lock now, or the collector, does it then.
        """
        if self.link is None:
            return  # nothing is out
        self._cancelled.append(future)
        if self.is_inside() or not self.lock.acquire(blocking=False):
            self._nudge()
            return
        try:
            if self.link is not None:
                self._stop_cancelled(self.link)
        finally:
            self.lock.release()

    def _stop_cancelled(self, link: Link) -> None:
        """Stop what was cancelled, so that other calls can be sent instead. Under the lock."""
        cancelled = self._cancelled
        while cancelled:
            future = cancelled.popleft()
            if link.is_closing or not self.table.take_back(link, future):
                self._stopper.stop(link, future)
            self.table.cancelled.append(future)  # its end may run the user's code
        self._feed(link)

    def take_back(self, future: AnyFuture) -> bool:
        """Take a call back that no worker has begun; return whether it is PENDING now.

        False in the middle of another move of the same thread's.
        """
        if self.is_inside():
            return False
        with self.lock:
            link = self.link
            if link is None or link.is_closing:
                return False
            is_back = self.table.withdraw(link, future)
            self._feed(link)
            return is_back

    def _look_at_clock(self, link: Link) -> None:
        """Stop the calls whose time is over, and replace those that do not end. Under the lock."""
        vacancies, late = self._stopper.look(link)
        self._todo.extend(partial(_fail_late, future) for future in late)
        self._look_for_suspects(link)
        for _ in range(vacancies):
            self._fill_vacancy()
        if vacancies:
            self._move_on()
        self._look_for_idle()
        if self._is_terminating and not self._is_quiet.is_open:
            # To see whether only those are left that cannot end.
            self._stopper.clock.expect(GRACE)

    def _fill_vacancy(self) -> None:
        """Put another worker in the place of one that takes no further call. Under the lock."""
        if self.link is None or self.rest.is_on or self.broken or self.closing:
            return
        if len(self.workers.active) < self.max_workers and self._may_hire():
            with suppress(RuntimeError, OSError):  # it will be tried again for the next call
                self.workers.hire(self.link)

    def terminate(self, limit: float = TERMINATION_LIMIT) -> None:
        """Cancel what waits, stop what runs, and wait until all is over that can be.

        limit: the seconds to wait at most.
        """
        self.stop()
        self.await_stop(limit)

    @protected
    def stop(self) -> None:
        """Cancel what waits, and stop what runs. Takes no more calls."""
        self.cancel_running = True
        self.close()
        self._end_sources(None)
        with self.lock:
            self._is_terminating = True
            link, table = self.link, self.table
            if link is not None and not link.is_closing:
                table.recall(link)
            futures = table.take_pending()
            if link is not None:
                futures += self._stopper.stop_everything(link, self.initializer_name)
                self._stopper.clock.expect(GRACE)
        self._give_up(futures)
        self._nudge()

    @protected
    def await_stop(self, limit: float) -> None:
        """Wait until all is over that was stopped, and can be; at most so many seconds."""
        with self.lock:
            collectors = None if self.link is None else self._collectors
        if collectors is not None:
            self.direct.lend()
            collectors.hand_over()
            self._is_quiet.wait(limit)
            if self.workers.is_empty():
                collectors.join()

    def idle(self) -> int:
        """Return how many workers have nothing to do, nor will have at once. Without the lock."""
        ready = sum(worker.is_ready for worker in list(self.workers.active.values()))
        return 0 if self.table.pending else max(ready - len(self.table.out), 0)

    def _look_for_idle(self) -> None:
        """Have the sources told if workers are idle. Under the lock."""
        if self.table.sources and self.idle():
            self._todo.append(self._tell_sources)

    def _tell_sources(self) -> None:
        for source in list(self.table.sources):
            source.workers_are_idle()

    def _end_sources(self, error: BaseException | None) -> None:
        """Let no further calls come of what was accepted. Not under the lock."""
        with self.lock:
            sources = list(self.table.sources)
        for source in sources:
            source.close(error)
            self.table.sources.discard(source)

    def _give_up(self, futures: list[AnyFuture]) -> None:
        """Cancel calls that are in no books: all of them, before any callback.

        The callback of one may wait for another one.
        """
        cancelled = [future for future in futures if future.cancel_quietly(is_out=False)]
        for future in cancelled:
            self.run_callbacks(future.invoke_callbacks)

    # -- beside the calls: any thread at home ----------------------------------

    @protected
    def broadcast(self, dump: "Callable[[], Packed]", name: str) -> list[AnyFuture]:
        """Run a call in every worker, beside what runs there; return the futures.

        dump: pickles it. What lies beside a pickle can be received only once.
        """
        self.direct.lend()  # as in `submit`
        payload = dump()
        with self.lock:
            count = len(list(self.workers.present()))
        check_weight(payload, count)
        once = isinstance(payload, bytes)
        payloads = [payload] * count if once else [payload, *(dump() for _ in range(count - 1))]
        with self.lock:
            self.refuse_if_over()
            pairs = list(zip(self.workers.present(), payloads, strict=False))
            loans = self.table.lend_to_all([each for _, each in pairs])
            return [
                self.ask(worker, name, each, loan)
                for (worker, each), loan in zip(pairs, loans, strict=True)
            ]

    def ask(
        self,
        worker: WorkerThread,
        name: str,
        payload: "Packed | None",
        loan: "Loan | None" = None,
    ) -> AnyFuture:
        """Send a worker a call over its callback channel. Under the lock.

        payload: the pickled call; None asks for the worker's stack. loan: of what lies beside it.
        """
        future = self._asked(worker, name, loan)
        if payload is None:
            worker.line.ask_stack(future.call_id)
        else:
            worker.line.broadcast(future.call_id, payload)
        return future

    def ask_items(self, call: AnyFuture) -> AnyFuture | None:
        """Take from a call what it has not begun; return the future of how many items.

        When its worker ends before that, the future is cancelled. None when the call is
        not running. If it is about to, the sources are told again of idle workers soon.
        """
        with self.lock:
            link = self.link
            worker = None if link is None else self.workers.runner(link, call.call_id)
            if worker is None:
                if call.call_id in self.table.out and self._stopper.clock.expect(LOOK_AGAIN):
                    self._nudge()
                return None
            future = self._asked(worker, "")
            worker.line.ask_items(future.call_id, call.call_id)
            return future

    def _asked(self, worker: WorkerThread, name: str, loan: "Loan | None" = None) -> AnyFuture:
        """Make the future of what a worker is asked. Under the lock."""
        future: AnyFuture = CallFuture(next(self._ids), None, self, name)
        future.begin()
        self.table.ask(future, worker, loan)
        return future

    # -- collecting: the thread that leads the relay --------------------------

    def _collect(self, link: Link) -> bool:
        """Settle calls until no more can come and the last worker is gone: then True.

        False when another thread of the relay has taken over.
        """
        collectors = self._collectors
        assert collectors is not None
        while collectors.is_leading():
            try:
                if self._take_step(link):
                    return True
            except BaseException as error:  # memory ran out, or a fault of ours
                _base.LOGGER.critical("Exception in collector:", exc_info=True)
                self._break(_FAULT, error)
        return False

    def _take_step(self, link: Link) -> bool:
        """Do the next thing; return whether it was the last one."""
        self.table.cancelled.clear()  # here, since destructors are the user's code
        if self._cancelled:
            with self.lock:
                self._stop_cancelled(link)
        if self._todo:
            self._work_off(link)
            return False
        if self._is_over(link):
            return self._end(link)
        self._take_turn(link)
        return False

    def _work_off(self, link: Link) -> None:
        """Do what is on the list, as long as this thread leads."""
        todo, collectors = self._todo, self._collectors
        while todo and collectors is not None and collectors.is_leading():
            step = todo.popleft()
            if type(step) is tuple:
                self.settle(*step)
            else:
                step()  # type: ignore[operator]  # it is no tuple
            if self._stopper.clock.remaining() == 0:  # that may have taken long
                with self.lock:
                    if self._stopper.clock.is_due():
                        self._look_at_clock(link)

    def before_callbacks(self) -> None:
        """Let another thread collect: the calling one may be blocked for a while."""
        if self._collectors is not None:
            self._collectors.hand_over()

    def _is_over(self, link: Link) -> bool:
        """Say whether the last worker is gone and no call can come any more."""
        with self.lock:
            if not self.closing and not self.rest.is_wanted:
                return False
            self._tell_curious()
            self._feed(link)
            if self.closing and self.table.is_clear() and self.workers.is_done(GRACE):
                self._is_quiet.open()
            if self.closing and self.table.is_clear() and self.workers.is_abandoned():
                self._is_finished.open()
            is_over = self.workers.is_empty() and not (self._gone or self._arrived or self._todo)
            if is_over and self.rest.is_wanted:
                self.table.recall(link)  # what no worker has begun is done after the fork
            self._is_ending = is_over
        if is_over:
            self.nudge_direct()  # who waits for what was taken back does so elsewhere
        return is_over

    def _take_turn(self, link: Link) -> None:
        """Wait for replies, and put what is to be done about them on the list."""
        replies = link.wait(self._stopper.clock.remaining())
        with self.lock:
            # In this order: who is gone has put its last replies into `_arrived`.
            gone = [self._gone.popleft() for _ in range(len(self._gone))]
            replies.extend(self._arrived.popleft() for _ in range(len(self._arrived)))
            self._todo.extend(self.receive(link, replies))
            for worker, loss in gone:
                self._todo.append(partial(self._bury, link, worker, loss))
            if self._stopper.clock.is_due():
                self._look_at_clock(link)

    def receive(self, link: Link, replies: "list[Message]") -> "list[Entry]":
        """Take what was answered off the books, and feed. Under the lock."""
        entries = self.table.take_off(replies)
        self._feed(link)
        self._look_for_idle()
        if replies:
            self._stopper.replies_came()
        return entries

    def settle(self, future: AnyFuture | None, payload: "Packed", kind: int) -> None:
        """Finish a call, or do what a worker gives notice of."""
        try:
            if future is not None:
                future.settle(payload, kind)
            else:  # or the call was given up
                self._notice(payload, kind & ~wire.AFTER_MAIN)
        except BaseException as error:
            # A callback raised something that is no Exception (those are logged
            # where they are called), or memory ran out. This thread must go on,
            # and whoever waits for the call, too.
            if future is not None:
                future.finish(error=error)
            _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)

    def _notice(self, payload: "Packed", kind: int) -> None:
        """Do what a worker gives notice of."""
        if kind == wire.READY:
            with self.lock:
                self._unready = 0
                self.workers.is_ready(wire.worker_of(payload))
                self._tell_curious()
                self._look_for_idle()
        elif kind == wire.NOT_READY:
            self._initializer_failed(raised.revive(payload))
        elif kind == wire.RETIRING:
            with self.lock:
                worker = self.workers.find(wire.worker_of(payload))
                is_wanted = not (self.broken or self.rest.is_on)
                if worker is not None and self.link is not None and is_wanted:
                    self.workers.hire_successor(self.link, worker)
        elif kind == wire.LEAVING:
            with self.lock:
                worker = self.workers.find(wire.worker_of(payload))
                if worker is not None and self.workers.let_go(worker):
                    self._fill_vacancy()
                self._move_on()

    def leave_to_collector(self, *steps: "Callable[[], object]") -> None:
        """Put steps on the collector's list, and wake it."""
        if steps:
            self._todo.extend(steps)
            self._nudge()

    @staticmethod
    def run_callbacks(callbacks: "Callable[[], None]") -> None:
        """Run postponed callbacks, and survive them."""
        try:
            callbacks()
        except BaseException:  # as in `settle`
            _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)

    # -- workers that end ----------------------------------------------------

    def take_replies(self, link: Link) -> None:
        """Take what a worker sent, before its interpreter ends. By its thread."""
        if replies := link.take():
            self._arrived.extend(replies)
            self._nudge()  # whoever was woken for them has found none

    def worker_gone(self, worker: WorkerThread, loss: BaseException | None) -> None:
        """Note that a worker's interpreter is gone. By its thread, at last."""
        with self.lock:
            try:
                worker.line.close()
            finally:
                self._gone.append((worker, loss))
                self._nudge()

    def _bury(self, link: Link, worker: WorkerThread, loss: BaseException | None) -> None:
        """Take a worker that has ended off the list; if it was lost, so is its call."""
        worker.join()  # it has just told so, as its last act
        call_id = link.slots.call(worker.seat)
        if isinstance(loss, NotShareableError):
            self._initializer_failed(loss)
        elif loss is not None:
            self._note_loss(link, worker, loss)
        with self.lock:
            # After breaking: until then `submit` must find the seat taken.
            is_vacant = self.workers.bury(worker)
            interrupted = self.table.strike_off(call_id)
            unheard = self.table.strike_off_asked(worker)
        if interrupted is not None:
            _fail_lost(interrupted, loss)
        self._give_up(unheard)
        try:
            with self.lock:
                if is_vacant:
                    self._fill_vacancy()
                self._move_on()
                self._tell_curious()
        except (RuntimeError, OSError, MemoryError) as error:  # none is there, and none to be had
            self._break(_NOT_READY, error)

    def _note_loss(self, link: Link, worker: WorkerThread, loss: BaseException) -> None:
        """Look after the calls of a worker that was lost; break the pool if none becomes ready."""
        _logger.info("%s was lost:", worker.name, exc_info=loss)
        with self.lock:
            self._unready += not worker.is_ready
            # Also one that is leaving: what it gives back may be what the next one needs.
            others = [each for each in self.workers.everyone() if each is not worker]
            if self.table.suspect(link):
                self._suspects_due = monotonic() + GRACE
                self._stopper.clock.expect(GRACE)
        if self._unready >= _MOST_UNREADY and not others:
            _base.LOGGER.critical("Exception in worker:", exc_info=loss)
            self._break(_NOT_READY, loss)

    def _look_for_suspects(self, link: Link) -> None:
        """Have the calls fail that a lost worker had taken. Under the lock."""
        if self._suspects_due and self._suspects_due <= monotonic():
            self._suspects_due = 0.0
            lost = self.table.strike_off_suspects(self.workers.running(link))
            self._todo.extend(partial(_fail_lost, future) for future in lost)
        elif self._suspects_due:
            self._stopper.clock.expect(self._suspects_due - monotonic())

    def _initializer_failed(self, error: BaseException) -> None:
        """Report it as the stdlib's executors do, and break the pool."""
        _base.LOGGER.critical("Exception in initializer:", exc_info=error)
        self._break(_NOT_READY, error)

    def _break(self, reason: str, cause: BaseException) -> None:
        """Take no more calls, and fail those that no worker has begun.

        Those that run in healthy workers come to their end.
        """
        with self.lock:
            self.broken = self.broken or (reason, cause)
            self.closing = True
            self._tell_curious()
            if self.link is not None:
                self.table.recall(self.link)
                self.link.no_more_calls()
            while self.table.pending:
                self._todo.append(partial(self._fail, self.table.pending.popleft()))
        self._end_sources(self._error_of_broken())

    def _fail(self, future: AnyFuture) -> None:
        """Finish a call that will never run."""
        _finish(future, self._error_of_broken())

    def _error_of_broken(self) -> Exception:
        """Return what is the matter with every call of a pool that is broken."""
        assert self.broken is not None
        message, cause = self.broken
        error = BrokenInterpreterPool(message)
        error.__cause__ = cause
        return error

    # -- ending, and resting -------------------------------------------------

    @unbroken
    def close(self) -> None:
        """Take no more calls; let what was taken come to its end.

        Never blocks and takes no lock of the engine's: destructors call it, in the
        middle of anything.
        """
        self.closing = True
        self._nudge()

    @protected
    def cancel_pending(self) -> None:
        """Cancel what is pending, and what is out beyond one call for each worker.

        That one may be about to begin.
        """
        self._end_sources(None)
        with self.lock:
            if self.link is not None and not self.link.is_closing:
                self.table.leave_one_for_each(
                    self.link, len(self.workers.active), self._stopper.clock
                )
            cancelled = self.table.take_pending()
        self._give_up(cancelled)
        self._nudge()

    @protected
    def join(self, timeout: float | None = None) -> bool:
        """Wait until every call is settled, every interpreter gone, every thread ended.

        For at most `timeout` seconds; return whether it is so. Called by one of the pool's
        threads, in a callback, it does not wait for these.
        """
        deadline = Deadline(timeout)
        while (collectors := self._collectors) is not None:
            self.direct.lend()
            if not collectors.wait(deadline.remaining()):
                return False
            collectors.join()
            if not self.rest.is_off.wait(deadline.remaining()):
                return False
            if collectors is self._collectors:  # else what was submitted during the rest goes on
                break
        return True

    @protected
    def finish(self) -> None:
        """Wait, at the end of the program, for all but what was stopped and does not end.

        In a worker, whose interpreter cannot end beside it, for that, too.
        """
        if self._collectors is None:
            return
        if cpython.is_main():
            self._is_finished.wait()
        if self.workers.is_empty() or not cpython.is_main():
            self.join()

    def renew_locks(self) -> None:
        """Make new locks: in a forked child, nobody is left to release the old ones."""
        self.lock = threading.RLock()
        self.direct.lock = threading.Lock()
        self.rest.forget()
        if self._collectors is not None:
            self._collectors.forget()
        self._ringing = threading.RLock()

    def abandon(self, reason: str) -> None:
        """Be of no use any more: this is a forked child, and the calls are its parent's.

        Their futures say so, too, and call back nobody: that is the parent's business.
        """
        self.broken = reason, None
        self.closing = True
        self.link = self._collectors = None
        self.workers = Workers(self)
        self._todo.clear()
        table, error = self.table, self._error_of_broken()
        for source in table.sources:
            source.renew_lock()
        self._end_sources(error)
        asked = [future for future, _ in table.asked.values()]
        for future in (*asked, *table.take_pending(), *table.close()):
            future.abandon(error)

    def _nudge(self) -> None:
        """Wake the collector, if there is one. From anywhere, with or without the lock."""
        with self._ringing:
            if self.link is not None:
                self.link.nudge()

    def nudge_direct(self) -> None:
        """Wake the thread that waits directly. As `_nudge`."""
        with self._ringing:
            if self.link is not None:
                self.link.nudge_direct()

    def _end(self, link: Link) -> bool:
        """Give everything back, and return True: the collector's last step.

        False if there are calls that no worker has answered: they fail first.
        """
        with self.lock:
            left = self.table.close()
            if left:
                fail = self._fail if self.broken else _fail_lost
                self._todo.extend(partial(fail, future) for future in left)
                self._is_ending = False
                return False
        # Who waits directly leaves now: every call is settled, or was taken back.
        with self.direct.lock, self.lock:
            self._is_ending = False
            if self._todo:
                if not self.rest.is_on:
                    self._move_on()  # the fork is over already
                return False  # it left its callbacks
            with self._ringing:
                self.link = None
            self._tell_curious()
            self.direct.destroy(link)
            process_hooks.leave(self)
            if self.closing and self.table.is_clear():
                self.dump_initializer = _no_initializer  # its arguments are let go
            if not self.rest.is_on:  # the fork is over already
                self.go_on()
        return True


def _no_initializer() -> None:
    """Pickle nothing: no worker is made any more."""


def _fail_late(future: AnyFuture) -> None:
    """Finish a call that has run for as long as it may."""
    message = f"{future.name} was stopped: it ran for more than {future.limit:g} s"
    _finish(future, TimeoutError(message))


def _fail_lost(future: AnyFuture, loss: BaseException | None = None) -> None:
    """Finish a call whose worker was lost."""
    error = WorkerLostError(f"the worker was lost that ran {future.name or 'this call'}")
    error.__cause__ = loss
    _finish(future, error)


def _finish(future: AnyFuture, error: Exception) -> None:
    """Set the exception of a call, unless it was cancelled meanwhile."""
    future.payload = None  # what lies beside it is given back
    try:
        future.finish(error=error)
    except BaseException:  # from a callback, as in `settle`
        _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)
