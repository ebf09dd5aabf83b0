"""anyio and trio: the `run` of the documents, and `interpexec.aio` in anyio's scopes."""

import re
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

import stoppable
import tasks
from documents import document
from gates import TIME_LIMIT, Gate, gated
from interpexec import InterpreterPoolExecutor, aio
from stops import Pipe

anyio = pytest.importorskip("anyio")
trio = pytest.importorskip("trio")

pytestmark = pytest.mark.fast

PAGE = document("docs/asyncio.md")

type Run = Callable[..., Awaitable[Any]]


def documented(title: str) -> Run:
    """Return the `run` of a program of the documents."""
    section = PAGE.split(f"## {title}\n")[1]
    found = re.search(r"^```python\n(.*?)^def endless", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    run: Run = names["run"]
    return run


WAYS = {
    "trio": (documented("Use it from trio"), "trio"),
    "anyio on trio": (documented("Use it from anyio"), "trio"),
    "anyio on asyncio": (documented("Use it from anyio"), "asyncio"),
    "aio on asyncio": (aio.run, "asyncio"),
}

EACH = pytest.mark.parametrize(("run", "backend"), WAYS.values(), ids=WAYS)


async def hear(pipe: Pipe) -> None:
    """Hear something without blocking the loop, and without a thread, which trio would keep."""
    await anyio.wait_readable(pipe.reader)
    pipe.hear()


async def knocked(door: Gate) -> None:
    """Wait for a task to knock, in the same way."""
    await anyio.wait_readable(door._knocks)
    door.await_knocks(1)


@EACH
def test_results_and_errors_come(run: Run, backend: str, pool: InterpreterPoolExecutor) -> None:
    """As from any coroutine, with keywords."""

    async def main() -> None:
        assert await run(pool, tasks.arguments, 1, b=2) == ((1,), {"b": 2})
        with pytest.raises(ZeroDivisionError):
            await run(pool, tasks.divide, 1, b=0)

    anyio.run(main, backend=backend)


@EACH
def test_cancelling_a_scope_stops_its_calls(
    run: Run, backend: str, pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """Calls that run are interrupted, those that wait never begin."""

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(run, pool, stoppable.spin_and_tell, begun.writer, told.writer)
                await hear(begun)
                await hear(begun)
                scope.cancel()
        assert scope.cancelled_caught
        assert pool.stats().pending == 0
        assert await run(pool, tasks.same, 5) == 5

    anyio.run(main, backend=backend)
    assert told.hear(26) == b"TaskCancelled" * 2


@EACH
def test_a_failure_stops_the_siblings(
    run: Run, backend: str, pool: InterpreterPoolExecutor, begun: Pipe, door: Gate
) -> None:
    """In a task group or nursery, which raises an ExceptionGroup."""

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            async with anyio.create_task_group() as group:
                group.start_soon(run, pool, stoppable.spin, begun.writer)
                await hear(begun)
                error = LookupError("mine")
                group.start_soon(run, pool, tasks.pass_gate_and_fail, door.handle, error)
                await knocked(door)
                door.open()
        assert [str(error) for error in caught.value.exceptions] == ["mine"]
        assert pool.stats().pending == 0

    anyio.run(main, backend=backend)


@EACH
def test_waiting_takes_no_thread(run: Run, backend: str) -> None:
    """The calls that wait may be many more than a loop has threads."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        async with anyio.create_task_group() as group:
            for n in range(100):
                group.start_soon(run, pool, tasks.pass_gate, door.handle, n)
            await knocked(door)
            assert threading.active_count() < before + 10
            door.open()

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, door):
        before = threading.active_count()
        anyio.run(main, pool, door, backend=backend)


@pytest.mark.parametrize("what", ["pool", "run", "group"])
def test_the_rest_is_for_asyncio(what: str, pool: InterpreterPoolExecutor) -> None:
    """Under trio the error comes at once, and says where the way for that is."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"docs/asyncio.md has another way, for trio"):
            if what == "run":
                await aio.run(pool, tasks.same, 5)
            else:
                async with pool if what == "pool" else aio.group(pool):
                    pass
        assert pool.submit(tasks.same, 5).result(TIME_LIMIT) == 5

    trio.run(main)


def test_a_pool_may_be_left_in_a_scope_of_anyio(begun: Pipe, told: Pipe) -> None:
    """Anyio cancels the task that leaves again and again: the calls are stopped all the same."""

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with InterpreterPoolExecutor(1) as pool:
                pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
                await hear(begun)
                scope.cancel()
                await anyio.sleep(TIME_LIMIT)
        assert scope.cancelled_caught
        assert pool._scheduler.state.is_terminating

    anyio.run(main)
    assert told.hear(13) == b"TaskCancelled"


def test_a_group_may_be_in_a_scope_of_anyio(
    pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """The scope that is left by its timeout stops the group's calls."""

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with aio.group(pool) as group:
                call = group.submit(stoppable.spin_and_tell, begun.writer, told.writer)
                await hear(begun)
                scope.cancel()
                await anyio.sleep(TIME_LIMIT)
        assert scope.cancelled_caught
        assert call.cancelled()

    anyio.run(main)
    assert told.hear(13) == b"TaskCancelled"


def test_a_map_may_be_in_a_scope_of_anyio(
    pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """Its calls are stopped with the scope."""

    async def main() -> None:
        spin = partial(stoppable.spin_or, knocker=begun.writer, farewell=told.writer)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def consume() -> None:
                    async for _ in aio.map(pool, spin, [0, 0]):
                        pass

                group.start_soon(consume)
                await hear(begun)
                scope.cancel()
        assert scope.cancelled_caught

    anyio.run(main)
    assert told.hear(1) == b"!"
