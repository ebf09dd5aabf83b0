"""The executor: what users see of a pool. How it works is told in `_engine`."""

import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from interpexec import _checks, _main, _messages
from interpexec._engine import Engine
from interpexec._future import REFUSED, CallFuture
from interpexec._mapping import Supply, Unordered, ordered
from interpexec._pool_errors import BrokenInterpreterPool
from interpexec.errors import NotShareableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from threading import Thread
    from typing import Any

_counter = count()


class InterpreterPoolExecutor(ThreadPoolExecutor):
    """Runs calls in subinterpreters, each with its own GIL, in this process.

    A `concurrent.futures.Executor`, and used as those are. It is a
    `ThreadPoolExecutor` by inheritance only, as the standard library's class of
    this name is, so that `loop.set_default_executor()` takes it.

    A call travels by pickle: the function by its name, or by value where it is
    a lambda or a local function that needs nothing but its code; arguments and
    results as copies. Workers import what they need themselves and keep their
    modules' state from one call to the next.

    All methods may be called from any thread of the interpreter that made the
    executor. Leaving a `with` block waits for all calls. An executor that is
    dropped, or alive when the program ends, still computes what was submitted.
    """

    BROKEN = BrokenInterpreterPool

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: "Callable[..., object] | None" = None,
        initargs: "Iterable[object]" = (),
    ) -> None:
        """Make a pool. Nothing is started before the first `submit`.

        max_workers: how many interpreters at most. By default as many as the
            standard library's class has: CPUs + 4, at most 32. They start when
            they are needed: one, as long as each call comes after the last
            one's result.
        thread_name_prefix: of the workers' threads, as seen from both sides.
        initializer, initargs: called in each worker before its first call. If it
            raises, or cannot travel, that is logged by `concurrent.futures`, and
            every call gets BrokenInterpreterPool.

        Raises TypeError or ValueError, naming the argument.
        """
        self._max_workers = _checks.max_workers(max_workers)
        self._thread_name_prefix = (
            _checks.name_prefix(thread_name_prefix) or f"InterpreterPoolExecutor-{next(_counter)}"
        )
        dump_initializer = _checks.initializer(initializer, initargs)
        self._engine = Engine(self._max_workers, self._thread_name_prefix, dump_initializer)
        # At exit the engine is closed by `_process`, and earlier.
        weakref.finalize(self, self._engine.close).atexit = False

    def submit[**P, T](
        self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs"
    ) -> "CallFuture[T]":
        """Schedule `fn(*args, **kwargs)` and return its future. Does not block.

        The call is pickled here and now: what is changed afterwards does not
        change it. A call that cannot travel is not refused here: its future
        raises NotShareableError, naming the argument, as in the standard
        library.

        Raises TypeError for what is not callable, BrokenInterpreterPool (a
        RuntimeError) when a worker could not be made ready, RuntimeError after
        `shutdown()`, while the program exits, in a child that was forked while
        calls ran, and in a worker that is just importing a module, or running the
        program, to find what a call needs.
        """
        _checks.function(fn)
        engine = self._engine
        engine.refuse_if_over()
        _main.refuse_while_finding()
        try:
            payload = _messages.dumps_call(fn, args, kwargs)
        except NotShareableError as error:
            return _refused(error)
        return engine.submit(payload)  # type: ignore[return-value]  # of what `fn` returns

    def map[T](
        self,
        fn: "Callable[..., T]",
        *iterables: "Iterable[object]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
    ) -> "Iterator[T]":
        """Return an iterator over `fn(*items)`, in order, for the zipped iterables.

        timeout: seconds from now, after which `next()` raises TimeoutError.
        chunksize: items per call. None: one.
        buffersize: how many items may be in flight, submitted and not yet
            yielded. None: the iterables are read to their end at once.

        An exception that `fn` raises is raised by the `next()` whose turn it is;
        what has not begun by then is cancelled, as it is when the iterator is
        closed. Other items of the same chunk are computed all the same.

        Raises TypeError or ValueError, naming the argument, and what `submit`
        raises.
        """
        supply = self._supply(fn, iterables, chunksize, buffersize)
        return ordered(supply, _checks.timeout(timeout))  # type: ignore[return-value]

    def imap_unordered[T](
        self,
        fn: "Callable[..., T]",
        *iterables: "Iterable[object]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
    ) -> "Iterator[T]":
        """Return an iterator over the results of `map`, as they arrive.

        The name and its ways are those of `multiprocessing`: an exception is
        raised by the `next()` that meets it, and the next one goes on with the
        other items. Arguments and errors as in `map`. `close()` cancels what has
        not begun.
        """
        supply = self._supply(fn, iterables, chunksize, buffersize)
        return Unordered(supply, _checks.timeout(timeout))  # type: ignore[return-value]

    def _supply(
        self,
        fn: "Callable[..., object]",
        iterables: "tuple[Iterable[object], ...]",
        chunksize: int | None,
        buffersize: int | None,
    ) -> Supply:
        """Check the arguments of a map."""
        return Supply(
            self,
            fn,
            _checks.mappable(fn, iterables),
            chunksize=_checks.chunksize(chunksize),
            buffersize=_checks.buffersize(buffersize),
        )

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False
    ) -> None:  # the stdlib's signature
        """Take no more calls; let those that were taken come to their end.

        wait: return when that is so, and every worker's interpreter is gone.
        cancel_futures: cancel what is more than one call for each worker.

        May be called more than once, from any thread.
        """
        self._engine.close()
        if cancel_futures:
            self._engine.cancel_pending()
        if wait:
            self._engine.join()

    @property
    def _threads(self) -> "set[Thread]":  # type: ignore[override]  # a view of the engine
        """The workers' threads. The standard library has it, and its tests read it."""
        return set(self._engine.workers.values())

    @property
    def _broken(self) -> str | bool:  # type: ignore[override]  # as above
        """Why the pool is broken, or False. As `_threads`."""
        broken = self._engine.broken
        return broken[0] if broken is not None else False

    @property
    def _shutdown(self) -> bool:  # type: ignore[override]  # as above
        """Whether no more calls are taken. As `_threads`."""
        return self._engine.closing


def _refused(error: NotShareableError) -> "CallFuture[Any]":
    """Return a finished future for a call that cannot travel."""
    future: CallFuture[Any] = CallFuture(REFUSED, None, None)
    future.set_exception(error)
    return future
