"""A pool at rest: its interpreters are stopped for a fork, and its calls wait."""

import os
from time import monotonic
from typing import TYPE_CHECKING

import pytest

import tasks
from gates import Gate
from hooked_lock import HookedLock
from interpexec import InterpreterPoolExecutor
from interpexec._pool.scheduler import Scheduler
from interpexec._pool.settings import Settings
from interpexec._pool.state import PoolState
from interpexec._sharing.pickling import dumps_call
from stops import TIME_LIMIT, rest

if TYPE_CHECKING:
    from interpexec._pool import future as future_module


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_idle_pool_survives_a_fork_in_parent_and_child() -> None:
    """Its interpreters are stopped for the fork; without that the child aborts."""
    with InterpreterPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
        child = os.fork()
        if child == 0:  # pragma: no cover  # another process
            os._exit(pool.submit(sum, [40, 2]).result(TIME_LIMIT))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        assert pool.submit(sum, [1, 2]).result(TIME_LIMIT) == 3


def test_calls_submitted_during_a_fork_wait_for_its_end() -> None:
    """Calls are neither lost nor run while the interpreters are stopped."""
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0
        assert rest(pool)
        future = pool.submit(sum, [1, 2])
        assert not pool._threads
        assert not future.running()
        pool._scheduler.rest.end()
        assert future.result(TIME_LIMIT) == 3


def test_calls_submitted_while_the_workers_stop_for_a_fork_wait_too() -> None:
    """The race, in steps: 1. the rest begins; 2. a call comes; 3. the last worker ends."""
    scheduler = Scheduler(PoolState(Settings(1, "test")))
    lock = scheduler.state.lock = HookedLock()  # type: ignore[assignment]
    assert scheduler.submit(dumps_call(int, (), {})).result(TIME_LIMIT) == 0
    futures: list[future_module.CallFuture[object]] = []
    call = dumps_call(sum, ([1, 2],), {})

    def submit() -> None:
        lock._lock.release()
        futures.append(scheduler.submit(call))
        lock._lock.acquire()

    lock.hooks["wait"] = submit
    assert scheduler.rest.begin()
    assert scheduler.rest.wait(monotonic())
    assert not futures[0].done()
    scheduler.rest.end()
    assert futures[0].result(TIME_LIMIT) == 3
    scheduler.close()
    scheduler.join()


def test_a_busy_pool_cannot_rest(door: Gate) -> None:
    """Its calls go on; a fork then warns (see `process_hooks`)."""
    with InterpreterPoolExecutor(1) as pool:
        future = pool.submit(tasks.pass_gate, door.handle)
        door.await_knocks(1)
        assert not rest(pool)
        pool._scheduler.rest.end()
        door.let_in()
        assert future.result(TIME_LIMIT) is None
