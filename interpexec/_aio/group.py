"""Groups for asyncio: calls that end together, and can be awaited.

An `asyncio.TaskGroup` does most of it: one task for each call waits for that, and cancels it. So
the task that is inside the block is interrupted where it waits, whatever for, when a call fails.
"""

import asyncio
from functools import partial

from interpexec._aio.ending import in_thread, refuse_elsewhere
from interpexec._aio.request import check
from interpexec._map.progress import of_calls
from interpexec._pool.cancelling import TERMINATION_LIMIT
from interpexec._pool.group import NEW, OPEN, OVER, STOPPED, raise_failures, refusal
from interpexec._pool.process_end import INTERRUPT_LIMIT

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    from interpexec._map.progress import Wanted
    from interpexec._pool.future import CallFuture
    from interpexec.executor import InterpreterPoolExecutor


class Group:
    """Calls that end together: from `interpexec.aio.group()`.

    >>> async with aio.group(pool) as group:  # doctest: +SKIP
    ...     pages = [group.submit(render, page) for page in book]

    Leaving the `async with` block waits for all calls, and never blocks the event loop. The
    first call that fails cancels all others, also those that run, and interrupts the task that
    is inside, as an `asyncio.TaskGroup` does; its exception is raised when the block is left.
    Cancelling that task cancels all calls. All else is as in `InterpreterPoolExecutor.group()`.
    """

    def __init__(self, executor: "InterpreterPoolExecutor", *, progress: "Wanted" = False) -> None:
        """Make one that was not entered yet. progress: as of `aio.group`."""
        check(executor)
        self._progress = of_calls(progress)
        self._made = 0  # calls in all
        self._executor = executor
        self._scheduler = executor._scheduler  # noqa: SLF001  # a class of this package
        self._tasks = asyncio.TaskGroup()
        self._state = NEW
        self._calls: set[asyncio.Task[Any]] = set()  # that are not finished
        self._stopped: list[int] = []  # ids of those that were cancelled: workers may run them
        self._errors: list[BaseException] = []
        self._was_cancelled = False

    def __repr__(self) -> str:
        """Tell the pool's name, the state, and how many calls there are."""
        name = self._scheduler.name
        return f"<{type(self).__name__} of {name}: {self._state}, {len(self._calls)} calls>"

    def submit[**P, T](
        self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs"
    ) -> "asyncio.Task[T]":
        """Schedule `fn(*args, **kwargs)` as a call of the group; return what can be awaited.

        It is a task, which waits for the call: cancelling it cancels the call, and is no failure.

        Raises RuntimeError when a call has failed, or the group was cancelled; before its
        `async with` block is entered; and when the group is over. Otherwise as the executor.
        """
        self._refuse_unless_open()
        future = self._executor.submit(fn, *args, **kwargs)
        if self._progress is not None:
            self._made += 1
            self._progress.know_total(self._made)
            future.add_done_callback(self._progress.see)
        outcome = self._outcome(future)
        try:
            task = self._tasks.create_task(outcome)
        except BaseException:  # it is left right now
            outcome.close()
            future.cancel()
            raise
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    def _refuse_unless_open(self) -> None:
        if self._state is NEW:
            raise RuntimeError(
                "the group was not entered: async with aio.group(pool) as group: ..."
            )
        if self._state is OVER:
            raise RuntimeError("the group is over: its `async with` block was left")
        if self._state is STOPPED:
            raise refusal(self._errors)

    async def _outcome[T](self, future: "CallFuture[T]") -> T:
        """Wait for a call. When this is cancelled, it cancels the call, or waits for its end."""
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancel():  # it runs, with `cancel_running=False`
                return await self._end_of(future)
            self._stopped.append(getattr(future, "_call_id", 0))  # 0: of another kind
            raise
        except BaseException as error:
            self._note(error)
            raise
        finally:
            del future  # no cycle with the traceback

    async def _end_of[T](self, future: "CallFuture[T]") -> T:
        """Wait for a call that cannot be cancelled, and raise CancelledError unless it fails."""
        waiter = asyncio.wrap_future(future)
        await asyncio.wait([waiter])
        if not waiter.cancelled() and (error := waiter.exception()) is not None:
            self._note(error)
            raise error
        raise asyncio.CancelledError

    def _note(self, error: BaseException) -> None:
        """Note a failure: the group takes no more calls."""
        self._errors.append(error)
        if self._state is OPEN:
            self._state = STOPPED

    def cancel(self) -> None:
        """Cancel all calls, also those that run, and take no more.

        That is no failure: leaving the block raises nothing because of it, neither the
        CancelledError of a call that the block waits for. Nothing happens when the group has
        failed, or is over.
        """
        if self._state is OPEN:
            self._state = STOPPED
            self._was_cancelled = True
            for task in tuple(self._calls):
                task.cancel()

    async def __aenter__(self) -> "Self":
        """Let the group take calls. Once: RuntimeError otherwise."""
        if self._state is not NEW:
            raise RuntimeError("a group can be entered once: make another one")
        refuse_elsewhere()
        await self._tasks.__aenter__()
        self._state = OPEN
        return self

    async def __aexit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> bool | None:
        """Wait for the calls: see the class."""
        if error is not None and self._state is OPEN:
            self._state = STOPPED
        try:
            await self._tasks.__aexit__(kind, error, traceback)
        except BaseExceptionGroup:  # of the calls, and of the block: they are raised below
            pass
        except asyncio.CancelledError:
            if not self._comes_of_cancel(error):
                raise
        finally:
            self._state = OVER
            errors, self._errors = self._errors, []
            await self._await_stopped(error)
            if self._progress is not None:
                await in_thread(self._progress.end)
        is_interrupted = isinstance(error, asyncio.CancelledError)
        if error is None or is_interrupted or isinstance(error, Exception):
            raise_failures(errors, None if is_interrupted else error)
        return is_interrupted

    def _comes_of_cancel(self, error: BaseException | None) -> bool:
        """Say whether the block was left by the CancelledError of a call that `cancel()` ended."""
        task = asyncio.current_task()
        is_asked = task is not None and task.cancelling() > 0
        return self._was_cancelled and isinstance(error, asyncio.CancelledError) and not is_asked

    async def _await_stopped(self, error: BaseException | None) -> None:
        """Wait until no worker runs a call that was cancelled."""
        stopped, self._stopped = self._stopped, []
        scheduler = self._scheduler
        if stopped and scheduler.cancel_running:
            is_hurried = not (error is None or isinstance(error, Exception))
            limit = INTERRUPT_LIMIT if is_hurried else TERMINATION_LIMIT
            await in_thread(partial(scheduler.await_calls, frozenset(stopped), limit))
