"""`aio.group`: what `pool.group()` promises, without blocking the event loop."""

import asyncio
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate, gated
from interpexec import InterpreterPoolExecutor, NotShareableError, aio
from interpexec._pool import stopping
from interpexec._pool.group import OVER
from stops import Pipe


async def hear(pipe: Pipe, size: int = 1) -> bytes:
    """Hear something without blocking the loop."""
    return await asyncio.to_thread(pipe.hear, size)


def is_over(group: aio.Group) -> bool:
    """Say whether a group keeps nothing."""
    nothing = (group._calls, group._errors, group._stopped) == (set(), [], [])
    return nothing and group._state == OVER


def test_leaving_waits_for_all_calls(pool: InterpreterPoolExecutor, door: Gate) -> None:
    """Their results are there then, and can be awaited before."""

    async def main() -> None:
        async with aio.group(pool) as group:
            calls = [group.submit(tasks.pass_gate, door.handle, n) for n in range(20)]
            asyncio.get_running_loop().call_soon(door.open)
            assert await calls[0] == 0
        assert [call.result() for call in calls] == list(range(20))
        assert is_over(group)
        async with aio.group(pool):
            pass

    asyncio.run(main())


def test_the_first_failure_stops_the_others(
    pool: InterpreterPoolExecutor,
    begun: Pipe,
    told: Pipe,
    door: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls that run have ended when the error comes out, as it is; the task goes on."""
    monkeypatch.setattr(stopping, "GRACE", TIME_LIMIT)  # however busy the machine is

    async def main() -> None:
        with pytest.raises(LookupError) as caught:
            async with aio.group(pool) as group:
                failing = group.submit(tasks.pass_gate_and_fail, door.handle, LookupError(7))
                running = group.submit(stoppable.spin_and_clean, begun.writer, told.writer)
                pending = [group.submit(stoppable.spin, begun.writer) for _ in range(20)]
                await hear(begun)
                door.open()
                await asyncio.Event().wait()  # for ever: it is interrupted
        assert caught.value is failing.exception()
        assert running.cancelled()
        assert all(each.cancelled() for each in pending)
        assert told.rest() == b"wio"
        assert is_over(group)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await asyncio.sleep(0)

    asyncio.run(main())


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_in_the_block_stops_the_calls(
    kind: type[BaseException], pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """The exception comes out itself."""
    error = kind("mine")

    async def main() -> None:
        async with aio.group(pool) as group:
            group.submit(stoppable.spin_and_tell, begun.writer, told.writer)
            await hear(begun)
            raise error

    with pytest.raises(kind, match="mine") as caught:
        asyncio.run(main())
    assert caught.value is error
    assert told.hear(13) == b"TaskCancelled"


@pytest.mark.parametrize("where", ["block", "leaving"])
def test_cancelling_the_task_inside_cancels_the_calls(
    where: str, pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """A timeout around the group, in the block and while it is left."""

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), aio.group(pool) as group:
                call = group.submit(stoppable.spin_and_tell, begun.writer, told.writer)
                if where == "block":
                    await call
        assert is_over(group)
        assert call.cancelled()
        if await asyncio.to_thread(begun.has_word):
            assert await hear(told, 13) == b"TaskCancelled"

    asyncio.run(main())


def test_a_failure_that_the_block_has_seen_is_raised_once(pool: InterpreterPoolExecutor) -> None:
    """Whether it is awaited before the group is told of it, or as a cause."""

    async def seen(group: aio.Group) -> None:
        call = group.submit(tasks.fail, LookupError(1))
        # At the very moment at which it is done, the group is not told yet. An event would be late.
        while not call.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        await call

    async def main() -> None:
        for _ in range(5):
            with pytest.raises(LookupError):
                async with aio.group(pool) as group:
                    await seen(group)
            with pytest.raises(KeyError) as caught:
                async with aio.group(pool) as group:
                    try:
                        await seen(group)
                    except LookupError as error:
                        raise KeyError("mine") from error
                    except asyncio.CancelledError:
                        raise KeyError("other") from None
            assert isinstance(caught.value, KeyError)

    asyncio.run(main())


@pytest.mark.parametrize("in_block", [False, True])
def test_several_failures_come_as_a_group(in_block: bool) -> None:
    """Calls that cannot be cancelled may fail while they are waited for."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        with pytest.raises(ExceptionGroup) as caught:
            async with aio.group(pool) as group:
                for number in range(2):
                    group.submit(tasks.pass_gate_and_fail, door.handle, LookupError(number))
                others = [group.submit(tasks.same, n) for n in range(20)]
                await asyncio.to_thread(door.await_knocks, 2)
                asyncio.get_running_loop().call_soon(door.open)
                if in_block:
                    raise ValueError("mine")
        assert all(call.done() for call in others)  # cancelled, or run by the worker that was free
        kinds = [type(error) for error in caught.value.exceptions]
        assert kinds == [LookupError, LookupError] + [ValueError] * in_block
        assert is_over(group)

    with gated(partial(InterpreterPoolExecutor, 2, cancel_running=False)) as (pool, door):
        asyncio.run(main(pool, door))


def test_with_cancel_running_false_what_runs_is_waited_for() -> None:
    """Its value is of no interest any more: the task of it is cancelled."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        with pytest.raises(ValueError, match="mine"):
            async with aio.group(pool) as group:
                running = group.submit(tasks.pass_gate, door.handle, 5)
                await asyncio.to_thread(door.await_knocks, 1)
                asyncio.get_running_loop().call_soon(door.open)
                raise ValueError("mine")
        assert running.cancelled()
        assert pool.stats().pending == 0

    with gated(partial(InterpreterPoolExecutor, 1, cancel_running=False)) as (pool, door):
        asyncio.run(main(pool, door))


def test_a_task_of_the_group_can_be_cancelled(pool: InterpreterPoolExecutor, begun: Pipe) -> None:
    """Its call is stopped, and the others go on."""

    async def main() -> None:
        async with aio.group(pool) as group:
            call = group.submit(stoppable.spin, begun.writer)
            await hear(begun)
            call.cancel()
            other = group.submit(tasks.same, 5)
        assert call.cancelled()
        assert other.result() == 5

    asyncio.run(main())


def test_a_group_can_be_cancelled(pool: InterpreterPoolExecutor, begun: Pipe) -> None:
    """Cancelling is no failure, and ends a block that waits for one of the calls."""

    async def main() -> None:
        async with aio.group(pool) as group:
            call = group.submit(stoppable.spin, begun.writer)
            await hear(begun)
            asyncio.get_running_loop().call_soon(group.cancel)
            await call
        assert call.cancelled()
        assert is_over(group)
        async with aio.group(pool) as group:
            call = group.submit(stoppable.spin, begun.writer)
            await hear(begun)
            group.cancel()
            with pytest.raises(RuntimeError, match="because it was cancelled"):
                group.submit(int)
            await asyncio.sleep(0)
        assert call.cancelled()
        with pytest.raises(asyncio.CancelledError):
            async with aio.group(pool):
                await call

    asyncio.run(main())


def test_a_task_that_is_cancelled_with_its_group_is_cancelled(
    pool: InterpreterPoolExecutor, begun: Pipe
) -> None:
    """The CancelledError of the task itself is not taken for one of a call."""

    async def inside() -> None:
        async with aio.group(pool) as group:
            call = group.submit(stoppable.spin, begun.writer)
            await hear(begun)
            group.cancel()
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await call

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(inside())

    asyncio.run(main())


def test_submitting_is_refused_with_the_reason(pool: InterpreterPoolExecutor) -> None:
    """The messages say what to do."""

    async def main() -> None:
        group = aio.group(pool)
        with pytest.raises(RuntimeError, match="the group was not entered"):
            group.submit(int)
        with pytest.raises(LookupError):
            async with group:
                with pytest.raises(TypeError, match="fn must be a callable"):
                    group.submit(5)  # type: ignore[arg-type]
                with pytest.raises(asyncio.CancelledError):
                    await group.submit(tasks.fail, LookupError("spam"))
                with pytest.raises(RuntimeError, match=r"has failed: LookupError\('spam'\)"):
                    group.submit(int)
        with pytest.raises(RuntimeError, match="is over"):
            group.submit(int)
        with pytest.raises(RuntimeError, match="entered once"):
            await group.__aenter__()
        with pytest.raises(NotShareableError, match=r"args\[0\]"):
            async with aio.group(pool) as group:
                group.submit(tasks.same, pool)

    asyncio.run(main())


def test_a_call_that_the_task_group_refuses_is_cancelled(
    pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """The task inside was cancelled while it leaves: nothing is started any more."""

    async def main() -> None:
        group = aio.group(pool)

        async def inside() -> None:
            async with group:
                group.submit(stoppable.spin, begun.writer)

        leaving = asyncio.create_task(inside())
        await hear(begun)
        leaving.cancel()
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            group.submit(stoppable.note, told.writer)
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert is_over(group)

    asyncio.run(main())


def test_a_group_works_over_options_and_an_overridden_submit(begun: Pipe) -> None:
    """A call that is out of time has failed; each call is one of the program's `submit`."""
    names: list[str] = []

    class Counting(InterpreterPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            names.append(fn.__name__)
            return super().submit(fn, *args, **kwargs)

    async def main(pool: InterpreterPoolExecutor) -> None:
        with pytest.raises(TimeoutError, match="spin was stopped"):
            async with aio.group(pool.with_options(timeout=0.05)) as group:
                group.submit(stoppable.spin, begun.writer)

    with Counting(1) as pool:
        asyncio.run(main(pool))
    assert names == ["spin"]


def test_a_future_of_another_kind_is_cancelled() -> None:
    """Where the program's `submit` returns one of the standard library's."""
    made: list[Future[Any]] = []

    def submit(*_: object) -> "Future[Any]":
        made.append(Future())
        return made[-1]

    async def main(pool: InterpreterPoolExecutor) -> None:
        with pytest.raises(LookupError):
            async with aio.group(pool) as group:
                group.submit(int)
                group.submit(int)
                made[0].set_exception(LookupError())
        assert made[1].cancelled()

    with InterpreterPoolExecutor(1) as pool:
        pool.submit = submit  # type: ignore[method-assign,assignment]
        asyncio.run(main(pool))


def test_tasks_may_begin_eagerly(pool: InterpreterPoolExecutor) -> None:
    """As where a program has set the task factory for that."""

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with aio.group(pool) as group:
            call = group.submit(tasks.same, 5)
        assert call.result() == 5

    asyncio.run(main())


def test_a_group_is_for_executors_of_this_package() -> None:
    """Another one is refused by name."""
    with pytest.raises(TypeError, match="executor must be an InterpreterPoolExecutor, got 42"):
        aio.group(42)  # type: ignore[arg-type]
