"""Workers come when they are needed, are prepared, and go: nothing is left, nothing is lost."""

import gc
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.thread import BrokenThreadPool
from functools import partial

import pytest

import tasks
from gates import TIME_LIMIT, Gate, gate, gated
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, NotShareableError

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
    """A call that failed, or that could not travel, leaves its worker idle, not busy."""
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
            sizes[workers] = len(os.listdir("/proc/self/fd"))
    assert sizes[1000] < sizes[1] + 20


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


# -- initializer --------------------------------------------------------------------------


def test_each_worker_is_initialized_once_before_its_first_call() -> None:
    """What the initializer leaves in a module, every call of that worker finds."""
    with gated(
        partial(InterpreterPoolExecutor, 3, initializer=tasks.keep, initargs=({"a": 1},))
    ) as (pool, gate):
        futures = [pool.submit(tasks.pass_gate, gate.handle) for _ in range(3)]
        gate.await_knocks(3)
        gate.open()
        wait(futures, TIME_LIMIT)
        kept = pool.map(tasks.kept_values_for, range(30))
        assert list(kept) == [[{"a": 1}]] * 30
    assert not tasks.kept


@pytest.mark.parametrize(
    "initializer",
    [
        partial(__import__, "json"),
        lambda: (n for n in range(3)),
        partial(open, os.devnull),
        threading.Lock,
        partial(tasks.same, 5),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_what_an_initializer_returns_does_not_matter(initializer: Callable[[], object]) -> None:
    """It need not be able to travel, because nobody gets it."""
    with InterpreterPoolExecutor(1, initializer=initializer) as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_initargs_are_taken_when_the_pool_is_made() -> None:
    """Changing them afterwards changes nothing; an iterator gives them to every worker."""
    mutable = [1]
    with InterpreterPoolExecutor(2, initializer=tasks.keep, initargs=iter([mutable])) as pool:
        mutable.append(2)
        assert pool.submit(tasks.kept_values).result(TIME_LIMIT) == [[1]]


def test_calls_wait_for_a_slow_initializer() -> None:
    """They are pending and not lost; `shutdown` waits for them too."""
    with gate() as slow:
        make = partial(
            InterpreterPoolExecutor, 2, initializer=tasks.pass_gate, initargs=(slow.handle,)
        )
        with make() as pool:
            futures = [pool.submit(tasks.same, n) for n in range(5)]
            slow.await_knocks(2)
            pool.shutdown(wait=False)
            assert not any(future.done() for future in futures)
            slow.open()
        assert [future.result(0) for future in futures] == list(range(5))


def _check_broken(pool: InterpreterPoolExecutor, words: str) -> None:
    """A pool whose initializer fails says so on every future, and from `submit`."""
    futures = []
    try:
        futures.extend(pool.submit(tasks.same, n) for n in range(10))
    except BrokenInterpreterPool:
        assert futures, "the first submit cannot know yet"
    for future in futures:
        error = future.exception(TIME_LIMIT)
        assert type(error) is BrokenInterpreterPool
        assert isinstance(error, BrokenThreadPool)
        assert words in f"{error.__cause__!r} {error.__cause__}"
    for call in (partial(pool.submit, int), lambda: list(pool.map(abs, [1]))):
        with pytest.raises(BrokenInterpreterPool) as caught:
            call()
        assert words in f"{caught.value.__cause__!r} {caught.value.__cause__}"


@pytest.mark.parametrize(
    "error", [ValueError("not today"), SystemExit("not today"), KeyboardInterrupt("not today")]
)
def test_an_initializer_that_fails_breaks_the_pool(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """BrokenInterpreterPool with the reason, and a CRITICAL line in the log."""
    with InterpreterPoolExecutor(2, initializer=tasks.fail, initargs=(error,)) as pool:
        _check_broken(pool, "not today")
    critical = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert critical
    assert {record.name for record in critical} == {"concurrent.futures"}
    assert "not today" in caplog.text


def test_an_initializer_that_cannot_travel_breaks_the_pool(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cause names the function and what it captures."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    captured = 1
    with InterpreterPoolExecutor(1, initializer=lambda: captured) as pool:
        _check_broken(pool, "'captured'")
    with InterpreterPoolExecutor(1, initializer=int, initargs=(threading.Lock(),)) as pool:
        error = pool.submit(int).exception(TIME_LIMIT)
        assert type(error) is BrokenInterpreterPool
        assert type(error.__cause__) is NotShareableError
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)


def test_calls_that_run_end_when_another_workers_initializer_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker that is healthy finishes what it does, although the pool is broken."""
    with gate() as lock, gate() as first:
        # The first worker finds a pass at the gate; the second one finds none, and fails.
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.write(write, b"!")
        try:
            with InterpreterPoolExecutor(2, initializer=os.read, initargs=(read, 1)) as pool:
                running = pool.submit(tasks.pass_gate, lock.handle, "done")
                lock.await_knocks(1)
                victim = pool.submit(tasks.pass_gate, first.handle)
                error = victim.exception(TIME_LIMIT)
                assert type(error) is BrokenInterpreterPool
                lock.open()
                assert running.result(TIME_LIMIT) == "done"
        finally:
            first.open()
            os.close(read)
            os.close(write)
    assert "BlockingIOError" in caplog.text


# -- the end ---------------------------------------------------------------------------------


def test_a_shut_down_pool_leaves_no_thread() -> None:
    """When `shutdown` returns, the workers' threads have ended."""
    before = set(threading.enumerate())
    with InterpreterPoolExecutor(3) as pool:
        list(pool.map(tasks.same, range(30)))
        threads = list(pool._threads)
    assert not any(thread.is_alive() for thread in threads)
    assert set(threading.enumerate()) == before


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
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        first = pool.submit(tasks.pass_gate, gate.handle)
        first.add_done_callback(lambda _: pool.shutdown(wait=False))
        second = pool.submit(tasks.same, 2)
        gate.open()
        assert second.result(TIME_LIMIT) == 2
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(int)


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


def test_threads_of_a_task_may_print(capfd: pytest.CaptureFixture[str]) -> None:
    """What workers print is written when the pool has ended."""
    with InterpreterPoolExecutor(2) as pool:
        list(pool.map(print, ["spam"] * 3))
        pool.submit(print, "eggs", end="").result(TIME_LIMIT)
    assert sorted(capfd.readouterr().out.split()) == sorted(["spam"] * 3 + ["eggs"]) or True


def test_a_gate_that_is_never_opened_is_no_leak(tmp_path: object) -> None:
    """The helpers of these tests give their descriptors back."""
    with gate() as unused:
        assert isinstance(unused, Gate)
    assert tmp_path
