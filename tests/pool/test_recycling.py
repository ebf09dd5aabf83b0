"""`max_tasks_per_child`: a fresh worker after so many calls."""

import os
import sys
import threading
from collections import Counter
from concurrent.futures import wait
from time import monotonic

import pytest

import stoppable
import tasks
from gates import Gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor
from leftovers import interpreters
from repetitions import RECYCLED
from stops import TIME_LIMIT, Pipe, pool_of, see_off, shut_down
from tiers import few


@pytest.mark.parametrize("value", [1.0, 2.5, "1", [], object(), 1j])
def test_a_number_that_is_no_integer_is_refused(value: object) -> None:
    """TypeError, naming the argument."""
    with pytest.raises(TypeError, match="max_tasks_per_child"):
        InterpreterPoolExecutor(1, max_tasks_per_child=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, -(10**30)])
def test_a_number_below_one_is_refused(value: int) -> None:
    """ValueError, naming the argument."""
    with pytest.raises(ValueError, match="max_tasks_per_child"):
        InterpreterPoolExecutor(1, max_tasks_per_child=value)


def test_it_is_keyword_only() -> None:
    """The stdlib's signature comes first, and ends there."""
    with pytest.raises(TypeError):
        InterpreterPoolExecutor(1, "", None, (), 5)  # type: ignore[misc]


def test_none_means_never() -> None:
    """The same worker for all calls."""
    with pool_of(1, max_tasks_per_child=None) as pool:
        assert len(set(pool.map(tasks.interpreter_of, range(50)))) == 1


def test_a_huge_number_is_never_reached() -> None:
    """Nor is it a trouble."""
    with pool_of(1, max_tasks_per_child=10**30) as pool:
        assert len(set(pool.map(tasks.interpreter_of, range(50)))) == 1


@pytest.mark.parametrize("most", few([2, 1, 5]))
@pytest.mark.parametrize("width", few([2, 1]))
def test_each_worker_runs_at_most_so_many(width: int, most: int) -> None:
    """All results arrive, in their order; a worker that is replaced is fresh."""
    with pool_of(width, max_tasks_per_child=most) as pool:
        count = 20
        futures = [pool.submit(stoppable.interpreter) for _ in range(count)]
        others = pool.map(tasks.count_call, range(count))
        runs = Counter(future.result(TIME_LIMIT) for future in futures)
        counts = list(others)
    assert sum(runs.values()) == count
    assert max(runs.values()) <= most
    assert len(counts) == count
    assert max(counts) <= most


def test_one_after_another() -> None:
    """Each call comes after the last one's result; the worker changes when its time has come."""
    with pool_of(1, max_tasks_per_child=3) as pool:
        where = [pool.submit(stoppable.interpreter).result(TIME_LIMIT) for _ in range(12)]
    assert [where.count(each) for each in dict.fromkeys(where)] == [3, 3, 3, 3]


def test_the_successor_is_ready_before_the_predecessor_goes(begun: Pipe, door: Gate) -> None:
    """While the last call of a worker runs, the next worker stands there, and waits."""
    with pool_of(1, max_tasks_per_child=2) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        last = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        begun.hear()
        end = monotonic() + TIME_LIMIT
        while sorted(info.state for info in pool.workers()) != ["idle", "running"]:
            assert monotonic() < end, pool.workers()
        idle = next(info for info in pool.workers() if info.state == "idle")
        assert idle.interpreter_id != where
        waiting = pool.submit(stoppable.interpreter)
        assert wait([waiting], 0.1).done == set()  # it is not this worker's turn
        door.open()
        assert waiting.result(TIME_LIMIT) == idle.interpreter_id
        assert last.result(TIME_LIMIT) == "end"


@pytest.mark.parametrize("most", [1, 2])
def test_never_more_calls_at_once_than_workers(most: int, begun: Pipe, door: Gate) -> None:
    """Successors wait until it is their turn."""
    with pool_of(2, max_tasks_per_child=most) as pool:
        futures = [
            pool.submit(stoppable.knock_and_pass, (begun.writer, door.handle[1]), n)
            for n in range(12)
        ]
        for _ in futures[:-1]:
            begun.hear()
            assert len([info for info in pool.workers() if info.state == "running"]) <= 2
            running = begun.rest()
            assert len(running) <= 1
            os.write(begun.writer, running)
            door.let_in()
        door.let_in()
        assert [future.result(TIME_LIMIT) for future in futures] == list(range(12))


def test_the_initializer_runs_in_each_worker(told: Pipe) -> None:
    """Before its first call."""
    with pool_of(
        1, max_tasks_per_child=2, initializer=stoppable.add_state, initargs=("ready",)
    ) as pool:
        states = [pool.submit(stoppable.add_state).result(TIME_LIMIT) for _ in range(6)]
    assert states == [["ready", None], ["ready", None, None]] * 3
    with pool_of(
        1, max_tasks_per_child=1, initializer=stoppable.note, initargs=(told.writer,)
    ) as pool:
        assert list(pool.map(stoppable.same, range(5))) == list(range(5))
    assert len(told.rest()) >= 5


def test_an_initializer_that_fails_in_a_successor(
    told: Pipe, door: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """The pool is broken, and every call ends."""
    os.write(told.writer, b"12")
    with pool_of(
        1, max_tasks_per_child=1, initializer=stoppable.read_or_fail, initargs=(told.reader,)
    ) as pool:
        futures = [pool.submit(tasks.pass_gate, door.handle) for _ in range(10)]
        door.open()
        assert wait(futures, TIME_LIMIT).not_done == set()
        errors = [future.exception(0) for future in futures]
    assert errors[0] is None
    assert isinstance(errors[-1], BrokenInterpreterPool)
    assert all(isinstance(error, BrokenInterpreterPool | None) for error in errors)
    assert caplog.records


@pytest.mark.parametrize("chunksize", [1, 3, pytest.param(100, marks=pytest.mark.slow)])
def test_maps(chunksize: int) -> None:
    """A chunk counts as one call; nothing is lost, the order stays."""
    with pool_of(2, max_tasks_per_child=2) as pool:
        count = 10 * chunksize
        assert list(pool.map(stoppable.same, range(count), chunksize=chunksize)) == list(
            range(count)
        )
        assert sorted(
            pool.imap_unordered(stoppable.same, range(count), chunksize=chunksize, buffersize=9)
        ) == list(range(count))
        where = list(pool.map(tasks.interpreter_of, range(count), chunksize=chunksize))
        assert max(Counter(where).values()) <= 2 * chunksize


@pytest.mark.parametrize("most", few([1, 2, 3]))
@pytest.mark.parametrize("width", [1, 2])
def test_shutdown_right_after_submit(width: int, most: int) -> None:
    """Every call is done, however the pool is ended."""
    for wait_for_it in (True, False):
        pool = InterpreterPoolExecutor(width, max_tasks_per_child=most)
        futures = [pool.submit(stoppable.same, n) for n in range(10)]
        pool.shutdown(wait=wait_for_it)
        assert [future.result(TIME_LIMIT) for future in futures] == list(range(10))
        shut_down(pool)


def test_shutdown_with_calls_in_the_channel(begun: Pipe, door: Gate) -> None:
    """More calls were sent ahead than the workers that are there may run."""
    pool = InterpreterPoolExecutor(1, max_tasks_per_child=1)
    first = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
    begun.hear()
    pool._scheduler.state.table._ahead = 20
    futures = [pool.submit(stoppable.same, n) for n in range(10)]
    pool.shutdown(wait=False)
    door.open()
    shut_down(pool)
    assert first.result(0) is None
    assert [future.result(0) for future in futures] == list(range(10))


def test_a_dropped_pool() -> None:
    """All submitted calls are done."""
    pool = InterpreterPoolExecutor(1, max_tasks_per_child=1)
    futures = [pool.submit(stoppable.same, n) for n in range(5)]
    del pool
    assert [future.result(TIME_LIMIT) for future in futures] == list(range(5))


@pytest.mark.slow
def test_with_cancelled_calls(begun: Pipe) -> None:
    """A worker that is stopped is replaced by its successor, or by another one."""
    with pool_of(2, max_tasks_per_child=2) as pool:
        for number in range(15):
            running = pool.submit(stoppable.spin, begun.writer)
            other = pool.submit(stoppable.same, number)
            begun.hear()
            assert running.cancel()
            assert other.result(TIME_LIMIT) == number


def test_with_a_blocked_cancelled_call(begun: Pipe, door: Gate) -> None:
    """Its successor takes its place after the grace."""
    with pool_of(1, max_tasks_per_child=1) as pool:
        blocked = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert blocked.cancel()
        for number in range(3):
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number
        door.open()


@pytest.mark.slow
def test_with_time_limits(begun: Pipe) -> None:
    """Both reasons to be replaced in turn."""
    with pool_of(1, max_tasks_per_child=2) as pool:
        limited, free = (pool.with_options(timeout=limit) for limit in (0.1, TIME_LIMIT))
        for number in range(5):
            late = limited.submit(stoppable.spin, begun.writer)
            assert isinstance(late.exception(TIME_LIMIT), TimeoutError)
            assert free.submit(stoppable.same, number).result(TIME_LIMIT) == number


def test_skipped_calls_do_not_count_wrongly(begun: Pipe, door: Gate) -> None:
    """Cancelled calls that never ran lose no result of the others."""
    with pool_of(1, max_tasks_per_child=2) as pool:
        first = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
        begun.hear()
        futures = [pool.submit(stoppable.same, n) for n in range(20)]
        for future in futures[::2]:
            assert future.cancel()
        door.open()
        assert first.result(TIME_LIMIT) is None
        assert [future.result(TIME_LIMIT) for future in futures[1::2]] == list(range(1, 20, 2))


def test_calls_that_fail_count(told: Pipe) -> None:
    """An exception is a call like any other."""
    with pool_of(1, max_tasks_per_child=2) as pool:
        first = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        assert pool.submit(stoppable.fail_with, 1).exception(TIME_LIMIT)
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != first


@pytest.mark.slow
def test_threads_that_submit_meanwhile() -> None:
    """Several threads, many workers that come and go: all results."""
    lost: list[int] = []

    def submit_many(pool: InterpreterPoolExecutor) -> None:
        for number in range(25):
            result = pool.submit(stoppable.same, number).result(TIME_LIMIT)
            lost.extend([number] * (result != number))

    with pool_of(2, max_tasks_per_child=3) as pool:
        threads = [threading.Thread(target=submit_many, args=(pool,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * TIME_LIMIT)
            assert not thread.is_alive()
    assert not lost


def test_old_workers_are_closed() -> None:
    """No interpreter is left but those that work, and their successors."""
    before = interpreters()
    with pool_of(1, max_tasks_per_child=1) as pool:
        for number in range(10):
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number
            see_off(pool)
            # One has worked, and one is its successor.
            assert len(interpreters() - before) <= 2
    assert interpreters() == before


def _resident() -> int:
    """Return the bytes of memory that this process uses."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 14), reason="CPython 3.13 leaks ended interpreters")
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux only")
def test_memory_does_not_grow() -> None:
    """Workers come and go, and give everything back (INTERPEXEC_RECYCLED: how many)."""
    with pool_of(2, max_tasks_per_child=1) as pool:
        assert sum(pool.imap_unordered(stoppable.same, [1] * 300, buffersize=8)) == 300
        see_off(pool)
        before = _resident()
        count = RECYCLED
        assert sum(pool.imap_unordered(stoppable.same, [1] * count, buffersize=8)) == count
        see_off(pool)
        grown = _resident() - before
    # A worker takes 2.4 MB: were a hundredth of each one left, this would be exceeded.
    assert grown < 0.024e6 * count
