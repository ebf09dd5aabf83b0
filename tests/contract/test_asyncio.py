"""asyncio takes the pool as it takes any executor."""

import asyncio
from functools import partial

import pytest

import mishaps
import tasks
from gates import TIME_LIMIT, Gate, gated
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast


def test_run_in_executor_gives_results_and_errors() -> None:
    """Results, exceptions, partials, lambdas: as from a pool of threads."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(pool, pow, 2, 10) == 1024
        assert await loop.run_in_executor(pool, partial(int, "ff", base=16)) == 255
        assert await loop.run_in_executor(pool, lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(pool, tasks.divide, 1, 0)
        with pytest.raises(mishaps.Coded) as caught:
            await loop.run_in_executor(
                pool, partial(mishaps.make_and_raise, mishaps.Coded, 5, reason="why")
            )
        assert caught.value.code == 5

    with InterpreterPoolExecutor(2) as pool:
        asyncio.run(main(pool))


def test_gather_keeps_the_order() -> None:
    """Many calls at once, results in their order."""

    async def main(pool: InterpreterPoolExecutor) -> list[int]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *(loop.run_in_executor(pool, tasks.same, n) for n in range(200))
        )

    with InterpreterPoolExecutor(2) as pool:
        assert asyncio.run(main(pool)) == list(range(200))


def test_it_can_be_the_default_executor() -> None:
    """`set_default_executor` takes it, and the loop shuts it down at its end."""

    async def main() -> tuple[int, InterpreterPoolExecutor]:
        pool = InterpreterPoolExecutor(1)
        loop = asyncio.get_running_loop()
        loop.set_default_executor(pool)
        return await loop.run_in_executor(None, tasks.interpreter), pool

    where, pool = asyncio.run(main())
    assert where != tasks.interpreter()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(int)


def test_wrap_future_awaits_a_call() -> None:
    """A future of `submit` can be awaited; its exception too, falsey or not."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        assert await asyncio.wrap_future(pool.submit(tasks.same, 5)) == 5
        for kind in (mishaps.Falsey, mishaps.Empty, ValueError):
            with pytest.raises(kind):
                await asyncio.wrap_future(pool.submit(mishaps.make_and_raise, kind))

    with InterpreterPoolExecutor(1) as pool:
        asyncio.run(main(pool))


def test_the_loop_goes_on_while_calls_run() -> None:
    """Awaiting a call blocks nobody else."""

    async def main(pool: InterpreterPoolExecutor, gate: Gate) -> str:
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(pool, tasks.pass_gate, gate.handle, "through")
        seen: list[str] = []
        loop.call_soon(seen.append, "went on")
        assert (await asyncio.wait([call], timeout=0.05))[1] == {call}
        assert seen == ["went on"]
        gate.open()
        return await asyncio.wait_for(call, TIME_LIMIT)

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        assert asyncio.run(main(pool, gate)) == "through"


def test_cancelling_a_pending_await_cancels_the_call() -> None:
    """A call that waits for its turn never runs when its awaiting task is cancelled."""

    async def main(pool: InterpreterPoolExecutor, gate: Gate) -> int:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(pool, tasks.pass_gate, gate.handle, n) for n in range(10)]
        for call in calls[3:]:
            assert call.cancel()
        loop.call_soon(gate.open)  # behind what cancels the pool's calls
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert results[:3] == [0, 1, 2]
        assert all(isinstance(result, asyncio.CancelledError) for result in results[3:])
        return len(results)

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        assert asyncio.run(main(pool, gate)) == 10
        pool.shutdown()
        gate.await_knocks(3)
        assert not gate.has_knock()


def test_a_task_may_run_a_loop_of_its_own() -> None:
    """`asyncio.run` works inside a worker."""
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(tasks.run_loop, [0, 1, 2]).result(TIME_LIMIT) == [0, 2, 4]


def test_giving_up_a_running_call_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A call that ends after its awaiting task, or even its loop, is gone: nobody complains."""

    async def main(pool: InterpreterPoolExecutor, gate: Gate) -> None:
        call = asyncio.get_running_loop().run_in_executor(pool, tasks.pass_gate, gate.handle)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.05)
        assert call.cancelled()

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        asyncio.run(main(pool, gate))
        gate.open()
        assert pool.submit(int).result(TIME_LIMIT) == 0
    assert not caplog.records
