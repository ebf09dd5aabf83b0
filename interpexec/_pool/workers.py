r"""The workers of a pool: which ones there are, which come, and which go.

                  hire                 let_go                  bury
    (nobody) --------------> active ------------> leaving ------------> (nobody)
        \                     ^
         \   hire_successor   | its predecessor is let go
          \----------------> successor

An active worker takes calls; there are never more active workers than the pool is wide.
A leaving worker takes no further call: a call was stopped in it, so that its state may be
half changed; or it has run as many calls as it may; or no call can come any more. Its
interpreter is closed as soon as its last call ends, which may take long where that call
cannot be interrupted. A replacement starts immediately, on another seat, with the same index:
no two workers that take calls have the same one.
"""

from contextlib import suppress
from itertools import chain, count
from time import monotonic

from interpexec._core import memory_tracing
from interpexec._core.sigint import keep_whole
from interpexec._pool import process_end, wake_signal
from interpexec._pool.worker_thread import WorkerThread
from interpexec._worker.wire import FINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from typing import Protocol

    from interpexec._pool.link import Link
    from interpexec._pool.tally import Tally
    from interpexec._pool.worker_thread import Pool

    class Hirer(Pool, Protocol):
        """The part of a pool that its workers use."""

        tally: Tally
        """Where the workers are counted."""

        trace: "Observer | None"

        def other_id(self) -> int:
            """Return the id of a worker, which is no call's."""

    class Observer(Protocol):
        """A trace, as it learns of new workers."""

        def _begins(self, worker: WorkerThread) -> None:
            """See a worker, before it starts."""


keep_whole()


_LEFT_BEHIND = -1.0
"""Stands for the time at which a worker has left that still runs a stopped call."""


class Workers:
    """The workers, by seat. Used under the pool's lock."""

    def __init__(self, pool: "Hirer") -> None:
        self._pool = pool
        self.active: dict[int, WorkerThread] = {}
        self.leaving: dict[int, WorkerThread] = {}
        self._successors: dict[int, WorkerThread] = {}  # by their predecessors' seats

    def everyone(self) -> "Iterator[WorkerThread]":
        """Yield all workers that are not buried yet."""
        return chain(self.active.values(), self._successors.values(), self.leaving.values())

    def present(self) -> "Iterator[WorkerThread]":
        """Yield the workers that take calls, now or soon."""
        return chain(self.active.values(), self._successors.values())

    def is_empty(self) -> bool:
        """Say whether the last worker is buried."""
        return not (self.active or self._successors or self.leaving)

    def is_done(self, grace: float) -> bool:
        """Say whether the only workers left have been leaving for longer than so many seconds."""
        if self.active or self._successors:
            return False
        latest = monotonic() - grace
        return all(worker.left_at <= latest for worker in self.leaving.values())

    def is_abandoned(self) -> bool:
        """Say whether the only workers left still run calls that were stopped."""
        if self.active or self._successors:
            return False
        return all(worker.left_at == _LEFT_BEHIND for worker in self.leaving.values())

    def hire(self, link: "Link") -> None:
        """Start one more worker. RuntimeError, OSError when no thread or descriptor is left.

        RuntimeError also where workers are not safe: see `memory_tracing`.
        """
        taken = {worker.index for worker in self.active.values()}
        index = next(index for index in count() if index not in taken)
        worker = self._start(link, index, is_successor=False)
        self.active[worker.seat] = worker

    def find(self, number: int) -> WorkerThread | None:
        """Return the active worker that has a number."""
        return next((each for each in self.active.values() if each.number == number), None)

    def is_ready(self, number: int) -> None:
        """Note that the worker that has a number takes calls from now on."""
        for worker in self.everyone():
            worker.is_ready = worker.is_ready or worker.number == number

    def hire_successor(self, link: "Link", worker: WorkerThread) -> None:
        """Start a successor, which waits until an active worker leaves its place, and its index.

        Where no thread or descriptor is left, the place is filled when it is vacant.
        """
        if worker.seat not in self._successors:
            with suppress(RuntimeError, OSError):
                self._successors[worker.seat] = self._start(link, worker.index, is_successor=True)

    def _start(self, link: "Link", index: int, *, is_successor: bool) -> WorkerThread:
        memory_tracing.refuse()
        taken = {worker.seat for worker in self.everyone()}
        seat = next((seat for seat in range(link.seats) if seat not in taken), None)
        if seat is None:
            raise RuntimeError("too many workers are blocked in calls that were stopped")
        link.slots.clear(seat)
        number = self._pool.other_id()
        worker = WorkerThread(self._pool, link, (seat, index, is_successor), number)
        if self._pool.trace is not None:
            self._pool.trace._begins(worker)
        try:
            worker.start()
            self._pool.tally.workers.add()
        except BaseException:  # no thread is left
            worker.control.close()
            raise
        return worker

    def let_go(self, worker: WorkerThread) -> bool:
        """Move a worker from active to leaving, as it takes no further call.

        Its successor, if it has one, takes its place. Return whether that is vacant.
        """
        if self.active.get(worker.seat) is not worker:
            return False
        del self.active[worker.seat]
        self.leaving[worker.seat] = worker
        worker.left_at = monotonic()
        successor = self._successors.pop(worker.seat, None)
        if successor is None:
            return True
        self.active[successor.seat] = successor
        successor.control.go()
        return False

    def bury(self, worker: WorkerThread) -> bool:
        """Forget a worker whose interpreter is gone; return whether its place is vacant."""
        is_vacant = self.let_go(worker)
        self.leaving.pop(worker.seat, None)
        # A successor that ended before its time: its initializer failed.
        for seat, successor in list(self._successors.items()):
            if successor is worker:
                del self._successors[seat]
        return is_vacant

    def stop_call(self, link: "Link", call_id: int, name: str) -> None:
        """Have a call stopped that a worker runs, or has just taken to run it.

        Or it is being answered already: then nothing happens.
        """
        signal = wake_signal.number()
        runner = self.runner(link, call_id)
        for worker in self.everyone() if runner is None else (runner,):
            worker.control.stop_call(call_id, signal)
        if runner is not None:
            runner.stopped = call_id, name

    def runner(self, link: "Link", call_id: int) -> WorkerThread | None:
        """Return the worker that runs a call, if it has begun."""
        call = link.slots.call
        return next((each for each in self.everyone() if call(each.seat) == call_id), None)

    def run_any(self, link: "Link", call_ids: "Container[int]") -> bool:
        """Say whether a worker that was not abandoned runs one of some calls."""
        present = (each for each in self.everyone() if each.left_at != _LEFT_BEHIND)
        running = filter(None, (link.slots.call(each.seat) for each in present))
        return any(call_id in call_ids for call_id in running)

    def give_credit(self, number: int, messages: int) -> None:
        """Let a worker forward so many messages more, if it is there."""
        for worker in self.everyone():
            if worker.number == number:
                worker.control.give_credit(messages)

    def abandon(self, link: "Link", call_id: int) -> bool:
        """Let go of the worker that still runs a stopped call, or its finalizer. As `let_go`."""
        worker = self.runner(link, call_id)
        if worker is None:
            return False
        if call_id & FINAL:  # only now: before this it had its grace
            worker.control.stop_call(call_id, wake_signal.number())
        process_end.watch_status()  # it may be left when the program ends
        link.order_to_leave(worker.seat)
        self.hand_back(link, [worker])
        is_vacant = self.let_go(worker)
        worker.left_at = _LEFT_BEHIND
        return is_vacant

    def is_busy(self, link: "Link", *, with_stopped: bool = True) -> bool:
        """Say whether a worker runs a call, an initializer, or what was broadcast.

        with_stopped: also a call that was stopped, and is about to end.
        """
        slots = link.slots
        for each in self.everyone():
            call_id = slots.call(each.seat)
            if call_id and (with_stopped or call_id != each.stopped[0]):
                return True
            if slots.beside(each.seat):
                return True
        return False

    def late(self, link: "Link", latest: float) -> "list[WorkerThread]":
        """Return the active workers whose call began before a time (`monotonic`)."""
        since = ((each, *link.slots.running(seat)) for seat, each in self.active.items())
        return [worker for worker, call_id, begun in since if call_id and begun < latest]

    @staticmethod
    def hand_back(link: "Link", workers: "Iterable[WorkerThread]") -> None:
        """Have workers leave the calls to others that they hold, and have not begun."""
        for worker in workers:
            if link.slots.may_hold(worker.seat):
                worker.control.hand_back()

    def may_begin(self, link: "Link", out: "Container[int]") -> bool:
        """Say whether a worker may take a call before it sends anything.

        out: the calls that the pool waits for. A worker that runs one of these answers it
        first, and one that runs the initializer gives notice. But a worker that runs nothing,
        or a call that is not waited for, sends nothing: it has just answered that call, or
        skips it, as it was stopped.
        """
        runs = [(worker, link.slots.call(seat)) for seat, worker in self.active.items()]
        return any(call_id not in out and call_id != worker.number for worker, call_id in runs)

    def running(self, link: "Link") -> dict[int, float]:
        """Return since when each running call runs, by its id."""
        pairs = (link.slots.running(worker.seat) for worker in self.everyone())
        return {call_id: since for call_id, since in pairs if call_id}
