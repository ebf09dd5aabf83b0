"""Initializers: each worker is prepared once; one that fails breaks the pool, and says why."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import wait
from concurrent.futures.thread import BrokenThreadPool
from functools import partial

import pytest

import tasks
from gates import TIME_LIMIT, gate, gated
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, NotShareableError

pytestmark = pytest.mark.fast

# -- initializer --------------------------------------------------------------------------


def test_each_worker_is_initialized_once_before_its_first_call() -> None:
    """Each call of a worker finds what its initializer left in a module; this side does not."""
    before = list(tasks.kept)
    with gated(
        partial(InterpreterPoolExecutor, 3, initializer=tasks.keep, initargs=({"a": 1},))
    ) as (pool, gate):
        futures = [pool.submit(tasks.pass_gate, gate.handle) for _ in range(3)]
        gate.await_knocks(3)
        gate.open()
        wait(futures, TIME_LIMIT)
        kept = pool.map(tasks.kept_values_for, range(30))
        assert list(kept) == [[{"a": 1}]] * 30
    assert tasks.kept == before


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
def test_the_result_of_an_initializer_does_not_matter(initializer: Callable[[], object]) -> None:
    """The result of an initializer need not be sendable, because nobody gets it."""
    with InterpreterPoolExecutor(1, initializer=initializer) as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_initargs_are_taken_when_the_pool_is_made() -> None:
    """Changing them afterwards changes nothing; an iterator gives them to every worker."""
    mutable = [1]
    with InterpreterPoolExecutor(2, initializer=tasks.keep, initargs=iter([mutable])) as pool:
        mutable.append(2)
        assert pool.submit(tasks.kept_values).result(TIME_LIMIT) == [[1]]


def test_calls_wait_for_a_slow_initializer() -> None:
    """Calls are pending and not lost until it has ended; `shutdown` waits for them, too."""
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
    """Check that a pool whose initializer fails says so on every future, and from `submit`."""
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


def test_an_initializer_that_cannot_be_sent_breaks_the_pool(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The cause names the function and what it captures."""
    captured = threading.Lock()
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
