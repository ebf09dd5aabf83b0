"""Calls over the control channels: broadcasts, stacks, and the items of a call."""

from interpexec._core.sigint import keep_whole
from interpexec._pool.call_table import check_weight
from interpexec._pool.future import CallFuture
from interpexec._pool.stopping import LOOK_AGAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.future import AnyFuture
    from interpexec._pool.lending import Loan
    from interpexec._pool.owner import Owner
    from interpexec._pool.state import PoolState
    from interpexec._pool.worker_thread import WorkerThread
    from interpexec._sharing.package import Packed

keep_whole()


class ControlCalls:
    """From any thread, without the lock, where nothing else is said."""

    def __init__(self, state: "PoolState", owner: "Owner") -> None:
        """owner: of the futures."""
        self._state = state
        self._owner = owner

    def broadcast(self, dump: "Callable[[], Packed]", name: str) -> "list[AnyFuture]":
        """Run a call in every worker, beside what runs there; return the futures.

        dump: pickles it. Out-of-band data can be received only once.
        """
        state = self._state
        payload = dump()
        with state.lock:
            count = len(list(state.workers.present()))
        check_weight(payload, count)
        once = isinstance(payload, bytes)
        payloads = [payload] * count if once else [payload, *(dump() for _ in range(count - 1))]
        with state.lock:
            state.refuse_if_over()
            pairs = list(zip(state.workers.present(), payloads, strict=False))
            loans = state.table.lend_to_all([each for _, each in pairs])
            return [
                self.ask(worker, name, each, loan)
                for (worker, each), loan in zip(pairs, loans, strict=True)
            ]

    def ask(
        self,
        worker: "WorkerThread",
        name: str,
        payload: "Packed | None",
        loan: "Loan | None" = None,
    ) -> "AnyFuture":
        """Send a worker a call over its control channel. Under the lock.

        payload: the pickled call; None asks for the worker's stack. loan: of the out-of-band
        data.
        """
        future = self.asked(worker, name, loan)
        if payload is None:
            worker.control.ask_stack(future._call_id)
        else:
            worker.control.broadcast(future._call_id, payload)
        return future

    def ask_items(self, call: "AnyFuture", *, takes_outcomes: bool = False) -> "AnyFuture | None":
        """Take from a call the items that it has not begun.

        Return the future of their number, and of the pickled outcomes that were there: None where
        there are none, or they are not wanted, or some can fail to be pickled. When the worker
        ends before that, the future is cancelled. None when the call is not running. If it is
        about to, the sources are told again of idle workers soon.
        """
        state = self._state
        with state.lock:
            link = state.link
            worker = None if link is None else state.workers.runner(link, call._call_id)
            if worker is None:
                if call._call_id in state.table.out and state.clock.expect(LOOK_AGAIN):
                    state.nudge()
                return None
            future = self.asked(worker)
            worker.control.ask_items(future._call_id, call._call_id, takes_outcomes=takes_outcomes)
            return future

    def asked(
        self, worker: "WorkerThread", name: str = "", loan: "Loan | None" = None
    ) -> "AnyFuture":
        """Make the future of what a worker is asked. Under the lock."""
        state = self._state
        future: AnyFuture = CallFuture(state.other_id(), None, self._owner, name)
        future._is_control = True
        future._mark_sent()
        state.table.ask(future, worker, loan)
        return future
