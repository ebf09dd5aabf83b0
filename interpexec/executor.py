"""The executor of a pool of subinterpreters. `docs/how-it-works.md` tells how it works."""

import weakref
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from itertools import count

from interpexec._core import main_module
from interpexec._core.error_text import without_frames
from interpexec._core.late_errors import BrokenInterpreterPool
from interpexec._core.sigint import deliver, noted, unbroken, watch
from interpexec._map.job import Job
from interpexec._map.methods import Maps
from interpexec._map.progress import of_calls
from interpexec._pool import arguments, ending, option_checks, wake_signal
from interpexec._pool.bounded import Boundable
from interpexec._pool.cancelling import TERMINATION_LIMIT
from interpexec._pool.future import REFUSED, CallFuture
from interpexec._pool.group import Group
from interpexec._pool.monitored import Monitored
from interpexec._pool.scheduler import Scheduler
from interpexec._pool.settings import Settings
from interpexec._pool.state import PoolState
from interpexec._sharing import pickling
from interpexec.errors import NotShareableError

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import ContextVar
    from types import EllipsisType, TracebackType
    from typing import Any, Literal, Self

    from interpexec._map.progress import Wanted
    from interpexec._map.request import MapRequest
    from interpexec._pool.options import CallOptions

__all__ = ["InterpreterPoolExecutor"]

_counter = count()

unbroken(weakref.finalize.__call__)  # Python would drop an interrupt that came in it


class InterpreterPoolExecutor(Maps, Monitored, Boundable, ThreadPoolExecutor):  # type: ignore[misc, override]  # `map` is typed more strictly
    """Runs calls in subinterpreters, each with its own GIL, in this process.

    >>> with InterpreterPoolExecutor() as pool:  # doctest: +SKIP
    ...     print(sum(pool.map(parse, paths)))

    No `if __name__ == "__main__":` is needed, unless a function of the program uses something
    that cannot be sent, like a lock: its error says so.

    A `concurrent.futures.Executor`, and used as those are. It is a
    `ThreadPoolExecutor` by inheritance only, as the standard library's class of
    this name is, so that `loop.set_default_executor()` takes it.

    A call is sent by pickle: the function by its name, or by value where the program
    defines it, or where it has no name; arguments and results as copies. Workers import
    what they need themselves and keep their modules' state from one call to the next.

    Running calls can be stopped: `Future.cancel()` interrupts a running call, and
    `with_options(timeout=...)` limits how long one may run. A worker in which a call
    was stopped is replaced by a fresh one.

    All methods may be called from any thread of the interpreter that made the
    executor. Leaving a `with` block waits for all calls; but leaving it by
    KeyboardInterrupt, SystemExit, or any other exception that is no Exception, cancels
    what is pending and stops what runs, and so does Ctrl-C in `shutdown()`, or when it
    ends the program. An executor that is dropped, or alive when the program ends
    otherwise, still computes what was submitted.
    """

    BROKEN: type[BrokenInterpreterPool] = BrokenInterpreterPool

    def __init__(  # noqa: PLR0913  # the stdlib's four, and what is ours
        self,
        max_workers: int | None = None,
        thread_name_prefix: str | None = "",
        initializer: "Callable[..., object] | None" = None,
        initargs: "Iterable[object]" = (),
        *,
        max_tasks_per_child: int | None = None,
        cancel_running: bool = True,
        on_error: "Literal['wait', 'cancel']" = "wait",
        finalizer: "Callable[..., object] | None" = None,
        finalargs: "Iterable[object]" = (),
        contextvars: "Iterable[ContextVar[Any]]" = (),
        forward_logging: bool = False,
        redirect_stdout: bool = False,
    ) -> None:
        """Make a pool. Nothing is started before the first `submit`.

        max_workers: how many interpreters at most. By default as many as the
            standard library's class has: CPUs + 4, at most 32. They start when
            they are needed: one, as long as each call comes after the last
            one's result.
        thread_name_prefix: of the workers' threads, as seen from both sides.
        initializer, initargs: called in each worker before its first call. If it
            raises, or cannot be sent, that is logged by `concurrent.futures`, and
            every call gets BrokenInterpreterPool.
        max_tasks_per_child: after so many calls a worker is replaced by a fresh one,
            which is made ready before that. None: never. Each item of a map counts, or
            each chunk if there is a `chunksize`. On CPython 3.13 each replacement leaks
            3 MB, or more, by what the calls import (see `docs/limits.md`).
        cancel_running: whether `Future.cancel()` stops a call that runs. False: it
            returns False then, as in the standard library; and Ctrl-C waits for it.
        on_error: what leaving a `with` block by an Exception does: "wait" for all calls, as
            the standard library, and tell the logger `interpexec` where that takes long; or
            "cancel" what is pending, and stop what runs.
        finalizer, finalargs: called in each worker after its last call, when the worker ends in
            order: as the pool ends, as it is replaced, after a call was stopped in it. Not after
            a crash, nor after an initializer that failed. `shutdown()` waits for it as for a
            call; `terminate_workers()` and Ctrl-C stop it after 0.1 s. If it raises, the logger
            `interpexec` is told. Where there is one, the worker that takes another one's place
            runs its initializer after that one's finalizer.
        contextvars: variables whose values in the caller's context go with each call.
        forward_logging: hand the log records of workers to the loggers of the caller, whose
            levels the workers have; warnings, too. Those of a call come before its result.
        redirect_stdout: write what workers print to the caller's `sys.stdout` and `sys.stderr`.

        Raises TypeError or ValueError, naming the argument; RuntimeError where gevent or eventlet
        has patched threads after this package was imported.
        """
        arguments.real_threads()
        self._max_workers = arguments.max_workers(max_workers)
        self._thread_name_prefix = (
            arguments.name_prefix(thread_name_prefix) or f"InterpreterPoolExecutor-{next(_counter)}"
        )
        settings = Settings(
            self._max_workers,
            self._thread_name_prefix,
            initializer=arguments.initializer(initializer, initargs, self._max_workers),
            finalizer=arguments.finalizer(finalizer, finalargs),
            max_tasks=arguments.max_tasks(max_tasks_per_child),
            cancel_running=bool(cancel_running),
            forwarded=arguments.forwarded(
                forward_logging=forward_logging, redirect_stdout=redirect_stdout
            ),
        )
        self._scheduler = Scheduler(PoolState(settings))
        self._whole: Self | None = None  # of which `with_options` has made this one
        self._options: CallOptions | None = None
        self._carry(contextvars)
        self._cancels_on_error = arguments.on_error(on_error)
        wake_signal.prepare()
        watch()
        # At exit `process_hooks` closes the scheduler, and earlier than this would.
        weakref.finalize(self, self._scheduler.close).atexit = False

    def __repr__(self) -> str:
        """Tell the pool's name, its state, its workers, and the calls that are not settled."""
        if "_scheduler" not in vars(self):  # its making has failed
            return object.__repr__(self)
        state = self._scheduler.state
        parts = ["broken"] if state.broken else ["shut down"] if state.is_closing else []
        parts.append(f"{len(state.workers.active)} of {self._max_workers} workers")
        parts.append(f"{len(state.table)} calls")
        if self._options is not None:
            parts.append(str(self._options))
        return f"<{type(self).__name__} {self._thread_name_prefix}: {', '.join(parts)}>"

    def submit[**P, T](
        self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs"
    ) -> "CallFuture[T]":
        """Schedule `fn(*args, **kwargs)` and return its future. Does not block.

        The call is pickled before this returns: later changes of its arguments are not
        sent. A call that cannot be sent is not refused here: its future raises
        NotShareableError, naming the argument, as in the standard library. The future is
        that of the standard library; but its `cancel()` stops a running call, too.

        Raises TypeError for what is not callable, BrokenInterpreterPool (a
        RuntimeError) when a worker could not be made ready, RuntimeError after
        `shutdown()`, while the program exits, in a child that was forked while there were
        calls, and at the top level of a module or program that a worker just runs to unpickle
        a call.
        """
        arguments.function(fn)
        scheduler = self._scheduler
        scheduler.refuse_if_over()
        main_module.refuse_while_unpickling()
        watch()
        try:
            payload = self._dumps_call(fn, args, kwargs)
            return scheduler.submit(payload, arguments.name_of(fn), self._options)  # type: ignore[return-value]  # of what `fn` returns
        except NotShareableError as error:
            return _refused(error)
        finally:
            if noted:
                deliver()

    _package_submit = submit

    def with_options(  # noqa: PLR0913  # one for each
        self,
        *,
        timeout: "float | EllipsisType | None" = ...,
        retries: "int | EllipsisType" = ...,
        retry_on: "type[BaseException] | tuple[type[BaseException], ...] | EllipsisType" = ...,
        name: "str | EllipsisType | None" = ...,
        priority: "int | EllipsisType" = ...,
        contextvars: "Iterable[ContextVar[Any]] | EllipsisType" = ...,
    ) -> "Self":
        """Return an executor over the same workers that treats its calls differently.

        timeout: the seconds that each call may run, a float > 0; None: no limit. They
            are counted from the moment at which a worker begins the call. When they
            are over, the future gets a TimeoutError that names the limit and the
            function, the call is interrupted as by `Future.cancel()`, and its worker
            is replaced. A chunk of a map is one call; without a `chunksize`, each item is.
        contextvars: variables (`contextvars.ContextVar`) whose values in the calling context, at
            `submit` or `map`, are copied into each call. It has a context of its own, whose
            changes the next one does not see. NotShareableError when a value cannot be sent.

        retries: how often a call is run again that has failed, was out of time, or was lost
            with its worker; an int >= 0. Its future waits for the last attempt, whose error has
            a note for each of the earlier ones. Arguments that can be sent only once cannot be
            sent again. In a map each item is a call then; with a `chunksize` a chunk is, and an
            item that fails in it is not run again.
        retry_on: an exception class, or a tuple of some, after which that is done. By default
            every Exception but NotShareableError.
        name: of these calls, in place of the function's: in `workers()`, errors and logs.
        priority: calls of a higher one are sent before those that wait; an int, 0 by default.
            A call that runs, or is about to, is not reordered.

        >>> pool.with_options(timeout=5).submit(f, x)  # doctest: +SKIP
        >>> pool.with_options(retries=2, retry_on=OSError).map(fetch, urls)  # doctest: +SKIP

        It is light, and has all the methods of the executor; `shutdown()` is that of
        the whole pool. Options that are left out stay as they are. Raises TypeError or
        ValueError, naming the argument.
        """
        view = copy(self)
        view._whole = self._whole or self  # noqa: SLF001  # of this class
        given = {
            "timeout": timeout,
            "retries": retries,
            "retry_on": retry_on,
            "name": name,
            "priority": priority,
        }
        view._options = option_checks.changed(self._options, given)  # noqa: SLF001  # of this class
        if contextvars is not ...:
            view._carry(contextvars)  # noqa: SLF001  # of this class
        return view

    def _carry(self, contextvars: "Iterable[ContextVar[Any]]") -> None:
        """Have calls be sent with the values of context variables."""
        carrier = self._carrier = arguments.carrier(
            contextvars, self._scheduler.state.settings.forwarded
        )
        self._dumps_call = pickling.dumps_call if carrier is None else carrier.dumps_call

    def _has_own_submit(self) -> bool:
        """Say whether a subclass, or a program on this object, has replaced `submit`."""
        cls = type(self)
        return cls.submit is not cls._package_submit or "submit" in vars(self)

    def _job_maker(self, request: "MapRequest", kind: type[Job] = Job) -> "Callable[..., Job]":
        """Return a function that makes the job of a map."""
        watch()
        if self._carrier is not None:
            request.fn = self._carrier.bind(request.fn)
        # An object that `with_options` returned may not live as long as the map.
        return partial(kind, self._whole or self, self._scheduler, request, options=self._options)

    def group(self, *, progress: "Wanted" = False) -> Group:
        """Return a group of calls, for a `with` block: they end together; see `Group`.

        progress: as in `map`, of the calls; of all that were submitted so far.
        """
        is_own, told = self._has_own_submit(), of_calls(progress)
        return Group(self.submit, self._scheduler, is_own=is_own, progress=told)

    def warm(self, *, wait: bool = True) -> None:
        """Start all workers now; otherwise each starts when there is a call for it.

        wait: return when all of them are ready, their initializers included. They start
            side by side, and take calls as soon as they can, whether this waits or not.

        From any thread. Raises BrokenInterpreterPool when an initializer fails; otherwise
        as `submit`.
        """
        self._scheduler.warm(wait=wait)

    def restart(self) -> None:
        """Have fresh workers take all further calls, for code or data that has changed.

        Calls that run come to their end in their workers, which then leave; a worker without a
        call leaves at once, and its successor starts beside it. Does not block. From any thread.
        Raises as `submit`.
        """
        self._scheduler.restart()

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False
    ) -> None:  # the stdlib's signature
        """Take no more calls; let those that were taken come to their end.

        wait: return when that is so, and every worker's interpreter is gone.
        cancel_futures: cancel the calls that wait. One for each worker is about to begin,
            and is not cancelled.

        May be called more than once, from any thread; with wait=False, from a destructor
        and a signal handler, too. Running calls are not stopped: `terminate_workers()` does
        that. A KeyboardInterrupt while this waits stops them, too, and is raised.
        """
        scheduler = self._scheduler
        scheduler.close()
        if cancel_futures:
            scheduler.cancel_backlog()
        if not wait:
            return
        ending.await_end(scheduler)

    def __enter__(self) -> "Self":  # `Executor` has it; but jedi takes its `Self` for `Executor`
        """Return the pool, which ends when the block is left."""
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        """End the pool: see the class."""
        ending.leave(self._scheduler, error, cancels_on_error=self._cancels_on_error)

    async def __aenter__(self) -> "Self":
        """Return the pool, which ends when the block is left. RuntimeError outside of asyncio."""
        from interpexec._aio.ending import refuse_elsewhere  # which imports asyncio

        refuse_elsewhere()
        return self

    async def __aexit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        """End the pool as `with` does; the event loop goes on meanwhile.

        Cancelling the task that leaves stops what runs, as Ctrl-C does in `shutdown()`.
        """
        from interpexec._aio.ending import leave  # which imports asyncio

        await leave(self._scheduler, error, cancels_on_error=self._cancels_on_error)

    def terminate_workers(self) -> None:
        """Cancel everything, stop what runs, and take no more calls.

        Every future that is not finished is cancelled, also with `cancel_running=False`.
        Returns when the workers are gone, which takes some milliseconds. A worker whose call,
        or initializer, cannot be interrupted is left behind after a grace of 0.1 s, and ends
        when that returns. On an overloaded machine this waits for at most 10 s. May be called
        more than once, from any thread; from a callback, too. The name is that of
        `ProcessPoolExecutor`.
        """
        self._scheduler.terminate(TERMINATION_LIMIT)

    def broadcast[**P, T](
        self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs"
    ) -> "list[CallFuture[T]]":
        """Run `fn(*args, **kwargs)` in every worker, beside what runs there.

        Returns one future for each worker that there is now: none before the first
        call was submitted, since workers start when they are needed. Does not block.
        In each worker, a thread of its own runs what is broadcast, in the order of the
        broadcasts, after the initializer; it shares modules and GIL with the calls.
        When a worker ends before its turn comes, its future is cancelled. Cancelling a
        future whose function runs interrupts that, and replaces the worker after its call.

        Raises NotShareableError when the call cannot be sent, naming the argument;
        otherwise as `submit`.
        """
        arguments.function(fn)
        self._scheduler.refuse_if_over()
        main_module.refuse_while_unpickling()
        dump = partial(self._dumps_call, fn, args, kwargs)
        return self._scheduler.broadcast(dump, arguments.name_of(fn))  # type: ignore[return-value]  # of what `fn` returns


def _refused(error: NotShareableError) -> "CallFuture[Any]":
    """Return a finished future for a call that cannot be sent."""
    future: CallFuture[Any] = CallFuture(REFUSED, None, None)
    future.set_exception(without_frames(error))
    return future
