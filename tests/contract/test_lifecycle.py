"""Workers come when they are needed, are prepared, and go: nothing is left, nothing is lost."""

import gc
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

import pytest

import tasks
from gates import TIME_LIMIT, gate, gated
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast

# -- lazy spawning ------------------------------------------------------------------


def test_nothing_is_started_before_the_first_call() -> None:
    """Making a pool starts no thread."""
    before = set(threading.enumerate())
    pool = InterpreterPoolExecutor(4)
    assert set(threading.enumerate()) == before
    assert not pool._threads
    pool.shutdown()


@pytest.mark.parametrize("calls", [3, 30])
def test_calls_made_one_after_another_share_a_worker(calls: int) -> None:
    """A worker that is idle takes the next call; no second one is started."""
    with InterpreterPoolExecutor(4) as pool:
        where = {pool.submit(tasks.interpreter).result(TIME_LIMIT) for _ in range(calls)}
        assert len(where) == 1
        assert len(pool._threads) == 1


def test_failures_and_refusals_start_no_second_worker() -> None:
    """A call that failed, or that could not be sent, leaves its worker idle, not busy."""
    with InterpreterPoolExecutor(4) as pool:
        for _ in range(3):
            assert pool.submit(tasks.divide, 1, 0).exception(TIME_LIMIT)
            assert pool.submit(tasks.same, threading.Lock()).exception(TIME_LIMIT)
        assert len(pool._threads) == 1


def test_a_saturated_pool_has_all_its_workers() -> None:
    """As many as there are calls at once, up to `max_workers`."""
    with gated(partial(InterpreterPoolExecutor, 4)) as (pool, gate):
        for count in range(1, 7):
            pool.submit(tasks.pass_gate, gate.handle)
            assert len(pool._threads) == min(count, 4)
        gate.await_knocks(4)
        assert not gate.has_knock()


def test_every_worker_is_an_interpreter_of_its_own() -> None:
    """None of them is ours; their modules' states are their own."""
    with gated(partial(InterpreterPoolExecutor, 3)) as (pool, gate):
        where = pool.map(tasks.interpreter_behind, [gate.handle] * 3)
        gate.await_knocks(3)
        gate.open()
        assert len({tasks.interpreter(), *where}) == 4


def test_a_large_pool_costs_nothing_before_it_is_needed() -> None:
    """`max_workers` is a limit: a thousand takes no more descriptors than one."""
    sizes = {}
    for workers in (1, 1000):
        with InterpreterPoolExecutor(workers) as pool:
            pool.submit(int).result(TIME_LIMIT)
            sizes[workers] = len(list(Path("/proc/self/fd").iterdir()))
    assert sizes[1000] < sizes[1] + 20


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_pool_outlives_the_lack_of_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """`submit` says that there is none for the first worker; later ones are done without."""
    with gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", _no_thread)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                pool.submit(int)
        futures = [pool.submit(tasks.pass_gate, gate.handle, 0)]
        gate.await_knocks(1)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", _no_thread)
            futures += [pool.submit(tasks.pass_gate, gate.handle, n) for n in range(1, 4)]
        gate.open()
        assert [future.result(TIME_LIMIT) for future in futures] == [0, 1, 2, 3]


# -- names ----------------------------------------------------------------------------


def test_workers_have_names_on_both_sides() -> None:
    """The prefix and a number, in this interpreter and in the worker."""
    with InterpreterPoolExecutor(2, thread_name_prefix="cook") as pool:
        inside = pool.submit(tasks.thread_name).result(TIME_LIMIT)
        assert inside == "cook_0"
        assert [thread.name for thread in pool._threads] == ["cook_0"]
        assert inside in {thread.name for thread in threading.enumerate()}


def test_pools_without_a_prefix_are_told_apart() -> None:
    """Each pool's workers have a name of their own, which tells whose they are."""
    names = set()
    for _ in range(2):
        with InterpreterPoolExecutor(1) as pool:
            names.add(pool.submit(tasks.thread_name).result(TIME_LIMIT))
    assert len(names) == 2
    assert all("InterpreterPoolExecutor" in name for name in names)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads name themselves since 3.14")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_system_knows_the_name_of_a_worker() -> None:
    """`top -H` shows it."""
    with InterpreterPoolExecutor(1, thread_name_prefix="cook") as pool:
        assert pool.submit(tasks.os_thread_name).result(TIME_LIMIT) == "cook_0"


# -- the end ---------------------------------------------------------------------------------


def test_a_shut_down_pool_leaves_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """When `shutdown` returns, the workers' threads have ended, and nothing was to be said."""
    before = set(threading.enumerate())
    with InterpreterPoolExecutor(3) as pool:
        list(pool.map(tasks.same, range(30)))
        threads = list(pool._threads)
    assert not any(thread.is_alive() for thread in threads)
    assert set(threading.enumerate()) == before
    assert not caplog.records


def test_several_threads_may_shut_a_pool_down() -> None:
    """Each `shutdown` returns, and not before the calls are done."""
    with (
        ThreadPoolExecutor(4) as callers,
        gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate),
    ):
        future = pool.submit(tasks.pass_gate, gate.handle, 1)
        gate.await_knocks(1)
        enders = [callers.submit(pool.shutdown) for _ in range(4)]
        assert not any(ender.done() for ender in enders)
        gate.open()
        for ender in enders:
            ender.result(TIME_LIMIT)
            assert future.done()


def test_a_callback_may_shut_its_pool_down_without_waiting() -> None:
    """The pool then ends when what was submitted is done."""
    ended = threading.Event()
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):

        def end(_: object) -> None:
            pool.shutdown(wait=False)
            ended.set()

        pool.submit(tasks.pass_gate, gate.handle).add_done_callback(end)
        second = pool.submit(tasks.same, 2)
        gate.open()
        assert ended.wait(TIME_LIMIT)
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(int)
        assert second.result(TIME_LIMIT) == 2


def test_a_dropped_pool_is_freed_and_ends() -> None:
    """Neither its threads nor its futures keep the executor alive."""
    pool = InterpreterPoolExecutor(2)
    futures = [pool.submit(tasks.same, n) for n in range(10)]
    threads, reference = list(pool._threads), weakref.ref(pool)
    del pool
    gc.collect()
    assert reference() is None
    assert [future.result(TIME_LIMIT) for future in futures] == list(range(10))
    for thread in threads:
        thread.join(TIME_LIMIT)
        assert not thread.is_alive()


def test_a_pool_may_be_dropped_by_the_callback_of_its_last_call() -> None:
    """The end of a pool may begin in any of its own threads."""
    ended = threading.Event()
    holder = [InterpreterPoolExecutor(1)]

    def drop(_: object) -> None:
        holder.clear()
        gc.collect()
        ended.set()

    with gate() as lock:
        holder[0].submit(tasks.pass_gate, lock.handle).add_done_callback(drop)
        lock.open()
        assert ended.wait(TIME_LIMIT)
        _join_workers()


def _join_workers() -> None:
    """Wait for the threads of pools that were dropped."""
    for thread in threading.enumerate():
        if "InterpreterPoolExecutor" in thread.name:
            thread.join(TIME_LIMIT)
            assert not thread.is_alive()


def test_a_task_may_leave_a_thread_behind() -> None:
    """`shutdown` waits until a thread that a task started in its worker has ended."""
    with gate() as lock:
        pool = InterpreterPoolExecutor(1)
        pool.submit(tasks.leave_thread, lock.handle).result(TIME_LIMIT)
        lock.await_knocks(1)
        with ThreadPoolExecutor(1) as caller:
            ender = caller.submit(pool.shutdown)
            assert not wait([ender], 0.05).done
            lock.open()
            ender.result(TIME_LIMIT)


def test_a_task_may_leave_an_executor_behind() -> None:
    """A pool of threads that a task made and did not shut down ends with the worker."""
    with InterpreterPoolExecutor(2) as pool:
        assert list(pool.map(tasks.leave_thread_pool, range(6))) == [n + 1 for n in range(6)]


@pytest.mark.parametrize("leave", [False, True])
def test_a_task_may_use_a_pool_of_its_own(leave: bool) -> None:
    """A pool inside a worker works; it ends with the worker if it was not shut down."""
    with InterpreterPoolExecutor(2) as pool:
        for _ in range(2):
            assert pool.submit(tasks.use_inner_pool, [1, 2, 3], leave=leave).result(TIME_LIMIT) == [
                2,
                4,
                6,
            ]


def test_a_task_may_close_its_output() -> None:
    """The worker goes on, and ends without a complaint."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(tasks.close_output).result(TIME_LIMIT)
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_output_of_workers_is_written_when_the_pool_ends(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Their standard output and error are flushed."""
    with InterpreterPoolExecutor(1) as pool:
        list(pool.map(print, ["spam"] * 3))
        pool.submit(print, "eggs").result(TIME_LIMIT)
        pool.submit(tasks.print_error, "bacon").result(TIME_LIMIT)
    written = capfd.readouterr()
    assert sorted(written.out.split()) == ["eggs", "spam", "spam", "spam"]
    assert written.err == "bacon"
