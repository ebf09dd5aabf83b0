"""`pool.broadcast()`: a call in every worker, beside the calls that run there."""

import threading
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from queue import SimpleQueue

import pytest

import mishaps
import stoppable
import tasks
from gates import Gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, NotShareableError
from leftovers import interpreters
from stops import TIME_LIMIT, Pipe, finish, pool_of, shut_down, start


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


def test_results_and_arguments_that_fail_in_a_broadcast() -> None:
    """A result that cannot be sent is the future's error."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(mishaps.lock)
        assert isinstance(future.exception(TIME_LIMIT), NotShareableError)
        (future,) = pool.broadcast(stoppable.same, mishaps.ExplodesOnArrival())
        assert future.exception(TIME_LIMIT)
        assert pool.broadcast(stoppable.same, 1)[0].result(TIME_LIMIT) == 1


def test_arguments_that_cannot_be_sent_are_refused_at_once() -> None:
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
def test_a_broadcast_just_before_shutdown_is_done() -> None:
    """Again and again: a future of a worker that was ready has its result.

    The worker ends an instant after the helper was given the order.
    """
    for _ in range(150):
        pool = InterpreterPoolExecutor(1)
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.same, 5)
        shut_down(pool)
        assert future.cancelled() or future.result(0) == 5


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
