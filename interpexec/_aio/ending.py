"""The end of a pool, without blocking the event loop: a thread waits, and tells the loop.

Cancelling the task that waits stops the calls, as Ctrl-C does where a thread waits.
"""

import asyncio
from contextlib import suppress
from functools import partial

from interpexec._core.cpython import is_main
from interpexec._core.sigint import watch
from interpexec._core.thread import Thread
from interpexec._pool import ending
from interpexec._pool.process_end import INTERRUPT_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.scheduler import Scheduler


def refuse_elsewhere() -> None:
    """Raise RuntimeError where no event loop of asyncio runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "`async with` and interpexec.aio need the event loop of asyncio;"
            " docs/asyncio.md has another way, for trio"
        ) from None


async def leave(
    scheduler: "Scheduler", error: BaseException | None, *, cancels_on_error: bool
) -> None:
    """End a pool whose `async with` block was left, as `ending.leave`."""
    limit = ending.limit_of_stop(scheduler, error, cancels_on_error=cancels_on_error)
    if limit is not None:
        await _stop(scheduler, limit)
        return
    scheduler.close()
    await await_end(scheduler, error)


async def shut_down(scheduler: "Scheduler", *, cancel_futures: bool) -> None:
    """Take no more calls, and wait for those that were taken."""
    scheduler.close()
    if cancel_futures:
        scheduler.cancel_backlog()
    await await_end(scheduler)


async def await_end(scheduler: "Scheduler", error: BaseException | None = None) -> None:
    """Wait until a pool that was closed has ended. Being cancelled stops its calls."""
    watch()
    waiting = asyncio.ensure_future(in_thread(partial(ending.join, scheduler, error)))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        if scheduler.cancel_running:
            await _stop(scheduler, INTERRUPT_LIMIT)
        # It is over now, but for a call or a callback that cannot be stopped.
        await asyncio.wait([waiting], timeout=0 if scheduler.has_workers() else INTERRUPT_LIMIT)
        raise
    finally:
        waiting.cancel()


async def _stop(scheduler: "Scheduler", limit: float) -> None:
    """Stop everything, and wait until all is over that can be; at most so many seconds.

    The first part is done in any case: anyio cancels a task again and again.
    """
    scheduler.stop()
    await in_thread(partial(scheduler.await_stop, limit))


async def in_thread(function: "Callable[[], object]") -> None:
    """Call a function in a thread of its own, which is gone in the end.

    When this is cancelled, the function goes on. Where no thread can be had, it is called here.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        error = None
        try:
            function()
        except BaseException as raised:  # for the task
            error = raised
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(_settle, result, error)

    # A daemon: at the end of the program, `process_hooks` waits for the pools.
    thread = Thread(target=run, name="interpexec_aio", daemon=is_main())
    try:
        thread.start()
    except RuntimeError:  # no thread is left
        function()
        return
    await result
    thread.join()  # its last step is done


def _settle(result: "asyncio.Future[None]", error: BaseException | None) -> None:
    if result.done():
        return  # the task was cancelled
    if error is None:
        result.set_result(None)
    else:
        result.set_exception(error)
