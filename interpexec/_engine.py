"""The engine of a pool: all its state, and the threads that move it.

    submit()            the request channel            worker interpreters
    +---------+  feed  +-----------------------+  recv  +---------+
    | pending | -----> | Call | Call | Call    | -----> | seat 0  | + slots[0]
    |  line   |        +-----------------------+ -----> | seat 1  | + slots[1]
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
  futures and runs their callbacks;
- a `WorkerThread` for each worker owns its interpreter and mostly sleeps in it
  (`_home`).

The threads hold the engine and never the executor, so an executor that is
dropped can be noticed: what it was given is still computed, then all ends.

Only a bounded number of calls is ahead of the workers; the rest waits at home,
where cancelling is trivial and the messages are not yet copied (see `_room`).
"""

import threading
from array import array
from collections import deque
from concurrent.futures import _base
from itertools import count

from interpexec import _failures, _home, _messages, _process
from interpexec._future import CallFuture
from interpexec._home import WorkerThread
from interpexec._messages import NUDGE, Message
from interpexec._pool_errors import BrokenInterpreterPool
from interpexec._runtime import NotShareableError
from interpexec.channels import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._worker import Setup

type AnyFuture = CallFuture[object]
type Broken = tuple[str, BaseException | None]

# How many calls may be ahead of the workers, beyond one for each. One keeps
# them busy as long as calls are longer than home takes to answer. For shorter
# ones it grows, twofold each time that the workers ran dry. The limit keeps
# below the 300 messages that CPython can give back at a time (see `Fifo`), and
# 128 tiny calls bridge the 5 ms for which another thread may hold home's GIL.
_LEAST_AHEAD = 1
_MOST_AHEAD = 128

_LOST = "A worker interpreter was lost, the pool is not usable anymore"
_NOT_READY = "A worker interpreter could not be made ready, the pool is not usable anymore"


class Engine:
    """The state of one pool, guarded by one lock, and its moves.

    `lock` guards every attribute below it. It is held for a few microseconds,
    never while user code runs (pickling, callbacks, destructors of payloads
    aside), and taken before the lock of a future, never after.
    """

    def __init__(
        self, max_workers: int, name: str, initializer: "Callable[[], bytes | None]"
    ) -> None:
        self.max_workers = max_workers
        self.name = name
        self._initializer = initializer
        self.lock = threading.Lock()
        self.pending: deque[AnyFuture] = deque()
        self.calls: dict[int, AnyFuture] = {}  # sent to the workers, not settled
        self.workers: dict[int, WorkerThread] = {}  # by seat
        self.broken: Broken | None = None
        self.closing = False  # no more calls; what is here is still computed
        self._ids = count(1)
        self._ahead = _LEAST_AHEAD
        self._collector: threading.Thread | None = None
        self._requests: Channel | None = None
        self._replies: Channel | None = None
        self._slots = array("Q", bytes(8 * max_workers))
        # Replies that were taken from the channel. Filled by the collector and
        # by worker threads that end, emptied by the collector alone.
        self._arrived: deque[Message] = deque()
        self._losses: deque[tuple[WorkerThread, BaseException | None]] = deque()

    # -- submitting: any thread at home ------------------------------------

    def submit(self, payload: bytes) -> AnyFuture:
        """Take a pickled call; return its future. Never blocks on a worker."""
        with self.lock:
            self.refuse_if_over()
            future: AnyFuture = CallFuture(next(self._ids), payload)
            if self._collector is None:
                self._open()
            self.pending.append(future)
            try:
                self._staff()
            except BaseException:
                if not self.workers:  # nobody will ever run it
                    self.pending.remove(future)
                    raise
            self._feed()
            return future

    def refuse_if_over(self) -> None:
        """Raise what `submit` raises when the pool takes no call any more."""
        if self.broken is not None:
            message, cause = self.broken
            raise BrokenInterpreterPool(message) from cause
        _process.refuse_if_over()
        if self.closing:
            message = "cannot schedule new futures after shutdown"
            raise RuntimeError(message)

    def _open(self) -> None:
        """Make the channels and start the collector. Called under `lock`, once."""
        self._requests, self._replies = Channel(self.max_workers), Channel()
        collector = threading.Thread(
            target=self._collect, name=f"{self.name}_collector", daemon=False
        )
        _process.enter(self)
        try:
            collector.start()
        except BaseException:
            _process.leave(self)
            self._destroy_channels()
            raise
        self._collector = collector

    def _staff(self) -> None:
        """Start a worker if there are more calls than workers. Called under `lock`."""
        if len(self.workers) >= min(self.max_workers, len(self.pending) + len(self.calls)):
            return
        seat = next(seat for seat in count() if seat not in self.workers)
        worker = WorkerThread(self, seat, f"{self.name}_{seat}")
        self.workers[seat] = worker
        try:
            worker.start()
        except BaseException:
            del self.workers[seat]
            raise

    def _room(self) -> int:
        """Return how many calls may be sent to the workers now. Called under `lock`."""
        return len(self.workers) + self._ahead - len(self.calls)

    def _feed(self) -> None:
        """Send calls to the workers while there is room. Called under `lock`.

        When no call is left to come and none is pending, the request channel is
        closed: the workers finish what is in it, and end.
        """
        requests = self._requests
        assert requests is not None
        while self.pending and self._room() > 0:
            future = self.pending.popleft()
            if not future.set_running_or_notify_cancel():
                continue  # it was cancelled in time
            payload, future.payload = future.payload, None
            self.calls[future.call_id] = future
            requests.send(_messages.seal(payload, future.call_id))  # type: ignore[arg-type]
        if self.closing and not self.pending:
            requests.close()

    # -- collecting: the collector thread ----------------------------------

    def _collect(self) -> None:
        """Settle calls until the pool is closed and its last worker gone."""
        replies = self._replies
        assert replies is not None
        try:
            while True:
                closing = self.closing
                if self._is_over():
                    break
                if self.closing != closing:
                    continue  # see `close_soon`
                message = replies.recv()
                if message != NUDGE:
                    self._arrived.append(message)  # type: ignore[arg-type]
                del message
                self._take_turn()
        finally:
            self._end()

    def _take_turn(self) -> None:
        """Handle all that has arrived."""
        self.drain()
        while self._losses:
            self._bury(*self._losses.popleft())
        batch = self._arrived
        done = []
        with self.lock:
            in_flight = len(self.calls)
            while batch:
                payload, call_id, kind = _messages.unseal(batch.popleft())
                done.append((self.calls.pop(call_id, None), payload, kind))
            self._measure(len(done), in_flight)
            self._feed()
        for entry in done:
            self._settle(*entry)

    def _measure(self, done: int, in_flight: int) -> None:
        """Adapt how far the workers are kept ahead. Called under `lock`.

        No clock is needed: when all that was sent has come back before home
        looked, the workers ran dry; when little has, they had more than enough.
        """
        if done >= in_flight and self.pending:
            self._ahead = min(2 * self._ahead, _MOST_AHEAD)
        elif 0 < 4 * done <= self._ahead:
            self._ahead = max(self._ahead // 2, _LEAST_AHEAD)

    def drain(self) -> None:
        """Take what has arrived, without waiting.

        Called by the collector, and by a worker's thread before it destroys the
        interpreter. Taking a message asks the sender's interpreter to let go of
        it; that interpreter cannot end meanwhile, because one receive is one
        step under home's GIL, and its owner comes by here before the end.
        """
        replies = self._replies
        assert replies is not None
        while (message := replies.recv_nowait()) is not None:
            if message != NUDGE:
                self._arrived.append(message)  # type: ignore[arg-type]

    def _settle(self, future: AnyFuture | None, payload: bytes, kind: int) -> None:
        """Finish a call. User code runs here: unpickling, callbacks."""
        after_main = bool(kind & _messages.AFTER_MAIN)
        kind &= ~_messages.AFTER_MAIN
        try:
            if kind == _messages.NOT_READY:
                self._initializer_failed(_failures.revive(payload, after_main=after_main))
            elif future is None:
                pass  # the pool broke, and the call was given up
            elif kind == _messages.FAILURE:
                future.set_exception(_failures.revive(payload, after_main=after_main))
            else:
                self._settle_value(future, payload, after_main=after_main)
        except BaseException:
            # A callback raised something that is no Exception (those are logged
            # where they are called). This thread must go on.
            _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)

    @staticmethod
    def _settle_value(future: AnyFuture, payload: bytes, *, after_main: bool) -> None:
        """Finish a call with its value, or with why that cannot be made here."""
        try:
            value = _messages.loads(payload, after_main=after_main)
        except BaseException as reason:  # the user's classes run here
            message = f"the result could not be unpickled: {type(reason).__name__}: {reason}"
            error = NotShareableError(message)
            error.__cause__ = reason
            future.set_exception(error)
        else:
            future.set_result(value)

    # -- workers: how they begin and end ------------------------------------

    def setup(self, seat: int, name: str) -> "Setup":
        """Return what a new worker is given. Called by its thread.

        Raises NotShareableError when the initializer cannot travel.
        """
        requests, replies = self._requests, self._replies
        assert requests is not None
        assert replies is not None
        config = _home.config(name, self._initializer())
        return seat, requests.token, replies.token, memoryview(self._slots), config

    def worker_gone(self, worker: WorkerThread, loss: BaseException | None) -> None:
        """Note that a worker's interpreter is gone. Called by its thread, last."""
        with self.lock:
            self._losses.append((worker, loss))
            self._nudge()

    def _bury(self, worker: WorkerThread, loss: BaseException | None) -> None:
        """Take a worker that has ended off the list; if it was lost, break the pool."""
        worker.join()  # it has just told so, as its last act
        lost = None
        if isinstance(loss, NotShareableError):
            self._initializer_failed(loss)
        elif loss is not None:
            _base.LOGGER.critical("Exception in worker:", exc_info=loss)
            self._break(_LOST, loss)
        with self.lock:
            # After breaking: until then `submit` must find the seat taken.
            del self.workers[worker.seat]
            if loss is not None:
                lost = self.calls.pop(self._slots[worker.seat], None)
        if lost is not None:
            self._fail([lost])

    def _initializer_failed(self, error: BaseException) -> None:
        """Report it as the stdlib's executors do, and break the pool."""
        _base.LOGGER.critical("Exception in initializer:", exc_info=error)
        self._break(_NOT_READY, error)

    def _break(self, reason: str, cause: BaseException) -> None:
        """Take no more calls, fail those that no worker has begun.

        Those that run in healthy workers come to their end.
        """
        assert self._requests is not None
        with self.lock:
            self.broken = self.broken or (reason, cause)
            self.closing = True
            victims = list(self.pending)
            self.pending.clear()
            while (message := self._requests.recv_nowait()) is not None:
                _, call_id, _ = _messages.unseal(message)  # type: ignore[arg-type]
                victims.append(self.calls.pop(call_id))
            self._requests.close()
        self._fail(victims)

    def _fail(self, victims: list[AnyFuture]) -> None:
        """Finish calls that will never run."""
        for future in victims:
            assert self.broken is not None
            message, cause = self.broken
            error = BrokenInterpreterPool(message)
            error.__cause__ = cause
            try:
                future.set_exception(error)
            except _base.InvalidStateError:
                pass  # it was cancelled

    # -- ending --------------------------------------------------------------

    def close(self, *, cancel_pending: bool = False) -> None:
        """Take no more calls; let what was taken come to its end. Never blocks."""
        with self.lock:
            self.closing = True
            cancelled = list(self.pending) if cancel_pending else []
        for future in cancelled:
            future.cancel()  # runs callbacks, so without the lock
        with self.lock:
            if self._replies is not None:
                self._feed()
                self._nudge()

    def close_soon(self) -> None:
        """Do as `close`, from a destructor.

        It may run in the middle of anything, so it must not wait for `lock`:
        this very thread may hold it. Who holds it then, and does not nudge the
        collector anyway, is the collector, which looks at `closing` once more
        before it sleeps.
        """
        self.closing = True
        if self.lock.acquire(blocking=False):
            try:
                self._nudge()
            finally:
                self.lock.release()

    def join(self) -> None:
        """Wait until all threads of the pool have ended."""
        if self._collector is not None:
            self._collector.join()

    def abandon(self) -> None:
        """Be of no use any more: this is a forked child, without the threads."""
        self.lock = threading.Lock()
        self.closing = True
        self._collector = self._replies = None
        self.workers.clear()

    def _nudge(self) -> None:
        """Wake the collector, if it still lives. Called under `lock`.

        Under it, because the collector destroys the channel under it.
        """
        if self._replies is not None:
            self._replies.send(NUDGE)

    def _is_over(self) -> bool:
        """Say whether the last worker is gone and no call can come any more."""
        with self.lock:
            if not self.closing:
                return False
            self._feed()
            return not self.workers and not self._losses and not self._arrived

    def _end(self) -> None:
        """Give everything back. The collector's last act."""
        with self.lock:
            left = [*self.calls.values(), *self.pending]
            self.calls.clear()
            self.pending.clear()
            self._destroy_channels()
            if left:
                self.broken = self.broken or (_LOST, None)
        self._fail(left)
        _process.leave(self)

    def _destroy_channels(self) -> None:
        """Give the descriptors back. Called under `lock`, when all workers are gone."""
        for channel in (self._requests, self._replies):
            if channel is not None:
                channel.destroy()
        self._requests = self._replies = None
