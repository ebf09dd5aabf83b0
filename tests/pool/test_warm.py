"""`warm()`: all workers at once, before there are calls."""

import threading
from time import monotonic

import pytest

import tasks
from gates import Gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor
from stops import TIME_LIMIT, finish, start

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("workers", [1, 3])
def test_all_workers_are_ready_when_it_returns(workers: int) -> None:
    """None of them is still starting, and none is started twice."""
    with InterpreterPoolExecutor(workers) as pool:
        for _ in range(2):
            pool.warm()
            assert [worker.state for worker in pool.workers()] == ["idle"] * workers
        assert pool.submit(abs, -1).result(TIME_LIMIT) == 1


def test_it_waits_for_the_initializers(door: Gate) -> None:
    """`warm()` waits for the initializers, which may take long; without `wait` it does not."""
    with InterpreterPoolExecutor(2, initializer=tasks.pass_gate, initargs=(door.handle,)) as pool:
        pool.warm(wait=False)
        done: list[bool] = []

        def warm() -> None:
            pool.warm()
            done.append(True)

        thread = start(warm)
        door.await_knocks(2)
        assert {worker.state for worker in pool.workers()} == {"starting"}
        assert not done
        door.open()
        finish(thread)
        assert done


@pytest.mark.filterwarnings("ignore")
def test_an_initializer_that_fails_is_told() -> None:
    """By the same error as `submit` raises from then on."""
    with InterpreterPoolExecutor(2, initializer=tasks.fail, initargs=(LookupError("no"),)) as pool:
        with pytest.raises(BrokenInterpreterPool):
            pool.warm()
        with pytest.raises(BrokenInterpreterPool):
            pool.warm(wait=False)


def test_a_pool_that_was_shut_down_cannot_be_warmed() -> None:
    """As it takes no calls."""
    pool = InterpreterPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.warm()


def test_a_thread_in_warm_is_released_when_the_pool_ends(door: Gate) -> None:
    """With the error that a call would get."""
    pool = InterpreterPoolExecutor(1, initializer=tasks.pass_gate, initargs=(door.handle,))
    errors: list[type[BaseException]] = []

    def warm() -> None:
        try:
            pool.warm()
        except RuntimeError as error:
            errors.append(type(error))

    thread = start(warm)
    door.await_knocks(1)
    pool.terminate_workers()
    finish(thread)
    door.open()
    assert errors == [RuntimeError]


def test_after_a_worker_was_replaced(door: Gate) -> None:
    """Its successor counts, whether it has begun to work or not."""
    with InterpreterPoolExecutor(2, max_tasks_per_child=1) as pool:
        pool.warm()
        for _ in range(4):
            pool.submit(int).result(TIME_LIMIT)
        limit = threading.Timer(TIME_LIMIT, pool.terminate_workers)
        limit.start()
        pool.warm()
        limit.cancel()
        limit.join()
        end = monotonic() + TIME_LIMIT
        # A worker that has just answered its only call may seem to run it for a moment yet.
        while [each.state for each in pool.workers() if each.state != "leaving"] != ["idle"] * 2:
            assert monotonic() < end, pool.workers()
