"""Cancelling a call that runs: its worker is replaced, also where the call blocks in C."""

import asyncio
from collections.abc import Callable

import pytest

import stoppable
from gates import Gate, gate
from interpexec import InterpreterPoolExecutor
from leftovers import interpreters
from stops import TIME_LIMIT, WAKES, Pipe, finish, pool_of, shut_down, start

BLOCKS = [
    pytest.param(stoppable.block_in_lock, id="lock"),
    pytest.param(
        stoppable.block_in_read,
        id="read",
        marks=pytest.mark.skipif(WAKES, reason="CPython 3.15 wakes os.read"),
    ),
]


# -- the worker ------------------------------------------------------------


def test_the_worker_is_replaced_by_a_fresh_one(begun: Pipe, told: Pipe) -> None:
    """Another interpreter, modules as new, the initializer runs again."""
    with pool_of(1, initializer=stoppable.note, initargs=(told.writer,)) as pool:
        assert pool.submit(stoppable.add_state, 1).result(TIME_LIMIT) == [1]
        assert pool.submit(stoppable.add_state, 2).result(TIME_LIMIT) == [1, 2]
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        future = pool.submit(stoppable.spin_in_state, begun.writer)
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.add_state, 3).result(TIME_LIMIT) == [3]
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where
        assert told.hear(2) == b"!!"
    assert told.rest() == b""


def test_other_workers_stay(begun: Pipe, door: Gate) -> None:
    """Only the interrupted worker is replaced; the calls of the others go on."""
    with pool_of(2) as pool:
        other = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "undisturbed")
        begun.hear()
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert not other.done()
        door.open()
        assert other.result(TIME_LIMIT) == "undisturbed"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_blocked_worker_is_replaced_too(
    block: Callable[..., str], begun: Pipe, told: Pipe, door: Gate
) -> None:
    """The pool keeps its width; the interpreter is closed when the call returns."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        future = pool.submit(block, (begun.writer, door.handle[1]), told.writer)
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where
        assert not told.has_word()
        assert where in interpreters()
        (owner,) = pool._scheduler.state.workers.leaving.values()
        door.let_in()
        assert told.hear() == b"e"
        owner.join(TIME_LIMIT)
        assert where not in interpreters()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1


def test_a_wide_pool_keeps_its_width(begun: Pipe, door: Gate) -> None:
    """As many calls as before run at the same time while as many are blocked."""
    with pool_of(3) as pool:
        for _ in range(2):
            blocked = [
                pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
                for _ in range(3)
            ]
            begun.hear(3)
            assert all(future.cancel() for future in blocked)
        with gate() as other:
            futures = [pool.submit(stoppable.knock_and_pass, other.handle, n) for n in range(6)]
            other.await_knocks(3)  # at the same time
            assert not other.has_knock()
            other.open()
            assert [future.result(TIME_LIMIT) for future in futures] == list(range(6))
        door.open()


@pytest.mark.parametrize("block", BLOCKS)
def test_shutdown_waits_for_a_blocked_call(
    block: Callable[..., str], begun: Pipe, door: Gate
) -> None:
    """`shutdown(wait=True)` returns when its interpreter is gone, and not before."""
    before = interpreters()
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(block, (begun.writer, door.handle[1]))
    begun.hear()
    assert future.cancel()
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    closing = start(pool.shutdown)
    closing.join(0.3)
    assert closing.is_alive()
    door.open()
    finish(closing)
    assert interpreters() == before


def test_shutdown_right_after_cancel_waits_for_the_blocked_call(begun: Pipe, door: Gate) -> None:
    """Within the grace, too."""
    before = interpreters()
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    begun.hear()
    assert future.cancel()
    closing = start(pool.shutdown)
    closing.join(0.3)
    assert closing.is_alive()
    door.open()
    finish(closing)
    assert interpreters() == before


def test_calls_behind_a_blocked_call_are_done_after_shutdown(begun: Pipe, door: Gate) -> None:
    """Calls that were submitted before lose nothing by it."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    others = [pool.submit(stoppable.same, n) for n in range(20)]
    begun.hear()
    pool.shutdown(wait=False)
    assert future.cancel()
    assert [other.result(TIME_LIMIT) for other in others] == list(range(20))
    door.open()
    shut_down(pool)


def test_a_call_that_stays_after_its_stop_is_replaced(begun: Pipe, told: Pipe, door: Gate) -> None:
    """As one that is blocked: for it swallowed TaskCancelled, and goes on."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.stay_after_stop, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"s"
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        door.open()


def test_a_dropped_pool_with_a_cancelled_call_ends(begun: Pipe) -> None:
    """Nobody needs to shut it down (the fixture looks)."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    del pool
    assert future.cancel()


def test_a_pool_in_a_worker_stops_its_calls(begun: Pipe) -> None:
    """A pool that a call makes in its worker can do the same."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.cancel_inside, begun.writer, begun.reader)
        assert future.result(TIME_LIMIT) == (True, 5)


# -- asyncio ---------------------------------------------------------------


def test_asyncio_timeout_stops_the_work(begun: Pipe, told: Pipe) -> None:
    """`asyncio.timeout()` around `run_in_executor`: the call's `finally` runs."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                call = loop.run_in_executor(
                    pool, stoppable.spin_and_tell, begun.writer, told.writer
                )
                await loop.run_in_executor(None, begun.hear)
                limit.reschedule(loop.time() + 0.2)
                await call
        assert await loop.run_in_executor(None, told.hear, 13) == b"TaskCancelled"
        assert await loop.run_in_executor(pool, stoppable.same, 5) == 5

    with pool_of(1) as pool:
        asyncio.run(main(pool))


def test_cancelling_an_asyncio_task_stops_the_work(begun: Pipe, told: Pipe) -> None:
    """`task.cancel()` reaches the call that the task awaits, and no other one."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        loop = asyncio.get_running_loop()

        async def work() -> None:
            await loop.run_in_executor(pool, stoppable.spin_and_clean, begun.writer, told.writer)

        other = loop.run_in_executor(
            pool, stoppable.spin_until, begun.writer, door.handle[1], "other"
        )
        task = asyncio.create_task(work())
        await loop.run_in_executor(None, begun.hear, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await loop.run_in_executor(None, told.hear, 3) == b"wio"
        door.open()
        assert await other == "other"

    with pool_of(2) as pool, gate() as door:
        asyncio.run(main(pool, door))


def test_a_failing_task_group_stops_the_work_beside_it(begun: Pipe, told: Pipe) -> None:
    """Structured concurrency: one call fails, the other one is stopped."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        loop = asyncio.get_running_loop()

        async def call(function: Callable[..., object], *args: object) -> None:
            await loop.run_in_executor(pool, function, *args)

        async def fail_later() -> None:
            await loop.run_in_executor(None, begun.hear)
            await call(stoppable.fail_with, 3)

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(call(stoppable.spin_and_tell, begun.writer, told.writer))
                group.create_task(fail_later())
        assert isinstance(caught.value.exceptions[0], LookupError)

    with pool_of(2) as pool:
        asyncio.run(main(pool))
    assert told.hear(13) == b"TaskCancelled"
