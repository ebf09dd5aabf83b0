"""The scheduler of a pool: what the executor and the maps call. All from any thread.

    submit()          the request queue             worker interpreters
    +---------+ send +-----------------------+ recv  +---------+
    | backlog | ---> | Call | Call | Call    | ----> | seat 0  |
    +---------+      +-----------------------+ ----> | seat 1  |
         ^                                           +---------+
         | send                                           |
         |             the reply queue                    | send
    +-----------+    +-----------------------+            |
    | collector | <- | Done | Done           | <----------+
    +-----------+    +-----------------------+
         | settle
      futures

The actors:

- a thread that calls `submit` puts a future into the backlog, sends what there is room
  for, and starts a worker if there are more calls than workers (`dispatch`);
- each worker takes the next call from the one request queue, so that no call waits behind
  a long one while a worker idles (`_worker.main`);
- a thread that cancels a running call, or the collector when the call is out of time, sends
  an order over the control channel of the worker (`stopping`, `cancelling`), which then
  leaves; another worker takes its place (`workers`);
- the collector, one thread of the pool, takes the replies, sends further calls, settles the
  futures and runs their callbacks. These may block, so another thread becomes the
  collector meanwhile (`collector`, `leader`);
- a thread that waits for the only call takes the reply itself (`direct_wait`);
- a `WorkerThread` for each worker owns its interpreter and mostly sleeps in it.

The threads refer to the pool's state and never to the executor, so that an executor that is
dropped can be noticed: the accepted calls are still computed, then all ends.
"""

from functools import partial

from interpexec._core import cpython
from interpexec._core.sigint import keep_whole, protected, protected_inside, unbroken
from interpexec._core.waiting import Deadline
from interpexec._pool import process_hooks
from interpexec._pool.cancelling import Canceller
from interpexec._pool.collector import Collector
from interpexec._pool.control_calls import ControlCalls
from interpexec._pool.dispatch import Dispatcher
from interpexec._pool.fork_rest import Rest
from interpexec._pool.future import CallFuture
from interpexec._pool.losses import Losses
from interpexec._pool.retries import Attempts, Retries
from interpexec._pool.state import PoolState
from interpexec._pool.stopping import Stopper
from interpexec._worker import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from interpexec._pool.call_table import Source
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.options import CallOptions
    from interpexec._sharing.package import Packed

keep_whole()


class Scheduler:
    """The state of one pool, and the parts that change it."""

    def __init__(self, state: PoolState) -> None:
        """Make one that has started nothing yet."""
        self.state = state
        self._dispatcher = dispatcher = Dispatcher(
            state,
            enter=partial(process_hooks.enter, self),
            leave=partial(process_hooks.leave, self),
        )
        losses = Losses(state, dispatcher)
        stopper = Stopper(state.table, state.workers, state.clock, state.nudge)
        self._canceller = canceller = Canceller(state, dispatcher, losses, stopper)
        self.direct = Collector(state, dispatcher, losses, canceller, stopper).direct
        self.rest = Rest(state, self.direct.lend, dispatcher.resume)
        self.control_calls = ControlCalls(state, self)
        self._retries = Retries(state, dispatcher.dispatch)
        # The moves of these parts that the executor, the maps and the futures call.
        self.idle = dispatcher.idle
        self.tally = state.tally
        self.run_again = self._retries.again
        self.stop_cancelled = canceller.stop_cancelled
        self.recall_one = canceller.recall_one
        self.cancel_backlog = canceller.cancel_backlog
        self.stop = canceller.stop
        self.ask_items = self.control_calls.ask_items
        self.leave_to_collector = state.leave_to_collector
        self.refuse_if_over = state.refuse_if_over
        self.name, self.max_workers = state.name, state.max_workers
        self.max_tasks = state.settings.max_tasks
        process_hooks.know(self)

    @property
    def cancel_running(self) -> bool:
        """Whether a running call can be cancelled."""
        return self.state.cancel_running

    # -- submitting ------------------------------------------------------------------

    @protected_inside
    def submit(
        self,
        payload: "Packed",
        name: str = "",
        options: "CallOptions | None" = None,
        *,
        source: "Source | None" = None,
    ) -> "AnyFuture":
        """Take a pickled call; return its future. Never waits for a worker.

        name: of the function. options: None: the ordinary ones. source: what brings it, if
        that was accepted before. An interrupt is noted: the caller delivers it. Raises
        NotShareableError where a call is to be repeated that can be sent only once.
        """
        self.direct.lend()  # a signal handler is going to wait for more than that one call
        state = self.state
        is_inside = state.is_inside()
        with state.lock:
            table = state.table
            is_ending = state.is_closing or state.link is None
            if state.broken or (is_ending and source not in table.sources):
                state.refuse_if_over()
            future: AnyFuture = CallFuture(state.next_id(), payload, self, name)
            if options is not None:
                self._treat(future, payload, options)
            # All workers are busy and calls are queued: the next reply dispatches this one.
            is_queued = bool(table.backlog and table.out)
            is_queued = is_queued and len(state.workers.active) >= state.max_workers
            if options is None and not table.is_ranked:
                table.backlog.append(future)
            else:
                table.enqueue(future)
            if is_queued:
                return future
            if is_inside:
                state.leave_to_collector(self._dispatcher.dispatch_locked)
                return future
            try:
                self._dispatcher.dispatch()
            except Exception:  # no descriptor, no thread or no memory is left
                if future in table.backlog:
                    table.backlog.remove(future)
                self._retries.let_go(future)
                raise
            return future

    def _treat(self, future: "AnyFuture", payload: "Packed", options: "CallOptions") -> None:
        """Give a call its options. Under the lock."""
        future._limit, future._priority = options.limit, options.priority
        if options.limit is not None:
            payload = future._payload = wire.with_limit(payload, options.limit)
        future._name = options.name or future._name
        if options.retries:
            self._retries.hold(future, Attempts(payload, options))

    def accept(self, source: "Source") -> None:
        """Take a source of calls, whose calls come even when the pool takes no others any more.

        Raises what `submit` raises.
        """
        with self.state.lock:
            self.state.refuse_if_over()
            self.state.table.sources.add(source)

    def look_in(self, seconds: float) -> None:
        """Have the sources look at their calls in so many seconds, if not earlier."""
        state = self.state
        with state.lock:
            if state.clock.expect(seconds):
                state.nudge()

    def running(self) -> "dict[AnyFuture, float]":
        """Return since when (`monotonic`) each running call runs."""
        state = self.state
        with state.lock:
            if state.link is None:
                return {}
            out, since = state.table.out, state.workers.running(state.link)
            return {out[call_id]: each for call_id, each in since.items() if call_id in out}

    def release(self, source: "Source") -> None:
        """Learn that a source brings no further call. From anywhere, as `close`."""
        self.state.table.sources.discard(source)
        if self.state.is_closing:
            self.state.nudge()

    @protected
    def warm(self, *, wait: bool) -> None:
        """Start all workers that the pool may have; wait until they are ready."""
        self.direct.lend()  # a signal handler may call this, and waits
        self._dispatcher.warm(wait=wait)

    @protected
    def broadcast(self, dump: "Callable[[], Packed]", name: str) -> "list[AnyFuture]":
        """Run a call in every worker, beside what runs there; return the futures."""
        self.direct.lend()  # a signal handler may call this, and waits
        return self.control_calls.broadcast(dump, name)

    @protected
    def restart(self) -> None:
        """Have fresh workers take all further calls; those that run come to their end."""
        self.direct.lend()  # a signal handler may call this
        self._dispatcher.restart()

    def before_callbacks(self) -> None:
        """Let another thread collect: the calling one may be blocked for a while."""
        if self.state.collectors is not None:
            self.state.collectors.hand_over()

    def before_waiting(self) -> None:
        """Prepare for a wait: a signal handler may be about to begin it."""
        self.direct.lend()

    # -- ending -----------------------------------------------------------------------

    @unbroken
    def close(self) -> None:
        """Take no more calls; let the accepted ones come to their end. See `PoolState.close`."""
        self.state.close()

    def terminate(self, limit: float) -> None:
        """Stop everything, and wait until all is over that can be.

        limit: the seconds to wait at most.
        """
        self.stop()
        self.await_stop(limit)

    @protected
    def await_stop(self, limit: float) -> None:
        """Wait until the stopped calls are over; at most so many seconds."""
        self.direct.lend()  # a signal handler may call this, and waits
        self._canceller.await_stop(limit)

    @protected
    def await_calls(self, call_ids: "Container[int]", limit: float) -> None:
        """Wait until no worker runs one of some cancelled calls; at most so many seconds."""
        self.direct.lend()  # a signal handler may call this, and waits
        self._canceller.await_calls(call_ids, limit)

    @protected
    def join(self, timeout: float | None = None) -> bool:
        """Wait until every call is settled, every interpreter gone, every thread ended.

        For at most `timeout` seconds; return whether it is so. A thread of the pool, in a
        callback, does not wait for the pool's threads.
        """
        state, deadline = self.state, Deadline(timeout)
        while (collectors := state.collectors) is not None:
            self.direct.lend()
            if not collectors.wait(deadline.remaining()):
                return False
            collectors.join()
            if not self.rest.is_off.wait(deadline.remaining()):
                return False
            if collectors is state.collectors:  # else what was submitted during the rest goes on
                break
        return True

    @protected
    def finish(self) -> None:
        """Wait, at the end of the program, but not for stopped calls that do not end.

        In a worker, whose interpreter cannot end beside them, for those, too.
        """
        if self.state.collectors is None:
            return
        if cpython.is_main():
            self.state.is_finished.wait()
        if not self.has_workers() or not cpython.is_main():
            self.join()

    def has_workers(self) -> bool:
        """Say whether a worker's interpreter is there, or is being made."""
        return not self.state.workers.is_empty()

    def after_fork_in_child(self, reason: str) -> bool:
        """Renew the locks; say whether the pool had calls, and is of no use here.

        The calls are the parent's, and their futures say so. They call back nobody: that is
        the parent's business.
        """
        state = self.state
        state.renew_locks()
        self.direct.renew_lock()
        self.rest.forget()
        if state.link is None and state.table.is_clear():
            return False
        state.broken = reason, None
        state.is_closing = True
        state.forget_workers()
        table, error = state.table, state.error_of_broken()
        for source in table.sources:
            source.renew_lock()
        self._dispatcher.end_sources(error)
        asked = [future for future, _ in table.asked.values()]
        for future in (*asked, *table.take_backlog(), *table.close()):
            future._fail_in_child(error)
        return True
