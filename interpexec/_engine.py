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
  call waits behind a long one while a worker idles (`_worker`);
- the collector, one thread at home, takes the replies, feeds, settles the
  futures and runs their callbacks. These may block, so another thread becomes
  the collector meanwhile (`_relay`);
- a `WorkerThread` for each worker owns its interpreter and mostly sleeps in it
  (`_home`).

The threads hold the engine and never the executor, so an executor that is
dropped can be noticed: what it was given is still computed, then all ends.

Only a bounded number of calls is ahead of the workers; the rest waits at home,
where cancelling is trivial and the messages are not yet copied (see `_room`).
"""

import threading
from collections import deque
from concurrent.futures import _base
from functools import partial
from itertools import count
from threading import get_ident

from interpexec import _failures, _messages, _process
from interpexec._crossing import Crossing
from interpexec._deadline import Deadline
from interpexec._future import CallFuture
from interpexec._home import WorkerLostError, WorkerThread
from interpexec._ledger import AnyFuture, Entry, Ledger
from interpexec._pool_errors import BrokenInterpreterPool
from interpexec._relay import Relay
from interpexec._runtime import NotShareableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._messages import Message

_LOST = "A worker interpreter was lost, the pool is not usable anymore"
_NOT_READY = "A worker interpreter could not be made ready, the pool is not usable anymore"


class Engine:
    """The state of one pool, and its moves.

    `_lock` guards all that stands below it in `__init__`. It is held for some
    microseconds, and taken before the lock of a future, never after. The user's
    code never runs under it on purpose; but garbage may be collected at any time.
    "Under the lock" in a docstring means that the caller holds it.
    """

    def __init__(
        self, max_workers: int, name: str, dump_initializer: "Callable[[], bytes | None]"
    ) -> None:
        """Make an engine that has started nothing yet."""
        self.max_workers = max_workers
        self.name = name
        self.dump_initializer = dump_initializer
        self._ids = count(1)
        self._lock = threading.Lock()
        self.workers: dict[int, WorkerThread] = {}  # by seat
        self.broken: tuple[str, BaseException | None] | None = None
        self.closing = False  # no more calls; what is here is still computed
        self._resting = False  # no workers for a while, because of a fork
        self._ledger = Ledger()
        self._crossing: Crossing | None = None
        # From worker threads that end: their last replies, and themselves.
        self._arrived: deque[Message] = deque()
        self._gone: deque[tuple[WorkerThread, BaseException | None]] = deque()
        # The collector: one thread at a time, which alone works off the list.
        self._relay: Relay | None = None
        self._todo: deque[Callable[[], object]] = deque()
        # Held by the thread that waits for one call in the collector's place. It
        # is taken before `_lock`, and never waited for, but at the very end.
        self._direct = threading.Lock()
        self._awaited: AnyFuture | None = None
        self._direct_thread = 0  # its ident
        # Guards the bells of `_crossing` against their end. Re-entrant, and held for
        # an instant only, because destructors ring them, in the middle of anything.
        self._ringing = threading.RLock()

    # -- submitting: any thread at home ------------------------------------

    def submit(self, payload: bytes) -> AnyFuture:
        """Take a pickled call; return its future. Never waits for a worker."""
        with self._lock:
            self.refuse_if_over()
            future: AnyFuture = CallFuture(next(self._ids), payload, self)
            self._ledger.pending.append(future)
            try:
                self._move_on()
            except Exception:  # no descriptor or no thread to be had, no memory
                if future in self._ledger.pending:
                    self._ledger.pending.remove(future)
                raise
            return future

    def refuse_if_over(self) -> None:
        """Raise what `submit` raises when the pool takes no call any more."""
        if self.broken is not None:
            message, cause = self.broken
            raise BrokenInterpreterPool(message) from cause
        _process.refuse_if_over()
        if self.closing:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _move_on(self) -> None:
        """Let pending calls come to the workers. Under the lock."""
        if self._resting or not self._ledger.pending:
            return
        crossing = self._crossing or self._open()
        while len(self.workers) < min(self.max_workers, len(self._ledger)):
            try:
                self._start_worker(crossing)
            except RuntimeError:  # there is no thread to be had
                if not self.workers:
                    raise
                break
        self._feed(crossing)

    def _open(self) -> Crossing:
        """Make the channels and start the collector. Under the lock."""
        crossing = Crossing(self.max_workers)
        relay = Relay(f"{self.name}_collector", partial(self._collect, crossing))
        self._crossing, self._relay = crossing, relay
        _process.enter(self)
        try:
            relay.start()
        except RuntimeError:  # there is no thread to be had
            _process.leave(self)
            self._crossing = self._relay = None
            crossing.destroy()
            raise
        return crossing

    def _start_worker(self, crossing: Crossing) -> None:
        """Start one more worker. Under the lock."""
        seat = next(seat for seat in count() if seat not in self.workers)
        worker = WorkerThread(self, crossing, seat, f"{self.name}_{seat}")
        self.workers[seat] = worker
        try:
            worker.start()
        except RuntimeError:  # there is no thread to be had
            del self.workers[seat]
            raise

    def _feed(self, crossing: Crossing) -> None:
        """Send calls to the workers, or tell them that none can come. Under the lock.

        They then finish what they were sent, and end.
        """
        if not self._resting:
            self._ledger.feed(crossing, len(self.workers))
        if self._resting or (self.closing and not self._ledger.pending):
            crossing.no_more_calls()

    def withdraw(self, future: AnyFuture) -> bool:
        """Take a call back that no worker has begun; return whether that is so."""
        with self._lock:
            crossing = self._crossing
            if crossing is None or crossing.is_closing:
                return False
            withdrawn = self._ledger.withdraw(crossing, future)
            self._feed(crossing)
            return withdrawn

    # -- collecting: the thread that leads the relay --------------------------

    def _collect(self, crossing: Crossing) -> bool:
        """Settle calls until no more can come and the last worker is gone: then True.

        False when another thread of the relay has taken over.
        """
        relay = self._relay
        assert relay is not None
        while relay.is_leading():
            try:
                if self._take_step(crossing):
                    return True
            except BaseException as error:  # memory ran out, or a fault of ours
                _base.LOGGER.critical("Exception in collector:", exc_info=True)
                self._break(_LOST, error)
        return False

    def _take_step(self, crossing: Crossing) -> bool:
        """Do the next thing; return whether it was the last one."""
        self._ledger.cancelled.clear()  # here, since destructors are the user's code
        if self._todo:
            self._todo.popleft()()
            return False
        if self._is_over(crossing):
            return self._end(crossing)
        self._take_turn(crossing)
        return False

    def before_callbacks(self) -> None:
        """Let another thread collect: the calling one may be blocked for a while."""
        if self._relay is not None:
            self._relay.hand_over()

    def _is_over(self, crossing: Crossing) -> bool:
        """Say whether the last worker is gone and no call can come any more."""
        with self._lock:
            if not self.closing and not self._resting:
                return False
            self._feed(crossing)
            return not (self.workers or self._gone or self._arrived or self._todo)

    def _take_turn(self, crossing: Crossing) -> None:
        """Wait for replies, and put what is to be done about them on the list."""
        replies = crossing.wait()
        with self._lock:
            # In this order: who is gone has put its last replies into `_arrived`.
            gone = [self._gone.popleft() for _ in range(len(self._gone))]
            replies.extend(self._arrived.popleft() for _ in range(len(self._arrived)))
            for entry in self._receive(crossing, replies):
                self._todo.append(partial(self._settle, *entry))
            for worker, loss in gone:
                self._todo.append(partial(self._bury, crossing, worker, loss))

    def _receive(self, crossing: Crossing, replies: "list[Message]") -> "list[Entry]":
        """Take what was answered off the books, and feed. Under the lock."""
        entries = self._ledger.take_off(replies)
        self._feed(crossing)
        return entries

    def _settle(self, future: AnyFuture | None, payload: bytes, kind: int) -> None:
        """Finish a call, or the pool when a worker says that it cannot be ready."""
        try:
            if kind & ~_messages.AFTER_MAIN == _messages.NOT_READY:
                self._initializer_failed(_failures.revive(payload))
            elif future is not None:  # None: it was given up when the pool broke
                future.settle(payload, kind)
        except BaseException as error:
            # A callback raised something that is no Exception (those are logged
            # where they are called), or memory ran out. This thread must go on,
            # and whoever waits for the call, too.
            if future is not None and not future.done():
                future.set_exception(error)
            _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)

    # -- waiting for one call: any thread at home ------------------------------

    def wait_directly(self, future: AnyFuture, deadline: Deadline) -> None:
        """Wait for a call in the collector's place, if it is the only one that is out.

        That saves a wake-up of tens of µs: the worker's reply wakes the thread that
        waits for it. Returns when the future is finished, the time is over, or
        somebody else is at it already. Only this future is settled here, and its
        callbacks are left to the collector: this thread may hold a lock of the
        user's.
        """
        if not self._direct.acquire(blocking=False):
            return
        try:
            with self._lock:
                crossing = self._crossing
                if crossing is None or len(self._ledger) != 1 or not future.running():
                    return
                self._direct_thread = get_ident()
                self._awaited = future
            while not future.done() and deadline.remaining() != 0:
                replies = crossing.wait_directly(deadline.remaining())
                self._take_direct_turn(crossing, future, replies)
                if len(self._ledger) > 1:  # the collector does that better
                    break
            # Once more: a reply that came meanwhile woke this thread, and no other.
            self._take_direct_turn(crossing, future, crossing.take())
        finally:
            self._awaited = None
            self._direct_thread = 0
            self._direct.release()

    def _take_direct_turn(
        self, crossing: Crossing, future: AnyFuture, replies: "list[Message]"
    ) -> None:
        """Settle the future if its reply is here; leave the others to the collector."""
        if not replies:
            return
        with self._lock:
            entries = self._receive(crossing, replies)
        mine = [entry for entry in entries if entry[0] is future]
        others = [entry for entry in entries if entry[0] is not future]
        self._leave_to_collector(*(partial(self._settle, *entry) for entry in others))
        for _, payload, kind in mine:
            self._awaited = None
            try:
                future.settle(payload, kind)
            finally:
                if not future.done():  # Ctrl-C came
                    self._leave_to_collector(partial(self._settle, future, payload, kind))

    def _leave_to_collector(self, *steps: "Callable[[], object]") -> None:
        """Put steps on the collector's list, and wake it."""
        if steps:
            self._todo.extend(steps)
            self._nudge()

    def postpone(self, callbacks: "Callable[[], None]") -> bool:
        """Leave callbacks to the collector, if this thread waits directly.

        It has been promised no more than its result: it may hold a lock that they
        take.
        """
        if self._direct_thread != get_ident():
            return False
        self._leave_to_collector(partial(self._run_callbacks, callbacks))
        return True

    @staticmethod
    def _run_callbacks(callbacks: "Callable[[], None]") -> None:
        """Run postponed callbacks, and survive them."""
        try:
            callbacks()
        except BaseException:  # as in `_settle`
            _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)

    def is_settled(self, future: AnyFuture) -> None:
        """Wake the thread that waits for this call directly, unless it settled it itself."""
        if self._awaited is future:
            with self._ringing:
                if self._crossing is not None:
                    self._crossing.nudge_direct()

    # -- workers that end ----------------------------------------------------

    def take_replies(self, crossing: Crossing) -> None:
        """Take what a worker sent, before its interpreter ends. By its thread."""
        self._arrived.extend(crossing.take())

    def worker_gone(self, worker: WorkerThread, loss: BaseException | None) -> None:
        """Note that a worker's interpreter is gone. By its thread, at last."""
        with self._lock:
            self._gone.append((worker, loss))
            self._nudge()

    def _bury(self, crossing: Crossing, worker: WorkerThread, loss: BaseException | None) -> None:
        """Take a worker that has ended off the list; if it was lost, break the pool."""
        worker.join()  # it has just told so, as its last act
        if loss is None and crossing.running(worker.seat) in self._ledger.out:
            loss = WorkerLostError("it ended in the middle of a call")
        if isinstance(loss, NotShareableError):
            self._initializer_failed(loss)
        elif loss is not None:
            _base.LOGGER.critical("Exception in worker:", exc_info=loss)
            self._break(_LOST, loss)
        with self._lock:
            # After breaking: until then `submit` must find the seat taken.
            del self.workers[worker.seat]
            interrupted = self._ledger.out.pop(crossing.running(worker.seat), None)
        if interrupted is not None:
            self._fail(interrupted)

    def _initializer_failed(self, error: BaseException) -> None:
        """Report it as the stdlib's executors do, and break the pool."""
        _base.LOGGER.critical("Exception in initializer:", exc_info=error)
        self._break(_NOT_READY, error)

    def _break(self, reason: str, cause: BaseException) -> None:
        """Take no more calls, and fail those that no worker has begun.

        Those that run in healthy workers come to their end.
        """
        with self._lock:
            self.broken = self.broken or (reason, cause)
            self.closing = True
            if self._crossing is not None:
                self._ledger.recall(self._crossing)
                self._crossing.no_more_calls()
            while self._ledger.pending:
                self._todo.append(partial(self._fail, self._ledger.pending.popleft()))

    def _fail(self, future: AnyFuture) -> None:
        """Finish a call that will never run."""
        assert self.broken is not None
        message, cause = self.broken
        error = BrokenInterpreterPool(message)
        error.__cause__ = cause
        try:
            future.set_exception(error)
        except _base.InvalidStateError:
            pass  # it was cancelled
        except BaseException:  # from a callback, as in `_settle`
            _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)

    # -- ending, and resting -------------------------------------------------

    def close(self) -> None:
        """Take no more calls; let what was taken come to its end.

        Never blocks and takes no lock of the engine's: destructors call it, in the
        middle of anything.
        """
        self.closing = True
        self._nudge()

    def cancel_pending(self) -> None:
        """Cancel what is pending, and what is out beyond one call for each worker.

        That one may be about to begin.
        """
        with self._lock:
            cancelled = list(self._ledger.pending)
            if self._crossing is not None and not self._crossing.is_closing:
                cancelled = self._ledger.leave_one_for_each(self._crossing, len(self.workers))
        for future in cancelled:
            future.cancel_pending()  # runs callbacks, so without the lock
        self._nudge()

    def join(self) -> None:
        """Wait until every call is settled, every interpreter gone, every thread ended.

        Called by one of the pool's threads, in a callback, it does not wait for these.
        """
        if self._relay is not None:
            self._relay.join()

    def rest(self) -> bool:
        """Stop all workers, if they are idle, until `resume`; return whether they are.

        Blocks until they are gone. Calls may be submitted meanwhile; they wait.
        """
        with self._lock:
            if self._ledger:
                return False
            if self._crossing is None:
                return True
            self._resting = True
            relay = self._relay
        self._nudge()
        assert relay is not None
        relay.wait()  # not for its threads: they may be in callbacks
        return True

    def resume(self) -> None:
        """End the rest."""
        with self._lock:
            self._resting = False
            self._move_on()

    def renew_locks(self) -> None:
        """Make new locks: in a forked child, nobody is left to release the old ones."""
        self._lock = threading.Lock()
        self._direct = threading.Lock()
        self._ringing = threading.RLock()

    def abandon(self) -> None:
        """Be of no use any more: this is a forked child, without the threads."""
        self.closing = True
        self._crossing = self._relay = None
        self.workers.clear()

    def _nudge(self) -> None:
        """Wake the collector, if there is one. From anywhere, with or without the lock."""
        with self._ringing:
            if self._crossing is not None:
                self._crossing.nudge()

    def _end(self, crossing: Crossing) -> bool:
        """Give everything back, and return True: the collector's last step.

        False if there are calls that no worker has answered: they fail first.
        """
        with self._lock:
            left = list(self._ledger.out.values())
            self._ledger.out.clear()
            if left:
                self.broken = self.broken or (_LOST, None)
                self._todo.extend(partial(self._fail, future) for future in left)
                return False
        # Who waits directly leaves now: every call is settled.
        with self._direct, self._lock:
            if self._todo:
                return False  # it left its callbacks
            with self._ringing:
                self._crossing = None
            crossing.destroy()
            _process.leave(self)
        return True
