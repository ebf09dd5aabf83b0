"""`pool.workers()`: what each worker is, and what it is doing."""

import _interpchannels
import threading
from time import monotonic

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from leftovers import interpreters
from stops import TIME_LIMIT, Pipe, finish, pool_of, shut_down, start


def await_states(pool: InterpreterPoolExecutor, *states: str) -> None:
    """Return when the workers are in these states."""
    end = monotonic() + TIME_LIMIT
    while sorted(info.state for info in pool.workers()) != sorted(states):
        assert monotonic() < end, pool.workers()


def channels() -> set[int]:
    """Return the channels of the process."""
    return {int(each) for each, *_ in _interpchannels.list_all()}


def test_there_are_no_workers_before_the_first_call() -> None:
    """Nor after the end."""
    pool = InterpreterPoolExecutor(2)
    assert pool.workers() == []
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    assert len(pool.workers()) == 1
    shut_down(pool)
    assert pool.workers() == []


def test_the_channels_of_messages_are_the_newest_ones_of_a_pool() -> None:
    """CPython looks through newer ones to find a channel; and none is left behind."""
    before = channels()
    with pool_of(3) as pool:
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        pool.warm()
        state = pool._scheduler.state
        assert state.link is not None
        messages = {queue._fifo.id for queue in (state.link._requests, state.link._replies)}
        others = channels() - before - messages
        assert len(others) == 2 * 3
        assert max(others) < min(messages)
    assert channels() == before


def test_the_fields_of_a_worker_info(begun: Pipe, door: Gate) -> None:
    """A `WorkerInfo` has interpreter, thread and state; the call and its time; a count of calls."""
    with pool_of(1, "Name") as pool:
        for number in range(3):
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        await_states(pool, "idle")
        (info,) = pool.workers()
        assert isinstance(info, tuple)
        assert info._fields == (
            *("interpreter_id", "thread_name", "state", "function", "seconds", "calls", "index"),
        )
        assert type(info).__name__ == "WorkerInfo"
        assert info == (where, info.thread_name, "idle", None, None, 4, 0)
        assert info.thread_name.startswith("Name")
        assert info.thread_name in {thread.name for thread in threading.enumerate()}
        begin = monotonic()
        future = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
        begun.hear()
        (first,), (second,) = pool.workers(), pool.workers()
        assert (first.state, first.function) == ("running", "spin_until")
        assert first.calls == 4
        assert first.seconds is not None
        assert second.seconds is not None
        assert 0 <= first.seconds <= second.seconds <= monotonic() - begin
        door.open()
        assert future.result(TIME_LIMIT) is None
        await_states(pool, "idle")
        assert pool.workers()[0].calls == 5


def test_a_worker_that_is_being_made(begun: Pipe, door: Gate) -> None:
    """A worker is "starting" until its initializer has run."""
    with pool_of(
        1, initializer=stoppable.spin_until, initargs=(begun.writer, door.handle[1])
    ) as pool:
        future = pool.submit(stoppable.same, 1)
        assert pool.workers()[0].state == "starting"
        begun.hear()
        (info,) = pool.workers()
        assert info.state == "starting"
        assert info.calls == 0
        assert info.interpreter_id in interpreters()
        door.open()
        assert future.result(TIME_LIMIT) == 1
        await_states(pool, "idle")


def test_a_worker_that_leaves(begun: Pipe, door: Gate) -> None:
    """One whose call was stopped and does not end: what it runs is still told."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        await_states(pool, "idle", "leaving")
        leaving = next(info for info in pool.workers() if info.state == "leaving")
        assert leaving.function == "block_in_lock"
        assert leaving.seconds is not None
        door.open()
        await_states(pool, "idle")


def test_several_workers(begun: Pipe, door: Gate) -> None:
    """Each for itself."""
    with pool_of(3) as pool:
        futures = [
            pool.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(3)
        ]
        begun.hear(3)
        infos = pool.workers()
        assert [info.state for info in infos] == ["running"] * 3
        assert len({info.interpreter_id for info in infos}) == 3
        assert len({info.thread_name for info in infos}) == 3
        door.open()
        assert [future.result(TIME_LIMIT) for future in futures] == [None] * 3


@pytest.mark.parametrize("chunksize", [1, 2])
def test_the_function_of_a_map(chunksize: int, begun: Pipe, door: Gate) -> None:
    """The function that is named is the user's, also in chunks."""
    with pool_of(1) as pool:
        results = pool.map(
            stoppable.spin_until, [begun.writer] * 2, [door.handle[1]] * 2, chunksize=chunksize
        )
        begun.hear()
        assert pool.workers()[0].function == "spin_until"
        door.open()
        assert list(results) == [None, None]


@pytest.mark.slow
def test_asking_all_the_time() -> None:
    """While workers come, run, are stopped and go: every answer makes sense."""
    stop = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        while not stop.is_set():
            for info in pool.workers():
                fits = {
                    "starting": info.calls == 0,
                    "idle": info.function is None and info.seconds is None,
                    "running": info.seconds is not None and 0 <= info.seconds < 60,
                    "leaving": True,
                }
                if not fits.get(info.state):
                    wrong.append(info)

    with pool_of(2, max_tasks_per_child=3) as pool:
        asking = start(ask)
        try:
            for number in range(60):
                future = pool.submit(stoppable.count_to, 10_000 * (number % 5))
                if number % 4 == 0:
                    future.cancel()
            assert list(pool.map(stoppable.same, range(20))) == list(range(20))
        finally:
            stop.set()
            finish(asking)
    assert wrong == []
