"""`current_task()`: the call as it sees itself, and its shield."""

import pytest

import shielded
import stoppable
import tasks
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


@pytest.mark.slow
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


LIMIT = 5 * TIME_LIMIT


def test_a_call_sees_how_much_time_it_has_left() -> None:
    """Seconds, less and less of them; another thread of the call sees it, too."""
    with pool_of(1) as pool:
        limited = pool.with_options(timeout=LIMIT)
        left = limited.submit(shielded.remaining_here).result(TIME_LIMIT)
        assert left is not None
        assert LIMIT - TIME_LIMIT < left <= LIMIT
        assert limited.submit(shielded.remaining_is_less).result(TIME_LIMIT)


def test_a_call_without_a_limit_has_no_end() -> None:
    """None, also after a call with a limit, in a broadcast, and in the initializer."""
    with pool_of(1, initializer=shielded.note_remaining) as pool:
        pool.with_options(timeout=LIMIT).submit(shielded.remaining_here).result(TIME_LIMIT)
        assert pool.submit(shielded.remaining_here).result(TIME_LIMIT) is None
        assert pool.broadcast(shielded.remaining_here)[0].result(TIME_LIMIT) is None
        assert pool.submit(shielded.remaining_in_initializer).result(TIME_LIMIT) is None


def test_every_kind_of_call_knows_its_limit() -> None:
    """Maps, retries, calls with much data, and calls that were recalled."""
    with pool_of(1) as pool, gate() as door:
        limited = pool.with_options(timeout=LIMIT)
        assert None not in list(limited.map(shielded.remaining_here, range(3)))
        assert None not in list(limited.map(shielded.remaining_here, range(4), chunksize=2))
        again = limited.with_options(retries=1)
        assert again.submit(shielded.remaining_here).result(TIME_LIMIT) is not None
        large = [b"x" * (1 << 20), memoryview(b"spam"), list(range(50_000))]
        for item in large:
            assert limited.submit(shielded.remaining_here, item).result(TIME_LIMIT) is not None
        held = pool.submit(tasks.pass_gate, door.handle)
        door.await_knocks(1)
        small, *others = [limited.submit(shielded.remaining_here, item) for item in ["", *large]]
        for _ in range(3):
            assert limited.submit(shielded.remaining_here).cancel()  # and so the others come back
        door.open()
        assert held.result(TIME_LIMIT) is None
        assert all(each.result(TIME_LIMIT) for each in [small, *others])


def test_nothing_is_left_when_the_time_is_over(told: Pipe) -> None:
    """0.0, in the shield that the interruption waits for."""
    with pool_of(1, initializer=shielded.task_here) as pool:
        late = pool.with_options(timeout=0.2).submit(shielded.remaining_when_over, told.writer)
        assert isinstance(late.exception(TIME_LIMIT), TimeoutError)
        assert told.hear(3) == b"0.0"
