"""Workers with an identity: `current_worker()` and the index in `pool.workers()`."""

from functools import partial

import pytest

import losing
import stoppable
import tasks
from gates import Gate, gated
from interpexec import InterpreterPoolExecutor, Worker, current_worker
from stops import TIME_LIMIT, Pipe, pool_of, see_off


def indices_at_once(pool: InterpreterPoolExecutor, gate: Gate, count: int) -> list[int]:
    """Return the indices of so many workers that run a call at the same time."""
    futures = [pool.submit(tasks.pass_gate_and_tell_index, gate.handle) for _ in range(count)]
    gate.await_knocks(count)
    gate.let_in(count)
    return sorted(future.result(TIME_LIMIT) for future in futures)


def test_there_is_none_outside_of_workers() -> None:
    """`current_worker()` is None there, as `current_task()` is."""
    assert current_worker() is None


def test_each_worker_has_an_index_of_its_own() -> None:
    """Indices are 0 to `max_workers - 1`; the name ends in the index, and is the thread's."""
    with gated(partial(InterpreterPoolExecutor, 3, "cook")) as (pool, gate):
        assert indices_at_once(pool, gate, 3) == [0, 1, 2]
        for _ in range(5):
            index, name, thread = pool.submit(tasks.worker_identity).result(TIME_LIMIT)
            assert name == thread == f"cook_{index}"
        infos = pool.workers()
        assert sorted(info.index for info in infos) == [0, 1, 2]
        assert all(info.thread_name == f"cook_{info.index}" for info in infos)


def test_workers_that_start_when_they_are_needed_have_the_first_indices() -> None:
    """One call after the other needs one worker: its index is 0."""
    with pool_of(5) as pool:
        for _ in range(3):
            assert pool.submit(tasks.worker_index).result(TIME_LIMIT) == 0


def test_the_initializer_sees_it_as_broadcasts_and_threads_do() -> None:
    """Everything that runs in the interpreter has the same one."""
    with pool_of(2, initializer=tasks.worker_index) as pool:
        pool.warm()
        told = {each.result(TIME_LIMIT) for each in pool.broadcast(tasks.worker_index_of_thread)}
        assert told == {0, 1}
        for kept in pool.broadcast(tasks.kept_values):
            assert len(set(kept.result(TIME_LIMIT))) == 1


@pytest.mark.parametrize("stopped", [0, 1])
def test_the_replacement_of_a_stopped_worker_has_its_index(stopped: int, begun: Pipe) -> None:
    """No index is lost, and none is new."""
    with gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate):
        assert indices_at_once(pool, gate, 2) == [0, 1]
        calls = [pool.submit(stoppable.spin, begun.writer) for _ in range(2)]
        begun.hear(2)
        assert calls[stopped].cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert calls[1 - stopped].cancel()
        assert indices_at_once(pool, gate, 2) == [0, 1]


def test_the_replacement_of_a_lost_worker_has_its_index() -> None:
    """A crash changes nothing, either."""
    with gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate):
        assert indices_at_once(pool, gate, 2) == [0, 1]
        assert pool.submit(losing.lose_worker).exception(TIME_LIMIT) is not None
        assert indices_at_once(pool, gate, 2) == [0, 1]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_successors_take_over_the_index(most: int) -> None:
    """Successors are made before their predecessors leave, and the range of indices stays."""
    with gated(partial(InterpreterPoolExecutor, 2, max_tasks_per_child=most)) as (pool, gate):
        for _ in range(6):
            assert indices_at_once(pool, gate, 2) == [0, 1]
            assert {info.index for info in pool.workers()} <= {0, 1}


def test_a_worker_that_cannot_be_stopped_keeps_its_index_beside_its_replacement(
    begun: Pipe, door: Gate
) -> None:
    """The stopped worker takes no call any more; the one that does has its index."""
    with pool_of(1) as pool:
        blocked = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert blocked.cancel()
        assert pool.submit(tasks.worker_index).result(TIME_LIMIT) == 0
        infos = {info.state: info for info in pool.workers()}
        assert infos["leaving"].index == 0
        assert infos["leaving"].interpreter_id not in {
            info.interpreter_id for state, info in infos.items() if state != "leaving"
        }
        door.open()
        see_off(pool)


def test_a_worker_prints_itself() -> None:
    """With its index and its name."""
    assert repr(Worker(3, "pool_3")) == "<Worker 3 'pool_3'>"


def test_the_identity_is_the_interpreters_own() -> None:
    """A pool inside of a call has workers of its own; the call's worker is what it was."""
    with pool_of(1) as pool:
        assert pool.submit(tasks.index_inside_and_outside).result(TIME_LIMIT) == (0, 0, "inner_0")
