"""`current_task()`: the call as it sees itself, and its shield."""

import shielded
import stoppable
from gates import gate
from interpexec import current_task
from stops import TIME_LIMIT, Pipe, finish, pool_of, start


def test_there_is_no_task_in_the_main_interpreter() -> None:
    """Neither in its main thread nor in another one."""
    assert current_task() is None
    found: list[object] = []
    finish(start(lambda: found.append(current_task())))
    assert found == [None]


def test_the_task_of_a_call() -> None:
    """A call has one, a thread that it starts has none."""
    with pool_of(1) as pool:
        assert pool.submit(shielded.task_here).result(TIME_LIMIT) == (True, False)
        assert not pool.submit(shielded.task_in_thread).result(TIME_LIMIT)
        assert pool.submit(shielded.task_here).result(TIME_LIMIT) == (True, False)
        assert list(pool.map(shielded.shield_in_passing, range(6), chunksize=3)) == list(range(6))


def test_a_shield_delays_the_interruption(begun: Pipe, told: Pipe) -> None:
    """`cancelled()` becomes True inside; TaskCancelled is raised at its end."""
    with pool_of(1) as pool:
        future = pool.submit(shielded.poll_shielded, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert future.cancelled()
        assert told.hear(3) == b"ucf"
    assert told.rest() == b""


def test_shields_can_be_nested(begun: Pipe, told: Pipe) -> None:
    """The end of the outermost one raises."""
    with pool_of(1) as pool:
        future = pool.submit(shielded.poll_nested, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(3) == b"ioc"
    assert told.rest() == b""


def test_a_shield_costs_nothing_else() -> None:
    """Values and exceptions pass; the next call is as any other."""
    with pool_of(1) as pool:
        assert pool.submit(shielded.shield_in_passing, 5).result(TIME_LIMIT) == 5
        error = pool.submit(shielded.fail_under_shield, LookupError(5)).exception(TIME_LIMIT)
        assert isinstance(error, LookupError)
        assert pool.submit(shielded.task_here).result(TIME_LIMIT) == (True, False)


def test_the_call_after_one_that_used_a_shield_can_be_stopped(begun: Pipe, told: Pipe) -> None:
    """Even if it never left the shield."""
    with pool_of(1) as pool:
        for function in (shielded.shield_in_passing, stoppable.same):
            pool.submit(function, 1).result(TIME_LIMIT)
        pool.submit(shielded.leave_shield_open).result(TIME_LIMIT)
        future = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(13) == b"TaskCancelled"


def test_only_the_calls_own_thread_may_use_the_shield() -> None:
    """RuntimeError elsewhere."""
    with pool_of(1) as pool:
        assert pool.submit(shielded.shield_elsewhere).result(TIME_LIMIT) == "RuntimeError"


def test_a_task_may_be_watched_from_another_thread(begun: Pipe, told: Pipe) -> None:
    """A thread of the call sees that it was cancelled."""
    with pool_of(1) as pool:
        future = pool.submit(shielded.watch_from_thread, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"t"


def test_a_time_limit_cancels_the_task_too(begun: Pipe, told: Pipe) -> None:
    """A time limit waits for the end of the shield to raise; the future does not wait."""
    # The module is imported before the call's time begins.
    with pool_of(1, initializer=shielded.task_here) as pool:
        future = pool.with_options(timeout=1).submit(
            shielded.poll_shielded, begun.writer, told.writer
        )
        assert isinstance(future.exception(TIME_LIMIT), TimeoutError)
        assert told.hear(3) == b"ucf"


def test_a_long_shield_costs_the_pool_no_width(begun: Pipe, told: Pipe) -> None:
    """A worker that stays in one is replaced after the grace, as one that is blocked."""
    with pool_of(1) as pool, gate() as door:
        future = pool.submit(shielded.stay_shielded, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5
        assert not told.has_word()
        door.open()
        assert told.hear() == b"u"
