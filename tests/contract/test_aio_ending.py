"""`async with pool` and `aio.shutdown`: the pool ends, and the event loop goes on."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate, gate, gated
from interpexec import InterpreterPoolExecutor, aio
from interpexec._pool import ending
from stops import Pipe, pool_of


async def leave_block(pool: InterpreterPoolExecutor) -> None:
    """End a pool by leaving its block."""
    async with pool:
        pass


EACH = pytest.mark.parametrize("end", [leave_block, aio.shutdown], ids=["block", "shutdown"])

type End = Callable[[InterpreterPoolExecutor], Awaitable[None]]


@EACH
def test_the_loop_goes_on_while_a_pool_ends(end: End) -> None:
    """The call that is waited for ends because of a step of the loop."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        call = pool.submit(tasks.pass_gate, door.handle, 5)
        ending = asyncio.ensure_future(end(pool))
        await asyncio.to_thread(door.await_knocks, 1)
        assert not ending.done()
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(int)
        asyncio.get_running_loop().call_soon(door.open)
        await asyncio.wait_for(ending, TIME_LIMIT)
        assert call.result(0) == 5
        assert pool._scheduler.state.workers.is_empty()

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, door):
        asyncio.run(main(pool, door))


@EACH
def test_a_pool_without_calls_ends(end: End) -> None:
    """No worker is started for that; and once more is no error."""

    async def main() -> None:
        pool = InterpreterPoolExecutor(1)
        await end(pool)
        await end(pool)

    asyncio.run(main())


@EACH
def test_a_pool_may_be_the_executor_of_the_loop(end: End) -> None:
    """The waiting needs no executor of the loop."""

    async def main() -> None:
        pool = InterpreterPoolExecutor(1)
        loop = asyncio.get_running_loop()
        loop.set_default_executor(pool)
        assert await loop.run_in_executor(None, tasks.same, 5) == 5
        await end(pool)

    asyncio.run(main())


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_a_block_that_is_left_by_no_exception_stops_the_calls(
    kind: type[BaseException], begun: Pipe, told: Pipe
) -> None:
    """As `with` does: by the task being cancelled, too."""

    async def main() -> None:
        async with InterpreterPoolExecutor(1) as pool:
            pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
            begun.hear()
            raise kind

    with pytest.raises(kind):
        asyncio.run(main())
    assert told.hear(13) == b"TaskCancelled"


def test_an_exception_waits_or_stops_as_the_pool_says(begun: Pipe, told: Pipe, door: Gate) -> None:
    """`on_error` means the same as for `with`."""

    async def main() -> None:
        async with InterpreterPoolExecutor(1, on_error="cancel") as pool:
            pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
            begun.hear()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        asyncio.run(main())
    assert told.hear(13) == b"TaskCancelled"

    async def waits() -> None:
        async with InterpreterPoolExecutor(1) as pool:
            pool.submit(tasks.pass_gate, door.handle)
            await asyncio.to_thread(door.await_knocks, 1)
            asyncio.get_running_loop().call_soon(door.open)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        asyncio.run(waits())


def test_an_exception_that_waits_for_long_is_told_of(
    door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same warning as for `with`, while the loop goes on."""
    monkeypatch.setattr(ending, "_LONG", 0.001)
    messages: list[str] = []

    class Opens(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())
            door.open()

    async def main() -> None:
        async with InterpreterPoolExecutor(1) as pool:
            pool.submit(tasks.pass_gate, door.handle)
            await asyncio.to_thread(door.await_knocks, 1)
            raise ValueError("mine")

    handler = Opens()
    logging.getLogger("interpexec").addHandler(handler)
    try:
        with pytest.raises(ValueError, match="mine"):
            asyncio.run(main())
    finally:
        logging.getLogger("interpexec").removeHandler(handler)
    assert "ValueError was raised inside" in messages[0]


@EACH
def test_cancelling_the_task_that_waits_stops_the_calls(end: End, begun: Pipe, told: Pipe) -> None:
    """As Ctrl-C does in `shutdown()`."""

    async def main() -> None:
        pool = InterpreterPoolExecutor(1)
        pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await end(pool)

    asyncio.run(main())
    assert told.hear(13) == b"TaskCancelled"


@EACH
def test_a_call_that_cannot_be_stopped_is_not_waited_for(end: End, door: Gate) -> None:
    """The task that was cancelled ends soon; the thread that waits, with the call."""

    async def main() -> None:
        pool = InterpreterPoolExecutor(1)
        pool.submit(stoppable.block_in_lock, door.handle)
        await asyncio.to_thread(door.await_knocks, 1)
        ending = asyncio.ensure_future(end(pool))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(ending, TIME_LIMIT)

    asyncio.run(main())
    door.open()


@EACH
def test_with_cancel_running_false_the_calls_go_on(end: End) -> None:
    """The task that was cancelled waits no longer; the pool ends by itself."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        call = pool.submit(tasks.pass_gate, door.handle, 5)
        await asyncio.to_thread(door.await_knocks, 1)
        ending = asyncio.ensure_future(end(pool))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert not call.done()
        door.open()
        assert await asyncio.wrap_future(call) == 5

    with gate() as door, pool_of(1, cancel_running=False) as pool:
        asyncio.run(main(pool, door))


def test_shutdown_may_cancel_the_calls_that_wait(door: Gate) -> None:
    """Calls that run come to their end."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        running = pool.submit(tasks.pass_gate, door.handle, 5)
        pending = [pool.submit(tasks.same, n) for n in range(50)]
        await asyncio.to_thread(door.await_knocks, 1)
        asyncio.get_running_loop().call_soon(door.open)
        await aio.shutdown(pool, cancel_futures=True)
        assert running.result(0) == 5
        assert sum(call.cancelled() for call in pending) > 40

    with pool_of(1) as pool:
        asyncio.run(main(pool))


def test_a_callback_that_blocks_does_not_block_the_loop(door: Gate) -> None:
    """The pool's thread that runs it is waited for in a thread."""
    is_in = threading.Event()

    def block(_: object) -> None:
        is_in.set()
        door.await_knocks(1)

    async def main() -> None:
        async with InterpreterPoolExecutor(1) as pool:
            call = pool.submit(tasks.pass_gate, door.handle)
            call.add_done_callback(block)
            await asyncio.to_thread(door.await_knocks, 1)
            door.let_in()
            assert await asyncio.to_thread(is_in.wait, TIME_LIMIT)
            loop = asyncio.get_running_loop()
            loop.call_later(0.01, partial(tasks.os.write, door.handle[0], b"!"))  # type: ignore[attr-defined]

    asyncio.run(main())


def test_where_no_thread_can_be_had_the_waiting_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool ends all the same."""

    def cannot_start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        async with InterpreterPoolExecutor(1) as pool:
            call = pool.submit(tasks.same, 5)
            assert await asyncio.wrap_future(call) == 5
            monkeypatch.setattr(threading.Thread, "start", cannot_start)
        monkeypatch.undo()
        assert pool._scheduler.state.workers.is_empty()

    asyncio.run(main())


def test_a_loop_that_is_closed_meanwhile_is_not_told(door: Gate) -> None:
    """The thread ends in silence."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        pool.submit(tasks.pass_gate, door.handle)
        await asyncio.to_thread(door.await_knocks, 1)
        ending = asyncio.ensure_future(aio.shutdown(pool))
        await asyncio.sleep(0)
        ending.cancel()

    with pool_of(1, cancel_running=False) as pool:
        asyncio.run(main(pool))
        door.open()


def test_shutdown_refuses_what_is_no_executor() -> None:
    """By name."""
    with pytest.raises(TypeError, match="executor must be an InterpreterPoolExecutor, got 42"):
        asyncio.run(aio.shutdown(42))  # type: ignore[arg-type]
