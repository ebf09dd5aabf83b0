"""The collector: takes the replies of workers, settles the futures, and runs their callbacks.

One thread at a time leads (`leader`). Its turns:

    1. stop the calls that were cancelled in the middle of another move
    2. do the next step of the list: settle a call, bury a worker, run callbacks
    3. end, when the pool is closed, the last worker gone, and nothing left to do
    4. else sleep until replies come, somebody nudges, or the clock is due; put what follows
       from them on the list

A step may run the user's code and block. Then another thread leads meanwhile.
"""

import logging
from concurrent.futures import _base
from functools import partial

from interpexec._core.sigint import keep_whole
from interpexec._pool.call_ends import cancel_all, fail_lost, log_failure
from interpexec._pool.direct_wait import DirectWait
from interpexec._pool.stopping import GRACE
from interpexec._sharing import raised
from interpexec._worker import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.call_table import Entries
    from interpexec._pool.cancelling import Canceller
    from interpexec._pool.dispatch import Dispatcher
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.losses import Losses
    from interpexec._pool.state import PoolState
    from interpexec._pool.stopping import Stopper
    from interpexec._sharing.package import Packed
    from interpexec._worker.wire import Message

keep_whole()

_logger = logging.getLogger("interpexec")

_FAULT = "there was a fault in its collector"


class Collector:
    """Used by the thread that leads, without the lock, where nothing else is said."""

    def __init__(
        self,
        state: "PoolState",
        dispatcher: "Dispatcher",
        losses: "Losses",
        canceller: "Canceller",
        stopper: "Stopper",
    ) -> None:
        self._state = state
        self._dispatcher = dispatcher
        self._losses = losses
        self._canceller = canceller
        self._stopper = stopper
        self._failed: Callable[[], object] | None = None
        """The step that has failed last, and is done once more."""
        self.direct = DirectWait(state, self.receive, self.settle)
        dispatcher.lead = self.lead

    def lead(self, link: "Link") -> bool:
        """Collect until the last worker is gone and no call can come: then True.

        False when another thread leads now.
        """
        collectors = self._state.collectors
        assert collectors is not None
        while collectors.is_leading():
            try:
                if self._take_turn(link):
                    return True
            except BaseException as error:  # memory ran out, or a fault of ours
                self._break(error)
        return False

    def _break(self, error: BaseException) -> None:
        """Break the pool, and go on: its calls are still to be ended, each with an error."""
        try:
            self._losses.break_pool(_FAULT, error)
            _base.LOGGER.critical("Exception in collector:", exc_info=error)
        except BaseException:  # noqa: S110  # memory is still short: the next turn tries again
            pass

    def _take_turn(self, link: "Link") -> bool:
        """Do the next thing; return whether it was the last one."""
        state = self._state
        state.table.released.clear()  # here, since destructors are the user's code
        if state.cancelled:
            with state.lock:
                self._canceller.stop_all_cancelled(link)
        if state.is_breaking:
            self._losses.fail_unbegun()
        if state.todo:
            self._work_off(link)
            return False
        if self._is_over(link):
            return self._end(link)
        self._wait(link)
        return False

    def _work_off(self, link: "Link") -> None:
        """Do the steps of the list, as long as this thread leads."""
        state = self._state
        todo, collectors, clock = state.todo, state.collectors, state.clock
        while todo and collectors is not None and collectors.is_leading():
            step = todo.popleft()
            if type(step) is tuple:
                self.settle(*step)
            else:
                self._do(step)  # type: ignore[arg-type]  # it is no tuple
            if clock.remaining() == 0:  # the step may have taken long
                with state.lock:
                    if clock.is_due():
                        self._canceller.look_at_clock(link)

    def _do(self, step: "Callable[[], object]") -> None:
        """Do a step that is no answer; once more, later, if it fails."""
        try:
            step()
        except BaseException:  # a worker must be buried, though memory ran out
            if step is not self._failed:
                self._failed = step
                self._state.todo.appendleft(step)
            raise

    def _wait(self, link: "Link") -> None:
        """Wait for replies; put what is to be done about them on the list."""
        state = self._state
        replies = link.wait(state.clock.remaining())
        with state.lock:
            # In this order: a worker that is gone has put its last replies into `arrived`.
            gone = len(state.gone)
            replies.extend(state.arrived.popleft() for _ in range(len(state.arrived)))
            self.receive(link, replies, state.todo)
            for _ in range(gone):
                state.todo.append(partial(self._losses.bury, link, *state.gone[0]))
                state.gone.popleft()  # now, lest it is lost where memory runs out
            if state.clock.is_due():
                self._canceller.look_at_clock(link)

    def receive(self, link: "Link", replies: "list[Message]", entries: "Entries") -> None:
        """Take the answered calls off the table, and send others. Under the lock."""
        state, table = self._state, self._state.table
        table.settle(replies, entries)
        if table.unwanted:
            unwanted, table.unwanted = table.unwanted, []
            state.leave_to_collector(partial(cancel_all, unwanted))
        if state.broken and table.backlog:  # they came back
            state.is_breaking = True
            state.nudge()
        self._dispatcher.feed(link)
        self._dispatcher.look_for_idle()
        if replies:
            self._stopper.replies_came()

    def settle(self, future: "AnyFuture | None", payload: "Packed", kind: int) -> None:
        """Finish a call, or act on a worker's notice. From any thread."""
        try:
            if future is not None:
                future._settle(payload, kind)
            else:  # a notice, or the call was stopped
                self._act_on_notice(payload, kind & ~wire.AFTER_MAIN)
        except BaseException as error:
            # A callback raised something that is no Exception, or memory ran out. This thread
            # must go on, and so must the threads that wait for the call.
            if future is not None:
                future._finish(error=error)
            log_failure()

    def _act_on_notice(self, payload: "Packed", kind: int) -> None:
        """Do what a worker's notice asks for."""
        if kind == wire.NOT_READY:
            self._losses.initializer_failed(raised.revive(payload))
        elif kind == wire.FORWARDED and (forwarded := self._state.settings.forwarded) is not None:
            forwarded.handle(payload, self._give_credit)
        elif kind == wire.REFUSED:
            from interpexec._pool import refusals  # most workers load all that they import

            refusals.note(self._state, payload)
        elif kind == wire.NOT_FINALIZED:
            name, pool = self._state.settings.finalizer.name, self._state.name
            error = raised.revive(payload)
            _logger.error("The finalizer %s of %s has failed:", name, pool, exc_info=error)
        elif kind in {wire.READY, wire.RETIRING, wire.LEAVING}:
            with self._state.lock:
                self._act_on_move(wire.worker_of(payload), kind)

    def _give_credit(self, number: int, messages: int) -> None:
        with self._state.lock:
            self._state.workers.give_credit(number, messages)

    def _act_on_move(self, number: int, kind: int) -> None:
        """Note that a worker is ready, soon leaves, or leaves. Under the lock."""
        state, dispatcher = self._state, self._dispatcher
        workers, worker = state.workers, state.workers.find(number)
        if kind == wire.READY:
            dispatcher.unready = 0
            workers.is_ready(number)
            state.tell_watchers()
            dispatcher.look_for_idle()
        elif kind == wire.RETIRING:
            is_wanted = not (state.broken or state.is_resting)
            if worker is not None and state.link is not None and is_wanted:
                workers.hire_successor(state.link, worker)
        else:
            if worker is not None and workers.let_go(worker):
                dispatcher.fill_vacancy()
            dispatcher.dispatch()
            state.tell_watchers()

    # -- the end ------------------------------------------------------------------------

    def _is_over(self, link: "Link") -> bool:
        """Say whether the last worker is gone and no call can come any more."""
        state = self._state
        table, workers = state.table, state.workers
        with state.lock:
            if not state.is_closing and not state.is_rest_wanted:
                return False
            state.tell_watchers()
            self._dispatcher.feed(link)
            is_done = state.is_closing and table.is_clear()
            if is_done and workers.is_done(GRACE):
                state.is_quiet.open()
            if is_done and workers.is_abandoned():
                state.is_finished.open()
            is_over = workers.is_empty() and not (state.gone or state.arrived or state.todo)
            if is_over and state.is_rest_wanted:
                table.recall(link)  # what no worker has begun is done after the fork
            state.is_ending = is_over
        if is_over:
            state.nudge_direct()  # a thread that waits for a recalled call waits elsewhere now
        return is_over

    def _end(self, link: "Link") -> bool:
        """Give everything back, and return True: the collector's last step.

        False if there are calls that no worker has answered: they fail first.
        """
        state = self._state
        # A thread that waits directly leaves now; it may have the last reply in its hands.
        with self.direct.lock, state.lock:
            state.is_ending = False
            if left := state.table.close():
                fail = self._losses.fail if state.broken else fail_lost
                state.todo.extend(partial(fail, future) for future in left)
            if state.todo:
                if not state.is_resting:
                    self._dispatcher.dispatch()  # the fork is over already
                return False  # that thread left its callbacks, or calls are to fail
            self._give_back(link)
        return True

    def _give_back(self, link: "Link") -> None:
        """Give the link back. Under both locks."""
        state = self._state
        with state.waking:
            state.link = None
        state.tell_watchers()
        self.direct.destroy(link)
        self._dispatcher.leave()
        if state.is_closing and state.table.is_clear():
            state.settings.release()
        if not state.is_resting:  # the fork is over already
            self._dispatcher.resume()
