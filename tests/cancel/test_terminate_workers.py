"""`terminate_workers()` and workers that are being made, blocked, recycled, or run broadcasts."""

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from leftovers import interpreters
from stops import TIME_LIMIT, Pipe, finish, shut_down, terminate

pytestmark = pytest.mark.usefixtures("no_termination_limit")


@pytest.mark.usefixtures("long_grace")
def test_an_initializer_that_runs_for_ever(begun: Pipe) -> None:
    """An initializer is interrupted as a call is."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2, initializer=stoppable.spin, initargs=(begun.writer,))
    futures = [pool.submit(stoppable.same, n) for n in range(5)]
    begun.hear(2)
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    assert interpreters() == before


def test_an_initializer_that_is_blocked(begun: Pipe, door: Gate) -> None:
    """A blocked initializer is not waited for; its interpreter is closed when it returns."""
    before = interpreters()
    pool = InterpreterPoolExecutor(
        1, initializer=stoppable.block_in_lock, initargs=((begun.writer, door.handle[1]),)
    )
    future = pool.submit(stoppable.same, 1)
    begun.hear()
    terminate(pool)
    assert future.cancelled()
    door.open()
    shut_down(pool)
    assert interpreters() == before


def test_the_finally_of_an_initializer_is_not_interrupted(
    begun: Pipe, told: Pipe, door: Gate
) -> None:
    """Not by a second termination either."""
    pool = InterpreterPoolExecutor(
        1,
        initializer=stoppable.clean_slowly,
        initargs=(begun.writer, told.writer, door.handle[1]),
    )
    pool.submit(stoppable.same, 1)
    begun.hear()
    terminate(pool)
    assert told.hear() == b"f"
    terminate(pool)
    door.open()
    shut_down(pool)
    assert told.rest() == b"e"


@pytest.mark.slow
def test_a_worker_that_is_just_being_made() -> None:
    """Right after the first submit, again and again."""
    for number in range(20):
        pool = InterpreterPoolExecutor(2)
        futures = [pool.submit(stoppable.same, n) for n in range(number % 5 + 1)]
        terminate(pool)
        for value, future in enumerate(futures):
            assert future.cancelled() or future.result(0) == value


@pytest.mark.parametrize("cancel_running", [True, False])
def test_a_call_that_is_blocked(cancel_running: bool, begun: Pipe, door: Gate) -> None:
    """A blocked call is left after the grace; its interpreter is closed when it returns."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2, cancel_running=cancel_running)
    blocked = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    spinning = pool.submit(stoppable.spin, begun.writer)
    begun.hear(2)
    (name,) = [info.thread_name for info in pool.workers() if info.function == "spin"]
    (spinner,) = [thread for thread in pool._threads if thread.name == name]
    terminate(pool)
    assert blocked.cancelled()
    assert spinning.cancelled()
    finish(spinner)  # on a busy machine its end may take longer than the grace
    assert len(interpreters() - before) == 1
    terminate(pool)
    door.open()
    shut_down(pool)
    assert interpreters() == before


def test_a_call_that_was_blocked_and_cancelled_before(begun: Pipe, door: Gate) -> None:
    """A blocked call that was cancelled before is not waited for."""
    pool = InterpreterPoolExecutor(1)
    blocked = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    begun.hear()
    assert blocked.cancel()
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    terminate(pool)
    door.open()
    shut_down(pool)


def test_a_call_that_swallows_everything(begun: Pipe, told: Pipe, door: Gate) -> None:
    """A call that swallows TaskCancelled is left behind, like one that is blocked."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.stay_after_stop, begun.writer, told.writer, door.handle[1])
    begun.hear()
    terminate(pool)
    assert told.hear() == b"s"
    assert future.cancelled()
    door.open()
    shut_down(pool)


@pytest.mark.usefixtures("long_grace")
def test_a_broadcast_that_runs_for_ever(begun: Pipe) -> None:
    """The running broadcast is interrupted; those behind it are cancelled."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2)
    list(pool.map(stoppable.same, range(10)))
    futures = pool.broadcast(stoppable.spin, begun.writer)
    begun.hear(len(futures))
    futures += pool.broadcast(stoppable.same, 1)
    futures.append(pool.submit(stoppable.spin, begun.writer))
    begun.hear()
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    assert interpreters() == before


def test_a_broadcast_that_is_blocked(begun: Pipe, door: Gate) -> None:
    """A blocked broadcast is not waited for."""
    pool = InterpreterPoolExecutor(1)
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    (future,) = pool.broadcast(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    begun.hear()
    try:
        terminate(pool)
        assert future.cancelled()
    finally:
        door.open()
        shut_down(pool)


def test_a_broadcast_before_the_worker_is_ready(begun: Pipe) -> None:
    """An initializer runs for ever, and something was broadcast meanwhile."""
    pool = InterpreterPoolExecutor(1, initializer=stoppable.spin, initargs=(begun.writer,))
    pool.submit(stoppable.same, 1)
    begun.hear()
    (future,) = pool.broadcast(stoppable.same, 1)
    terminate(pool)
    assert future.cancelled()


@pytest.mark.usefixtures("long_grace")
def test_recycled_workers(begun: Pipe) -> None:
    """Successors that wait for their turn go, too."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2, max_tasks_per_child=1)
    futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(4)]
    begun.hear(2)
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    assert interpreters() == before
