"""A pool steps aside for a fork (`fork_rest`), whatever it does then."""

import threading
from time import monotonic

import pytest

import slow_pickles
import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from interpexec._pool import fork_rest, worker_thread
from stops import (
    TIME_LIMIT,
    Pipe,
    await_direct_wait,
    finish,
    pool_of,
    rest,
    start,
)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a fork wait for calls for as long as a test may take."""
    monkeypatch.setattr(fork_rest, "PATIENCE", TIME_LIMIT)
    monkeypatch.setattr(fork_rest, "LIMIT", TIME_LIMIT)


def rest_in_thread(pool: InterpreterPoolExecutor) -> tuple[threading.Thread, list[bool]]:
    """Have a pool step aside; return when its workers are told to leave."""
    rested: list[bool] = []
    begun = threading.Event()

    def step_aside() -> None:
        assert pool._scheduler.rest.begin()
        begun.set()
        rested.append(pool._scheduler.rest.wait(monotonic()))

    thread = start(step_aside)
    assert begun.wait(TIME_LIMIT)
    return thread, rested


def test_a_fork_while_a_result_is_unpickled(door: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the thread that waited for it in the collector's place, and forks now."""
    rested: list[object] = []

    def fork() -> None:
        rested.append(threading.get_ident())
        rested.append(rest(pool))
        pool._scheduler.rest.end()

    with pool_of(1) as pool:
        pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        monkeypatch.setattr(slow_pickles, "on_unpickling", fork)
        future = pool.submit(slow_pickles.pass_and_make, door.handle)
        waiter = start(future.result, TIME_LIMIT)
        await_direct_wait(pool._scheduler.state.link)
        door.open()
        ident = waiter.ident
        finish(waiter)
        assert rested == [ident, True]
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1


def test_a_fork_in_a_callback(patience: None) -> None:
    """By the collector: another thread collects meanwhile."""
    rested: list[bool] = []

    def fork(_: object) -> None:
        rested.append(rest(pool))
        pool._scheduler.rest.end()

    with pool_of(1) as pool:
        future = pool.submit(stoppable.same, 1)
        future.add_done_callback(fork)
        assert future.result(TIME_LIMIT) == 1
        assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2
    assert rested == [True]


def test_shutdown_waits_for_what_came_during_the_rest() -> None:
    """Calls that came during the rest are done after it, by workers with an initializer."""
    pool = InterpreterPoolExecutor(1, initializer=stoppable.add_state, initargs=("prepared",))
    pool.submit(stoppable.interpreter).result(TIME_LIMIT)
    assert rest(pool)
    future = pool.submit(stoppable.add_state, "called")
    closing = start(pool.shutdown)
    closing.join(0.05)
    assert closing.is_alive()
    pool._scheduler.rest.end()
    finish(closing)
    assert future.result(0) == ["prepared", "called"]


def test_a_pool_that_is_closed_while_its_workers_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that were submitted before are done after the rest, with the initializer."""
    pool = InterpreterPoolExecutor(1, initializer=stoppable.add_state, initargs=("prepared",))
    pool.submit(stoppable.interpreter).result(TIME_LIMIT)
    ends, may_end = threading.Event(), threading.Event()
    destroy = worker_thread.Interpreter.destroy

    def wait_and_destroy(self: worker_thread.Interpreter) -> None:
        ends.set()
        assert may_end.wait(TIME_LIMIT)
        destroy(self)

    with monkeypatch.context() as patch:
        patch.setattr(worker_thread.Interpreter, "destroy", wait_and_destroy)
        resting, _ = rest_in_thread(pool)
        assert ends.wait(TIME_LIMIT)
        future = pool.submit(stoppable.add_state, "called")
        pool.shutdown(wait=False)
        may_end.set()
        finish(resting)
    pool._scheduler.rest.end()
    assert future.result(TIME_LIMIT) == ["prepared", "called"]
    pool.shutdown()


# -- nearly idle -----------------------------------------------------------


def test_a_call_that_ends_soon_is_waited_for(patience: None, door: Gate) -> None:
    """A pool is not taken for busy because of the last steps of its last call."""
    with pool_of(2) as pool:
        future = pool.submit(stoppable.knock_and_pass, door.handle)
        door.await_knocks(1)
        resting, rested = rest_in_thread(pool)
        door.open()
        finish(resting)
        assert rested == [True]
        assert future.done()
        pool._scheduler.rest.end()


def test_broadcasts_are_waited_for(patience: None, door: Gate) -> None:
    """Its answer comes before its worker has taken the last step."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.knock_and_pass, door.handle)
        door.await_knocks(1)
        resting, rested = rest_in_thread(pool)
        door.open()
        finish(resting)
        assert rested == [True]
        future.result(TIME_LIMIT)
        pool._scheduler.rest.end()


def test_a_worker_that_retires(patience: None, door: Gate) -> None:
    """Its successor, which waits for its end, ends, too; and none is made during the rest."""
    with pool_of(1, max_tasks_per_child=1) as pool:
        future = pool.submit(stoppable.knock_and_pass, door.handle)
        door.await_knocks(1)
        resting, rested = rest_in_thread(pool)
        door.open()
        finish(resting)
        assert rested == [True]
        future.result(TIME_LIMIT)
        pool._scheduler.rest.end()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1


def test_calls_that_no_worker_has_begun_are_recalled(patience: None, door: Gate) -> None:
    """Recalled calls are done after the fork; a thread that waits for one goes on waiting."""
    with pool_of(1) as pool:
        first = pool.submit(stoppable.knock_and_pass, door.handle)
        door.await_knocks(1)
        others = [pool.submit(stoppable.same, number) for number in range(5)]
        results: list[object] = []
        waiter = start(lambda: results.append(others[0].result(TIME_LIMIT)))
        resting, rested = rest_in_thread(pool)
        door.open()
        finish(resting)
        assert rested == [True]
        assert first.done()
        assert not any(each.done() for each in others)
        pool._scheduler.rest.end()
        assert [each.result(TIME_LIMIT) for each in others] == list(range(5))
        finish(waiter)
        assert results == [0]


def test_a_thread_that_waits_directly_for_a_call_that_is_recalled(
    patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race, in steps.

    1. a thread waits for the only call in the collector's place, and the worker is being made
    2. the worker is told to leave, before it takes the call
    3. it is gone: the call is recalled, and the thread has to give that place up
    """
    may_begin = threading.Event()
    create = worker_thread.Interpreter.__init__

    def wait_and_create(self: worker_thread.Interpreter) -> None:
        assert may_begin.wait(TIME_LIMIT)
        create(self)

    monkeypatch.setattr(worker_thread.Interpreter, "__init__", wait_and_create)
    with pool_of(1) as pool:
        future = pool.submit(stoppable.same, 1)
        waiter = start(future.result, TIME_LIMIT)
        await_direct_wait(pool._scheduler.state.link)
        resting, rested = rest_in_thread(pool)
        may_begin.set()
        finish(resting)
        assert rested == [True]
        assert not future.running()
        pool._scheduler.rest.end()
        finish(waiter)
        assert future.result(0) == 1


# -- busy ------------------------------------------------------------------


def test_a_stopped_call_is_waited_for(
    begun: Pipe, told: Pipe, door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork has more patience with it than with a call that runs: it is about to end."""
    monkeypatch.setattr(fork_rest, "PATIENCE", 0.0)
    monkeypatch.setattr(fork_rest, "STOPPING", TIME_LIMIT)
    with pool_of(1) as pool:
        future = pool.submit(stoppable.clean_slowly, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"f"
        resting, rested = rest_in_thread(pool)
        door.open()
        finish(resting)
        assert rested == [True]
        pool._scheduler.rest.end()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1


def test_a_rest_that_is_called_off(door: Gate) -> None:
    """The call that took too long goes on, and so do those behind it, in order."""
    with pool_of(2) as pool:
        pool.warm()
        first = pool.submit(stoppable.knock_and_pass, door.handle)
        door.await_knocks(1)
        assert not rest(pool)
        others = [pool.submit(stoppable.same, number) for number in range(5)]
        assert not any(each.running() for each in others)
        pool._scheduler.rest.end()
        assert [each.result(TIME_LIMIT) for each in others] == list(range(5))
        assert first.running()
        door.open()
        first.result(TIME_LIMIT)


def test_a_pool_that_is_closed_during_a_rest_that_is_called_off(door: Gate) -> None:
    """The pool ends when its calls have ended."""
    pool = InterpreterPoolExecutor(1)
    first = pool.submit(stoppable.knock_and_pass, door.handle)
    door.await_knocks(1)
    assert not rest(pool)
    pool.shutdown(wait=False)
    pool._scheduler.rest.end()
    door.open()
    first.result(TIME_LIMIT)
    finish(start(pool.shutdown))


def test_a_worker_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has left a thread behind: a fork does not wait for that for ever."""
    ends, may_end = threading.Event(), threading.Event()
    destroy = worker_thread.Interpreter.destroy

    def wait_and_destroy(self: worker_thread.Interpreter) -> None:
        ends.set()
        assert may_end.wait(TIME_LIMIT)
        destroy(self)

    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        with monkeypatch.context() as patch:
            patch.setattr(worker_thread.Interpreter, "destroy", wait_and_destroy)
            patch.setattr(fork_rest, "LIMIT", 0.01)
            assert not rest(pool)
            assert ends.wait(TIME_LIMIT)
            may_end.set()
            pool._scheduler.rest.end()
            assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2


def test_a_fork_in_the_middle_of_a_move() -> None:
    """By a destructor: the pool cannot be stopped then, and goes on."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        with pool._scheduler.state.lock:
            assert not pool._scheduler.rest.begin()
            pool._scheduler.rest.end()
        assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2
