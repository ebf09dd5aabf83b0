"""Typed uses of the package, for mypy and pyright: nothing here is run.

A line with `type: ignore` is a mistake that both must find: a comment that is not needed is
an error itself.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor, Future, as_completed
from contextvars import ContextVar
from operator import length_hint
from typing import Any, Literal, assert_type

import interpexec
import interpexec.aio
from interpexec import (
    Batch,
    CallFuture,
    ExecutionFailed,
    Feed,
    Group,
    InterpreterPoolExecutor,
    Outcome,
    PoolStats,
    RecvChannel,
    Results,
    SendChannel,
    Task,
    TaskCancelled,
    Trace,
    Worker,
    WorkerInfo,
    WorkerStats,
    cancelled,
    create_channel,
    current_task,
    current_worker,
    shield,
)


def missing() -> None:
    """Import names that are not there."""
    from interpexec import Foo  # type: ignore[attr-defined]
    from interpexec.errors import Bar  # type: ignore[attr-defined]
    from interpexec.sync import Baz  # type: ignore[attr-defined]

    assert_type((Foo, Bar, Baz), tuple[Any, Any, Any])


def half(number: int) -> float:
    """Take an int and return a float."""
    return number / 2


def repeat(text: str, times: int = 2) -> str:
    """Take two arguments, one of which has a default value."""
    return text * times


def calls(pool: InterpreterPoolExecutor) -> None:
    """Check the arguments of `submit`, and the type of its future."""
    future = pool.submit(half, 3)
    assert_type(future, CallFuture[float])
    assert_type(future.result(timeout=1), float)
    pool.submit(half, "3")  # type: ignore[arg-type]
    pool.submit(half)  # type: ignore[call-arg]
    pool.submit(repeat, "a", time=3)  # type: ignore[call-arg]
    assert_type(pool.broadcast(repeat, "a", times=3), list[CallFuture[str]])
    assert_type(pool.with_options(timeout=None), InterpreterPoolExecutor)
    pool.with_options(timeout="5")  # type: ignore[arg-type]
    variable = ContextVar[int]("variable")
    assert_type(pool.with_options(contextvars=[variable]), InterpreterPoolExecutor)
    pool.with_options(contextvars=["variable"])  # type: ignore[list-item]
    InterpreterPoolExecutor(finalizer=print, finalargs=(1,), contextvars=[variable])
    InterpreterPoolExecutor(forward_logging=True, redirect_stdout=True)
    for done in as_completed([future]):
        assert_type(done.result(), float)
    plain: Future[float] = future
    executor: Executor = pool
    executor.submit(half, 3).add_done_callback(lambda future: future.cancel())
    plain.cancel()
    future.settle(b"", 0)  # type: ignore[attr-defined]
    with InterpreterPoolExecutor(max_workers=2, on_error="cancel") as other:
        assert_type(other, InterpreterPoolExecutor)
    InterpreterPoolExecutor(on_error="stop")  # type: ignore[arg-type]


def groups(pool: InterpreterPoolExecutor) -> None:
    """Check the arguments of a group's `submit`, and the type of its future."""
    with pool.with_options(timeout=5).group() as group:
        assert_type(group, Group)
        assert_type(group.submit(repeat, "a", times=3), CallFuture[str])
        group.submit(half, "3")  # type: ignore[arg-type]
        group.cancel()


def maps(pool: InterpreterPoolExecutor) -> None:
    """Check the iterables of a map against the function."""
    assert_type(pool.map(half, [1, 2]), Results[float])
    assert_type(pool.imap_unordered(half, [1, 2], timeout=5), Results[float])
    assert_type(list(pool.map(repeat, ["a"])), list[str])
    assert_type(list(pool.map(repeat, ["a"], range(3), chunksize=2)), list[str])
    assert_type(list(pool.map(int, ["1"])), list[int])
    assert_type(list(pool.map(lambda n: n * 0.5, [1], buffersize=3)), list[float])
    assert_type(list(pool.map(divmod, [1], [2])), list[tuple[int, int]])
    assert_type(pool.outcomes(half, [1], progress=True), Results[Outcome[int, float]])
    pool.map(half, [1], progress=lambda done, failed, total: (done + failed, total))
    pool.map(half, [1], progress=1)  # type: ignore[call-overload]
    results = pool.map(half, [1, 2])
    assert_type(next(results), float)
    assert_type(length_hint(results), int)
    iterator: Iterator[float] = results
    results.close()
    assert_type(list(iterator), list[float])
    assert_type(pool.stats(), PoolStats)
    assert_type(pool.stats().advice, str | None)
    assert_type(pool.stats().by_worker, tuple[WorkerStats, ...])
    assert_type(pool.bounded(5), InterpreterPoolExecutor)
    assert_type(pool.bounded(5).submit(len, "spam"), CallFuture[int])
    with pool.trace("run.json") as trace:
        assert_type(trace, Trace)
        assert_type(trace.lost, int)
    assert_type(interpexec.run(half, 3, timeout=5), float)
    assert_type(list(pool.outcomes(half, [1])), list[Outcome[int, float]])
    assert_type(next(pool.outcomes(repeat, ["a"], [1])).item, tuple[str, int])
    assert_type(next(pool.outcomes(half, [1], ordered=False)).result(), float)
    feed = pool.feed(half, buffersize=3)
    feed.put("a")  # type: ignore[arg-type]
    assert_type(pool.feed(half, fail_fast=lambda failed, ended: failed > ended), Feed[int, float])
    pool.feed(half, fail_fast="yes")  # type: ignore[arg-type]
    assert_type(feed, Feed[int, float])
    assert_type(next(feed), Outcome[int, float])
    assert_type(next(feed.batches()), Batch[int, float])
    assert_type(next(feed.batches()).values(), list[float] | None)
    pool.outcomes(half, ["a"])  # type: ignore[arg-type]
    pool.map(max, [1], [2], [3], [4], [5], [6], [7])
    pool.map(half, ["a"])  # type: ignore[arg-type]
    pool.map(half, 3)  # type: ignore[call-overload]
    pool.map(repeat, ["a"], ["b"])  # type: ignore[arg-type]
    pool.imap_unordered(half, ["a"])  # type: ignore[arg-type]
    pool.imap_unordered(repeat, ["a"], ["b"])  # type: ignore[arg-type]
    pool.map(half, [1], chunksize="3")  # type: ignore[call-overload]


def pools() -> None:
    """Check `interpexec.pool`, whose signatures are those of `multiprocessing.Pool`."""
    with interpexec.pool.Pool(2, initializer=repeat, initargs=("a",)) as pool:
        assert_type(pool, interpexec.pool.Pool)
    assert_type(pool.apply(half, (3,)), float)
    result = pool.apply_async(repeat, ["a"], {"times": 3}, callback=print)
    assert_type(result, interpexec.pool.AsyncResult[str])
    assert_type(result.get(timeout=1), str)
    assert_type(pool.map(half, [1, 2]), list[float])
    assert_type(pool.starmap(repeat, [("a", 2)], chunksize=2), list[str])
    assert_type(pool.map_async(half, [1, 2]).get(), list[float])
    assert_type(next(pool.imap(half, [1, 2])), float)
    assert_type(pool.imap_unordered(half, [1, 2], 3).next(timeout=1), float)
    pool.map(half, ["a"])  # type: ignore[arg-type]
    pool.imap(half, ["a"])  # type: ignore[arg-type]
    pool.apply(half, 3)  # type: ignore[arg-type]
    interpexec.pool.Pool("2")  # type: ignore[arg-type]
    interpexec.joblib.register(make_default=True)
    interpexec.joblib.register(make_default="yes")  # type: ignore[arg-type]


async def words() -> AsyncGenerator[str]:
    """Yield words."""
    yield "spam"


async def asynchronous(pool: InterpreterPoolExecutor) -> None:
    """Check `interpexec.aio`, and a pool as asyncio's executor."""
    assert_type(await interpexec.aio.run(pool, repeat, "a", times=3), str)
    assert_type(interpexec.aio.map(pool, half, [1, 2]), AsyncGenerator[float])
    async for value in interpexec.aio.map(pool, repeat, ["a"], [1], buffersize=3):
        assert_type(value, str)
    async for number in interpexec.aio.imap_unordered(pool, half, [1]):
        assert_type(number, float)
    source = interpexec.aio.map(pool, half, [1])
    assert_type(interpexec.aio.map(pool, abs, source), AsyncGenerator[float])
    async for value in interpexec.aio.imap_unordered(pool, repeat, words(), [1]):
        assert_type(value, str)
    interpexec.aio.map(pool, half, words())  # type: ignore[arg-type]
    interpexec.aio.map(pool, half, ["a"])  # type: ignore[arg-type]
    interpexec.aio.imap_unordered(pool, half, ["a"])  # type: ignore[arg-type]
    await interpexec.aio.run(pool, half, "a")  # type: ignore[arg-type]
    async with pool as entered, interpexec.aio.group(pool) as group:
        assert_type(entered, InterpreterPoolExecutor)
        assert_type(group, interpexec.aio.Group)
        assert_type(group.submit(repeat, "a", times=3), asyncio.Task[str])
        assert_type(await group.submit(half, 3), float)
        group.submit(half, "3")  # type: ignore[arg-type]
    await interpexec.aio.shutdown(pool, cancel_futures=True)
    loop = asyncio.get_running_loop()
    assert_type(await loop.run_in_executor(pool, half, 3), float)
    loop.set_default_executor(pool)


def channels() -> None:
    """Check the types of what channels and queues hold, where it is said."""
    receiver, sender = create_channel()
    assert_type(receiver, RecvChannel[Any])
    assert_type(sender, SendChannel[Any])
    numbers: RecvChannel[int]
    to_numbers: SendChannel[int]
    numbers, to_numbers = create_channel(capacity=3)
    assert_type(numbers.recv(), int)
    assert_type(numbers.recv_nowait(), int)
    to_numbers.send(3)
    to_numbers.send("3")  # type: ignore[arg-type]
    to_numbers.send_nowait("3")  # type: ignore[arg-type]
    with numbers as each:
        assert_type(list(each), list[int])
    wider: RecvChannel[float] = numbers
    narrower: SendChannel[bool] = to_numbers
    wrong: RecvChannel[str] = numbers  # type: ignore[assignment]
    wider.release()
    narrower.send(True)
    assert_type(wrong, RecvChannel[str])


def queues() -> None:
    """Check the submodules, which need no import of their own, and the queue."""
    untyped = interpexec.sync.Queue()
    untyped.put(object())
    queue = interpexec.sync.Queue[int](maxsize=3)
    queue.put(3)
    queue.put("3")  # type: ignore[arg-type]
    queue.put_nowait("3")  # type: ignore[arg-type]
    assert_type(queue.get(timeout=0.5), int)
    assert_type(queue.get_nowait(), int)
    with interpexec.sync.Lock(), interpexec.sync.Condition() as is_held:
        assert_type(is_held, bool)
    interpexec.sync.Condition().acquire(blocking=False)
    assert_type(interpexec.buffers.SharedBuffer(16)[2:4], bytes)
    assert_type(interpexec.sharing.to_token(queue), bytes)
    interpexec.channels.create_channel()
    interpexec.executor.InterpreterPoolExecutor()
    interpexec.sync.Quiz()  # type: ignore[attr-defined]
    interpexec.spam()  # type: ignore[attr-defined]


def inside() -> float:
    """Check what a call can ask for."""
    task = current_task()
    assert_type(task, Task | None)
    if task is not None:
        assert_type(task.cancelled(), bool)
        with task.shield():
            pass
    with shield():
        assert_type(cancelled(), bool)
    try:
        return 0.5
    except (TaskCancelled, interpexec.errors.TaskCancelled) as error:
        raise interpexec.WorkerLostError from error


def infos(pool: InterpreterPoolExecutor) -> None:
    """Check what a pool tells about its workers, and the cause of an exception."""
    for info in pool.workers():
        assert_type(info, WorkerInfo)
        assert_type(info.state, Literal["starting", "idle", "running", "leaving"])
        assert_type(info.seconds, float | None)
        assert_type(info.index, int)
    worker = current_worker()
    assert_type(worker, Worker | None)
    if worker is not None:
        assert_type((worker.index, worker.name), tuple[int, str])
    error = pool.submit(half, 3).exception()
    if error is not None and isinstance(error.__cause__, ExecutionFailed):
        error.__cause__.excinfo.formatted.upper()
