"""`pool.broadcast()`: a call in every worker, beside the calls that run there."""

import threading
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from inspect import signature
from queue import SimpleQueue

import pytest

import mishaps
import shielded
import stoppable
import tasks
from gates import Gate, gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, NotShareableError
from interpexec._sharing.pickling import dumps_call
from interpexec._worker import control as callbacks
from leftovers import interpreters
from stops import TIME_LIMIT, Pipe, await_sleep, finish, pool_of, shut_down, start


def test_there_is_one_future_for_each_worker(begun: Pipe, door: Gate) -> None:
    """There is none before there are workers; each interpreter runs it once."""
    with pool_of(3) as pool:
        assert pool.broadcast(stoppable.interpreter) == []
        running = [
            pool.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(3)
        ]
        begun.hear(3)
        futures = pool.broadcast(stoppable.interpreter)
        assert len(futures) == 3
        where = {future.result(TIME_LIMIT) for future in futures}
        assert len(where) == 3
        assert where <= interpreters()
        assert not any(future.done() for future in running)
        door.open()


def test_it_runs_beside_a_running_call(begun: Pipe, door: Gate) -> None:
    """A broadcast runs in the call's interpreter, and sees the module that the call uses."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        assert pool.submit(stoppable.add_state, "from a call").result(TIME_LIMIT)
        running = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        begun.hear()
        (state,) = pool.broadcast(stoppable.add_state, "from outside")
        assert state.result(TIME_LIMIT) == ["from a call", "from outside"]
        (here,) = pool.broadcast(stoppable.interpreter)
        assert here.result(TIME_LIMIT) == where
        door.open()
        assert running.result(TIME_LIMIT) == "end"


def test_it_runs_beside_a_blocked_call(begun: Pipe, door: Gate) -> None:
    """A call that waits in C without the GIL is no obstacle."""
    with pool_of(1) as pool:
        running = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert pool.broadcast(stoppable.same, 5)[0].result(TIME_LIMIT) == 5
        door.open()
        assert running.result(TIME_LIMIT) == "through"


def test_arguments_and_keywords() -> None:
    """All arguments and keywords are the function's."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(tasks.arguments, 1, 2, fn=3, self=4, timeout=5)
        assert future.result(TIME_LIMIT) == ((1, 2), {"fn": 3, "self": 4, "timeout": 5})
        (future,) = pool.broadcast(lambda n: n * 2, 4)
        assert future.result(TIME_LIMIT) == 8


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_an_exception_is_the_futures(kind: type[BaseException]) -> None:
    """The future has the exception, and the worker goes on."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        (future,) = pool.broadcast(tasks.fail, kind("why"))
        assert isinstance(future.exception(TIME_LIMIT), kind)
        assert pool.broadcast(stoppable.interpreter)[0].result(TIME_LIMIT) == where
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) == where


def test_what_cannot_come_back() -> None:
    """A result that cannot be sent is the future's error."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(mishaps.lock)
        assert isinstance(future.exception(TIME_LIMIT), NotShareableError)
        (future,) = pool.broadcast(stoppable.same, mishaps.ExplodesOnArrival())
        assert future.exception(TIME_LIMIT)
        assert pool.broadcast(stoppable.same, 1)[0].result(TIME_LIMIT) == 1


def test_what_cannot_be_sent_is_refused_at_once() -> None:
    """With the argument's name; before there are workers, too."""
    with pool_of(1) as pool:
        for _ in range(2):
            with pytest.raises(NotShareableError, match=r"args\[1\]"):
                pool.broadcast(stoppable.same, 1, threading.Lock())
            with pytest.raises(NotShareableError, match="kwargs"):
                pool.broadcast(stoppable.same, value=threading.Lock())
            pool.submit(stoppable.same, 1).result(TIME_LIMIT)


def test_bad_functions_are_refused() -> None:
    """TypeError, naming the argument."""
    with pool_of(1) as pool:
        for wrong in (42, None, "f"):
            with pytest.raises(TypeError, match="fn"):
                pool.broadcast(wrong)
        with pytest.raises(TypeError):
            pool.broadcast()


def test_after_shutdown(begun: Pipe) -> None:
    """RuntimeError, whether or not there were workers, or still are."""
    pool = InterpreterPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.broadcast(stoppable.same, 1)
    pool = InterpreterPoolExecutor(1)
    running = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.broadcast(stoppable.same, 1)
    assert running.cancel()
    shut_down(pool)


def test_after_the_pool_broke() -> None:
    """`broadcast` raises then what `submit` raises."""
    with pool_of(1, initializer=stoppable.fail_with, initargs=(1,)) as pool:
        assert pool.submit(stoppable.same, 1).exception(TIME_LIMIT)
        with pytest.raises(BrokenInterpreterPool):
            pool.broadcast(stoppable.same, 1)
        assert not issubclass(BrokenInterpreterPool, BrokenProcessPool)


def test_the_order_is_kept_in_each_worker(begun: Pipe, door: Gate) -> None:
    """One after another, as they were broadcast."""
    with pool_of(2) as pool:
        running = [
            pool.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(2)
        ]
        begun.hear(2)
        for number in range(100):
            futures = pool.broadcast(stoppable.add_state, number)
        for future in futures:
            assert future.result(TIME_LIMIT) == list(range(100))
        door.open()
        assert [future.result(TIME_LIMIT) for future in running] == [None, None]


def test_it_runs_after_the_initializer(begun: Pipe, door: Gate) -> None:
    """A worker that is being made is counted, and runs it when it is ready."""
    with pool_of(
        1, initializer=stoppable.knock_and_pass, initargs=((begun.writer, door.handle[1]),)
    ) as pool:
        pool.submit(stoppable.same, 1)
        begun.hear()
        (future,) = pool.broadcast(stoppable.same, 5)
        assert wait([future], 0.2).done == set()
        door.open()
        assert future.result(TIME_LIMIT) == 5


def test_shutdown_waits_for_what_was_broadcast(begun: Pipe, told: Pipe, door: Gate) -> None:
    """Broadcasts are run in their order before the end, also those that have not begun."""
    pool = InterpreterPoolExecutor(1)
    pool.submit(stoppable.same, 1).result(TIME_LIMIT)
    futures = pool.broadcast(stoppable.knock_and_pass, (begun.writer, door.handle[1]))
    for number in range(10):
        futures += pool.broadcast(stoppable.note, told.writer, bytes([number]))
    begun.hear()
    with pool._scheduler.state.lock:
        (worker,) = pool._scheduler.state.workers.active.values()
        answer = pool._scheduler.control_calls.ask(worker, "stack", None)
    answer.result(TIME_LIMIT)  # it has come behind the orders
    closing = start(pool.shutdown)
    closing.join(0.2)
    assert closing.is_alive()
    door.open()
    finish(closing)
    assert told.rest() == bytes(range(10))
    assert [future.result(0) for future in futures] == [None] * 11


@pytest.mark.slow
def test_what_is_broadcast_just_before_shutdown_is_done() -> None:
    """Again and again: a future of a worker that was ready has its result.

    The worker ends an instant after the helper was given the order.
    """
    for _ in range(150):
        pool = InterpreterPoolExecutor(1)
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.same, 5)
        shut_down(pool)
        assert future.cancelled() or future.result(0) == 5


def test_a_broadcast_can_be_cancelled(begun: Pipe, told: Pipe) -> None:
    """A cancelled broadcast is interrupted, and its worker is replaced."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert future.cancelled()
        assert wait([future], 0).done == {future}
        assert told.hear(13) == b"TaskCancelled"
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where


def test_a_worker_that_sleeps_takes_no_call_after_a_stopped_broadcast(begun: Pipe) -> None:
    """The stopped broadcast has changed something by half; the next call must not find that."""
    with pool_of(1) as pool:
        for _ in range(10):
            where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
            (future,) = pool.broadcast(stoppable.spin, begun.writer)
            begun.hear()
            await_sleep(pool)
            assert future.cancel()
            assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where


def test_the_worker_is_replaced_after_its_call(begun: Pipe, told: Pipe, door: Gate) -> None:
    """The call beside a broadcast that was cancelled comes to its end, with its result."""
    with pool_of(1) as pool:
        running = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        begun.hear()
        (where,) = pool.broadcast(stoppable.interpreter)
        (future,) = pool.broadcast(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(13) == b"TaskCancelled"
        assert not running.done()
        next_one = pool.submit(stoppable.interpreter)
        door.open()
        assert running.result(TIME_LIMIT) == "end"
        assert next_one.result(TIME_LIMIT) != where.result(TIME_LIMIT)


def test_a_cancelled_broadcast_that_has_not_begun_never_runs(
    begun: Pipe, told: Pipe, door: Gate
) -> None:
    """However many there are; the others run, and the worker stays."""
    count = 3000
    with pool_of(1) as pool, gate() as other_door:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        pool.submit(stoppable.block_in_read, (begun.writer, other_door.handle[1]))
        pool.broadcast(stoppable.knock_and_pass, (begun.writer, door.handle[1]))
        begun.hear(2)
        futures = [pool.broadcast(stoppable.note, told.writer)[0] for _ in range(count)]
        (last,) = pool.broadcast(stoppable.same, 5)
        assert all(future.cancel() for future in futures)
        assert "block_in_read" in pool.dump_stacks(TIME_LIMIT)  # the orders have been heard
        (after,) = pool.broadcast(stoppable.interpreter)
        door.open()
        assert last.result(TIME_LIMIT) == 5
        assert after.result(TIME_LIMIT) == where
        other_door.open()
    assert told.rest() == b""


def test_a_broadcast_never_delays_a_cancel(begun: Pipe, told: Pipe) -> None:
    """While one runs for ever, and others wait behind it, a call is stopped."""
    with pool_of(1) as pool:
        running = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        futures = pool.broadcast(stoppable.spin, begun.writer)
        begun.hear()
        futures += pool.broadcast(stoppable.same, 1)
        assert running.cancel()
        assert told.hear(13) == b"TaskCancelled"
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5
        assert all(future.cancel() for future in futures)


def test_a_worker_that_ends_before_cancels_it(begun: Pipe) -> None:
    """A broadcast that an initializer's failure overtakes."""
    with pool_of(
        1, initializer=stoppable.spin_until, initargs=(begun.writer, begun.reader)
    ) as pool:
        # The initializer spins until there is something in its own pipe: at once.
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
    assert begun.rest() == b"!"
    pool = InterpreterPoolExecutor(1, initializer=stoppable.spin, initargs=(begun.writer,))
    pool.submit(stoppable.same, 1)
    begun.hear()
    futures = pool.broadcast(stoppable.same, 1)
    pool.terminate_workers()
    assert all(future.cancelled() for future in futures)


def test_cancel_running_false_holds_for_broadcasts(begun: Pipe, door: Gate) -> None:
    """A running broadcast is not stopped then, and `cancel()` says so."""
    with pool_of(1, cancel_running=False) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.spin_until, begun.writer, door.handle[1], "end")
        begun.hear()
        assert not future.cancel()
        door.open()
        assert future.result(TIME_LIMIT) == "end"


def test_cancelling_a_finished_broadcast_is_false() -> None:
    """As for calls; twice is True again."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.same, 5)
        assert future.result(TIME_LIMIT) == 5
        assert not future.cancel()


def test_callbacks_of_a_broadcast(begun: Pipe) -> None:
    """Callbacks run once, and may use the pool."""
    seen: SimpleQueue[object] = SimpleQueue()
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (good,) = pool.broadcast(stoppable.same, 5)
        good.add_done_callback(
            lambda future: seen.put(
                (
                    future.result(),
                    pool.submit(stoppable.same, 6).result(TIME_LIMIT),
                    pool.broadcast(stoppable.same, 7)[0].result(TIME_LIMIT),
                )
            )
        )
        assert seen.get(timeout=TIME_LIMIT) == (5, 6, 7)
        (bad,) = pool.broadcast(stoppable.spin, begun.writer)
        bad.add_done_callback(lambda future: seen.put(future.cancelled()))
        begun.hear()
        assert bad.cancel()
        assert seen.get(timeout=TIME_LIMIT) is True
    assert seen.empty()


def test_current_task_in_a_broadcast(begun: Pipe, told: Pipe) -> None:
    """A broadcast is a task of its own: it sees its own cancelling, and may shield itself."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        assert pool.broadcast(shielded.task_here)[0].result(TIME_LIMIT) == (True, False)
        (future,) = pool.broadcast(shielded.poll_shielded, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(3) == b"ucf"


def test_from_several_threads(begun: Pipe, door: Gate) -> None:
    """While calls are submitted and workers come."""
    results: SimpleQueue[int] = SimpleQueue()

    def broadcast() -> None:
        for number in range(50):
            for future in pool.broadcast(stoppable.same, number):
                results.put(future.result(TIME_LIMIT) - number)

    with pool_of(3) as pool:
        threads = [start(broadcast) for _ in range(3)]
        for number in range(300):
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number
        for thread in threads:
            finish(thread)
    while not results.empty():
        assert results.get() == 0


def test_in_recycled_workers() -> None:
    """Workers come and go beneath: each future ends, with its value or cancelled."""
    with pool_of(2, max_tasks_per_child=1) as pool:
        calls, futures = [], []
        for number in range(15):
            calls.append(pool.submit(stoppable.same, number))
            futures += pool.broadcast(stoppable.same, 5)
        assert [call.result(TIME_LIMIT) for call in calls] == list(range(15))
    assert wait(futures, TIME_LIMIT).not_done == set()
    assert all(future.cancelled() or future.result(0) == 5 for future in futures)


# -- the worker's side, in process, with a fake worker-----------------------------------------


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


def _broadcasts() -> tuple[callbacks.Broadcasts, FakeWorker]:
    worker = FakeWorker()
    listeners = len(signature(callbacks.Broadcasts).parameters) - 2
    return callbacks.Broadcasts("test", worker, *[lambda: None] * listeners), worker


def _call(fn: object, *args: object) -> bytes:
    return dumps_call(fn, args, {})  # type: ignore[arg-type]


def _stop(broadcasts: callbacks.Broadcasts, call_id: int) -> None:
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


def test_what_is_added_after_the_end_is_not_run() -> None:
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
