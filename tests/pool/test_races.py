"""Races and deadlocks that a review found, each forced."""

import threading
import weakref
from concurrent.futures import wait
from typing import Never

import pytest

import mishaps
import tasks
from gates import Gate
from interpexec import InterpreterPoolExecutor
from stops import TIME_LIMIT, finish


def test_cancelling_after_shutdown_strands_no_other_call(
    door: Gate,
) -> None:
    """Calls that were sent before the workers were told to end cannot be recalled any more.

    1. calls stand in the request queue; `shutdown` tells the workers to end after them
    2. one of them is cancelled: taking all back would leave them to nobody
    """
    pool = InterpreterPoolExecutor(1)
    first = pool.submit(tasks.pass_gate, door.handle, 1)
    pool._scheduler.state.table._ahead = 10
    others = [pool.submit(tasks.pass_gate, door.handle, 1) for _ in range(10)]
    pool.shutdown(wait=False)
    others[5].cancel()
    door.let_in(11)
    pool.shutdown()
    assert first.done()
    assert all(future.done() for future in others)


def test_a_callback_may_take_a_lock_that_the_waiter_holds(
    door: Gate,
) -> None:
    """A waiting thread gets its result, and the call's callbacks run in another thread."""
    lock, done = threading.Lock(), threading.Event()
    with InterpreterPoolExecutor(1) as pool:
        future = pool.submit(tasks.pass_gate, door.handle, 1)

        def callback(_: object) -> None:
            with lock:
                done.set()

        future.add_done_callback(callback)
        with lock:
            opener = threading.Timer(0, door.let_in)
            opener.start()
            assert future.result(TIME_LIMIT) == 1
        assert done.wait(TIME_LIMIT)
        finish(opener)


def test_a_callback_may_shut_the_pool_down_while_its_call_is_waited_for(
    door: Gate,
) -> None:
    """Neither waits for the other."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(tasks.pass_gate, door.handle, 1)
    future.add_done_callback(lambda _: pool.shutdown())
    opener = threading.Timer(0, door.let_in)
    opener.start()
    assert future.result(TIME_LIMIT) == 1
    pool.shutdown()
    finish(opener)


def test_two_callbacks_may_shut_the_pool_down_at_once(
    door: Gate,
) -> None:
    """Each runs in a thread of the pool; they do not wait for each other's."""
    pool = InterpreterPoolExecutor(2)
    both, ended = threading.Barrier(2), threading.Semaphore(0)

    def shut_down(_: object) -> None:
        both.wait(TIME_LIMIT)
        pool.shutdown()
        ended.release()

    futures = [pool.submit(tasks.pass_gate, door.handle, 1) for _ in range(2)]
    for future in futures:
        future.add_done_callback(shut_down)
    door.let_in(2)
    assert all(ended.acquire(timeout=TIME_LIMIT) for _ in range(2))


def test_a_wait_for_many_learns_of_a_cancelled_one(
    door: Gate,
) -> None:
    """`concurrent.futures.wait` is told when a pending call was cancelled."""
    with InterpreterPoolExecutor(1) as pool:
        futures = [pool.submit(tasks.pass_gate, door.handle, 1) for _ in range(4)]
        waiter = threading.Thread(target=wait, args=(futures,))
        waiter.start()
        assert futures[3].cancel()
        door.let_in(3)
        finish(waiter)


def test_an_executor_is_dropped_while_somebody_holds_the_engines_lock() -> None:
    """Its end is noticed all the same: no lock is needed to say so."""
    pool = InterpreterPoolExecutor(1)
    assert pool.submit(int).result(TIME_LIMIT) == 0
    scheduler = pool._scheduler
    collectors = scheduler.state.collectors
    assert collectors is not None
    with scheduler.state.lock:
        del pool
    collectors.join()
    assert not scheduler.state.workers.active


def test_a_callback_that_raises_anything_while_the_pool_breaks(
    door: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """The other calls fail in their turn, and everything ends."""

    def leave(_: object) -> Never:
        raise SystemExit

    with InterpreterPoolExecutor(
        1, initializer=tasks.pass_gate_and_fail, initargs=(door.handle, StopIteration())
    ) as pool:
        futures = [pool.submit(int) for _ in range(5)]
        futures[0].add_done_callback(leave)
        door.let_in()
        assert all(future.exception(TIME_LIMIT) for future in futures)
    assert caplog.records


@pytest.mark.parametrize("chunksize", [1, 3])
def test_an_item_that_stops_iteration_does_not_end_the_others(chunksize: int) -> None:
    """A StopIteration of the function becomes a RuntimeError, as in generators (PEP 479)."""
    with InterpreterPoolExecutor(1) as pool:
        results = pool.imap_unordered(tasks.fail, [StopIteration()] * 4, chunksize=chunksize)
        for _ in range(4):
            with pytest.raises(RuntimeError, match="StopIteration"):
                next(results)
        assert list(results) == []


def test_a_worker_answers_before_it_frees(door: Gate) -> None:
    """Objects of a call may take long to go; the next call waits for that."""
    with InterpreterPoolExecutor(1) as pool:
        assert (
            pool.submit(type, mishaps.SlowToGo(door.handle[1])).result(TIME_LIMIT)
            is mishaps.SlowToGo
        )
        late = pool.with_options(timeout=TIME_LIMIT).submit(int)
        assert not wait([late], 0.05).done
        door.let_in()
        assert late.result(TIME_LIMIT) == 0


def test_the_future_of_a_failed_call_is_freed_at_once() -> None:
    """The traceback of its exception does not hold it."""
    with InterpreterPoolExecutor(1) as pool:
        for is_done in (True, False):
            future = pool.submit(int, "x")
            if is_done:
                wait([future], TIME_LIMIT)
            with pytest.raises(ValueError, match="x"):
                future.result(TIME_LIMIT)
            freed = threading.Event()
            weakref.finalize(future, freed.set)
            del future
            pool.submit(int).result(TIME_LIMIT)  # the collector holds it no longer
            assert freed.wait(TIME_LIMIT)
