"""A pool steps aside for a fork (`rest`, `resume`), whatever else goes on meanwhile."""

import threading

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor, _home, _process
from interpexec._relay import Relay
from stops import TIME_LIMIT, await_direct_wait, finish, pool_of, start


def test_a_fork_while_a_result_is_unpickled(door: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the thread that waited for it in the collector's place, and forks now."""
    rested: list[object] = []

    def fork() -> None:
        rested.append(threading.get_ident())
        rested.append(pool._engine.rest())
        pool._engine.resume()

    with pool_of(1) as pool:
        pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        monkeypatch.setattr(stoppable, "at_home", fork)
        future = pool.submit(stoppable.pass_and_make, door.handle)
        waiter = start(future.result, TIME_LIMIT)
        await_direct_wait(pool._engine.crossing)
        door.open()
        ident = waiter.ident
        finish(waiter)
        assert rested == [ident, True]
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1


def test_a_rest_that_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes just then: the pool goes on after the fork."""

    def wait(_relay: Relay) -> None:
        raise KeyboardInterrupt

    with pool_of(1) as pool:
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Relay, "wait", wait)
            _process._before_fork()
        pool._engine._relay.wait()  # type: ignore[union-attr]  # it has one
        _process._after_fork_in_parent()
        assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2


def test_shutdown_waits_for_what_came_during_the_rest() -> None:
    """It is done after the rest, by workers that the initializer has prepared."""
    pool = InterpreterPoolExecutor(1, initializer=stoppable.add_state, initargs=("prepared",))
    pool.submit(stoppable.interpreter).result(TIME_LIMIT)
    assert pool._engine.rest()
    future = pool.submit(stoppable.add_state, "called")
    closing = start(pool.shutdown)
    closing.join(0.05)
    assert closing.is_alive()
    pool._engine.resume()
    finish(closing)
    assert future.result(0) == ["prepared", "called"]


def test_a_pool_that_is_closed_while_its_workers_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was submitted before that is done after the rest, with the initializer."""
    pool = InterpreterPoolExecutor(1, initializer=stoppable.add_state, initargs=("prepared",))
    pool.submit(stoppable.interpreter).result(TIME_LIMIT)
    ends, may_end = threading.Event(), threading.Event()
    destroy = _home.Interpreter.destroy

    def wait_and_destroy(self: _home.Interpreter) -> None:
        ends.set()
        assert may_end.wait(TIME_LIMIT)
        destroy(self)

    with monkeypatch.context() as patch:
        patch.setattr(_home.Interpreter, "destroy", wait_and_destroy)
        resting = start(pool._engine.rest)
        assert ends.wait(TIME_LIMIT)
        future = pool.submit(stoppable.add_state, "called")
        pool.shutdown(wait=False)
        may_end.set()
        finish(resting)
    pool._engine.resume()
    assert future.result(TIME_LIMIT) == ["prepared", "called"]
    pool.shutdown()
