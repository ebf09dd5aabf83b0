"""Broadcasts on the worker's side, in process, with a fake worker: their order, and their end."""

import threading
from inspect import signature
from queue import SimpleQueue

import stoppable
from gates import Gate
from interpexec._sharing.pickling import dumps_call
from interpexec._worker import control
from stops import TIME_LIMIT, Pipe, finish, start


class FakeWorker:
    """Notes what a worker would send to the pool, or do."""

    def __init__(self) -> None:
        self.replies: SimpleQueue[tuple[object, int]] = SimpleQueue()
        self.left: SimpleQueue[str] = SimpleQueue()

    def reply(self, outcome: object, call_id: int) -> None:
        self.replies.put((outcome, call_id))

    def run_beside(self, call_id: int) -> None:
        """Nobody looks."""

    def leave(self) -> None:
        self.left.put("left")

    def answered(self) -> list[int]:
        """Return the ids of what was answered."""
        found = []
        while not self.replies.empty():
            found.append(self.replies.get()[1])
        return found


def _broadcasts() -> tuple[control.Broadcasts, FakeWorker]:
    worker = FakeWorker()
    listeners = len(signature(control.Broadcasts).parameters) - 2
    return control.Broadcasts("test", worker, *[lambda: None] * listeners), worker


def _call(fn: object, *args: object) -> bytes:
    return dumps_call(fn, args, {})  # type: ignore[arg-type]


def _stop(broadcasts: control.Broadcasts, call_id: int) -> None:
    """Do as the helper does."""
    if not broadcasts.forget(call_id):
        broadcasts.calls.interrupt(call_id)


def test_the_worker_ends_while_its_first_broadcast_is_about_to_begin() -> None:
    """A worker that was ready runs what was broadcast, however soon it ends."""
    for _ in range(300):
        broadcasts, worker = _broadcasts()
        broadcasts.add(7, _call(stoppable.same, 5))
        broadcasts.begin()
        finish(start(broadcasts.stop))
        assert worker.answered() == [7]


def test_a_broadcast_after_the_end_is_not_run() -> None:
    """Nor does it start a thread."""
    broadcasts, worker = _broadcasts()
    broadcasts.begin()
    broadcasts.stop()
    before = threading.active_count()
    broadcasts.add(7, _call(stoppable.same, 5))
    assert threading.active_count() == before
    assert worker.answered() == []


def test_a_worker_that_never_was_ready_runs_nothing() -> None:
    """The thread for its broadcasts ends all the same."""
    broadcasts, worker = _broadcasts()
    broadcasts.add(7, _call(stoppable.same, 5))
    finish(start(broadcasts.stop))
    assert worker.answered() == []


def test_an_order_hits_no_other_broadcast(begun: Pipe, door: Gate) -> None:
    """Neither the running one by an order for the next, nor anyone by a late one."""
    broadcasts, worker = _broadcasts()
    broadcasts.begin()
    broadcasts.add(1, _call(stoppable.same, 1))
    assert worker.replies.get(timeout=TIME_LIMIT)[1] == 1
    broadcasts.add(2, _call(stoppable.spin_until, begun.writer, door.handle[1], 2))
    broadcasts.add(3, _call(stoppable.note, begun.writer))
    broadcasts.add(4, _call(stoppable.same, 4))
    begun.hear()
    _stop(broadcasts, 1)
    _stop(broadcasts, 3)
    door.open()
    finish(start(broadcasts.stop))
    assert worker.answered() == [2, 4]
    assert worker.left.empty()
    assert begun.rest() == b""


def test_a_stopped_broadcast_makes_the_worker_leave_once(begun: Pipe) -> None:
    """The worker leaves once, also when the broadcast is stopped twice."""
    broadcasts, worker = _broadcasts()
    broadcasts.begin()
    broadcasts.add(1, _call(stoppable.spin, begun.writer))
    begun.hear()
    _stop(broadcasts, 1)
    _stop(broadcasts, 1)
    assert worker.left.get(timeout=TIME_LIMIT) == "left"
    finish(start(broadcasts.stop))
    assert worker.left.empty()
    assert worker.answered() == []


def test_stopping_short_broadcasts_a_thousand_times() -> None:
    """Each ends, or is stopped, or never begins; those between them are never hit."""
    for _ in range(50):
        broadcasts, worker = _broadcasts()
        broadcasts.begin()
        for number in range(1, 40, 2):
            broadcasts.add(number, _call(stoppable.count_to, 200))
            broadcasts.add(number + 1, _call(stoppable.count_to, 50))
            _stop(broadcasts, number)
        finish(start(broadcasts.stop))
        answers = worker.answered()
        assert answers == sorted(answers)
        assert [number for number in answers if number % 2 == 0] == list(range(2, 41, 2))
