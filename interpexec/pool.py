"""`multiprocessing.Pool` over subinterpreters: the same names, for programs that move here.

    from interpexec.pool import Pool

    with Pool(4) as pool:
        print(pool.map(f, items))

`docs/moving.md` tells the differences.
"""

import os
import warnings
from functools import partial
from itertools import batched, count
from operator import index

from interpexec._core.error_text import shown
from interpexec._map.plain_chunk import mapped, starmapped
from interpexec._pool import arguments
from interpexec._ports.callbacks import CallbackThread
from interpexec._ports.feeders import Feeders
from interpexec._ports.imap import IMapIterator
from interpexec._ports.results import AsyncResult, Callbacks, Chunks, MapResult
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Any, NoReturn, Self

    from interpexec._ports.results import OnError

__all__ = ["AsyncResult", "IMapIterator", "MapResult", "Pool"]

_INIT, _RUN, _CLOSE, _TERMINATE = "INIT", "RUN", "CLOSE", "TERMINATE"

_CHUNKS_PER_WORKER = 4  # in `map`, where no chunksize is given: as in `multiprocessing`

_counter = count(1)


class Pool:
    """A pool of workers with the methods of `multiprocessing.Pool`.

    Each worker is an interpreter of this process. Below is an `InterpreterPoolExecutor`, and
    what that says of calls holds here: how they are sent, what they may do, how they are
    stopped. Workers start at once, in the background.

    All methods may be called from any thread. Leaving a `with` block terminates the pool, as in
    `multiprocessing`: calls whose results were not waited for are stopped. A pool that is
    neither closed nor terminated gives a ResourceWarning when it is dropped, and computes what
    was asked of it.
    """

    _state = _INIT

    def __init__(
        self,
        processes: int | None = None,
        initializer: "Callable[..., object] | None" = None,
        initargs: "Iterable[object]" = (),
        maxtasksperchild: int | None = None,
        context: None = None,
    ) -> None:
        """Make a pool, and start its workers. Does not wait for them.

        processes: how many workers; by default as many as there are CPUs to use.
        initializer, initargs: called in each worker before its first call. If it raises, that
            is logged by `concurrent.futures`, and every call gets BrokenInterpreterPool.
        maxtasksperchild: after so many calls a worker is replaced by a fresh one. A chunk
            of a map is one call.
        context: None. Interpreters have no start method.

        Raises TypeError or ValueError, naming the argument.
        """
        _refuse_context(context)
        self._processes = _processes(processes)
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be a callable, got {shown(initializer)}")
        name = f"Pool-{next(_counter)}"
        self._executor = InterpreterPoolExecutor(
            self._processes,
            name,
            initializer,
            initargs,
            max_tasks_per_child=_tasks(maxtasksperchild),
        )
        self._callback_thread = CallbackThread(f"{name}-callbacks")
        self._feeders = Feeders(self._executor, self._processes, f"{name}-feeder")
        self._executor.warm(wait=False)
        self._state = _RUN

    # -- calls -----------------------------------------------------------------------------

    def apply[T](
        self,
        func: "Callable[..., T]",
        args: "Iterable[Any]" = (),
        kwds: "Mapping[str, Any]" = {},  # noqa: B006  # `multiprocessing`'s signature; only read
    ) -> T:
        """Return `func(*args, **kwds)`, called in a worker. Waits for it.

        Raises the exception of the call; ValueError when the pool is closed.
        """
        return self.apply_async(func, args, kwds).get()

    def apply_async[T](
        self,
        func: "Callable[..., T]",
        args: "Iterable[Any]" = (),
        kwds: "Mapping[str, Any]" = {},  # noqa: B006  # `multiprocessing`'s signature; only read
        callback: "Callable[[T], object] | None" = None,
        error_callback: "OnError" = None,
    ) -> AsyncResult[T]:
        """Schedule `func(*args, **kwds)`, and return its result to come. Does not block.

        callback: called with the value. error_callback: called with the exception. They run in
        one thread of the pool, one after another, in the order in which calls end; exceptions
        of theirs are logged. The result is ready when they have returned.

        Raises ValueError when the pool is closed; BrokenInterpreterPool.
        """
        callbacks = self._callbacks(callback, error_callback)
        call = self._executor.submit(func, *args, **kwds)
        name = arguments.name_of(func)
        return AsyncResult(callbacks.behind(call, name), name)

    # -- maps that return a list -----------------------------------------------------------

    def map[A, R](
        self, func: "Callable[[A], R]", iterable: "Iterable[A]", chunksize: int | None = None
    ) -> list[R]:
        """Return a list of `func(item)` for each item. Waits for all of them.

        chunksize: items per call. None: four calls for each worker.

        An exception ends its chunk, and is raised when all other chunks are computed.
        """
        return self.map_async(func, iterable, chunksize).get()

    def map_async[A, R](
        self,
        func: "Callable[[A], R]",
        iterable: "Iterable[A]",
        chunksize: int | None = None,
        callback: "Callable[[list[R]], object] | None" = None,
        error_callback: "OnError" = None,
    ) -> MapResult[R]:
        """Do as `map`, and return the list to come. Callbacks as in `apply_async`."""
        return self._map(mapped, func, iterable, chunksize, (callback, error_callback))

    def starmap[R](
        self,
        func: "Callable[..., R]",
        iterable: "Iterable[Iterable[Any]]",
        chunksize: int | None = None,
    ) -> list[R]:
        """Return a list of `func(*item)` for each item; otherwise as `map`."""
        return self.starmap_async(func, iterable, chunksize).get()

    def starmap_async[R](
        self,
        func: "Callable[..., R]",
        iterable: "Iterable[Iterable[Any]]",
        chunksize: int | None = None,
        callback: "Callable[[list[R]], object] | None" = None,
        error_callback: "OnError" = None,
    ) -> MapResult[R]:
        """Do as `starmap`, and return the list to come. Callbacks as in `apply_async`."""
        return self._map(starmapped, func, iterable, chunksize, (callback, error_callback))

    def _map(
        self,
        mapper: "Callable[..., list[Any]]",
        func: "Callable[..., Any]",
        iterable: "Iterable[Any]",
        chunksize: int | None,
        on_end: "tuple[Callable[[Any], object] | None, OnError]",
    ) -> MapResult["Any"]:
        callbacks = self._callbacks(*on_end)
        items: Collection[Any] = iterable if hasattr(iterable, "__len__") else list(iterable)  # type: ignore[assignment]  # that is the question
        size = arguments.chunksize(chunksize) or self._chunksize(len(items))
        chunks, name = Chunks(), arguments.name_of(func)
        try:
            for chunk in batched(items, size, strict=False):
                chunks.add(self._executor.submit(mapper, func, chunk))
        except Exception as error:  # of the iterable, as a rule: the chunks before it are computed
            chunks.seal(error)
        except BaseException:
            chunks.cancel()
            raise
        else:
            chunks.seal()
        return MapResult(callbacks.behind(chunks.whole, name), name)

    def _chunksize(self, count: int) -> int:
        return max(-(-count // (self._processes * _CHUNKS_PER_WORKER)), 1)

    # -- maps that return an iterator ------------------------------------------------------

    def imap[A, R](
        self, func: "Callable[[A], R]", iterable: "Iterable[A]", chunksize: int = 1
    ) -> IMapIterator[R]:
        """Return an iterator over `func(item)` for each item, in order. Does not block.

        chunksize: items per call.

        A thread reads the iterable, some way ahead of the workers, whether results are taken
        or not. An exception of `func` is raised by the `next()` whose turn it is, and costs its
        item (its chunk); one of the iterable comes behind the results before it.
        """
        return self._imap(func, iterable, chunksize, is_ordered=True)

    def imap_unordered[A, R](
        self, func: "Callable[[A], R]", iterable: "Iterable[A]", chunksize: int = 1
    ) -> IMapIterator[R]:
        """Return an iterator over the results of `imap` as they arrive. Does not block."""
        return self._imap(func, iterable, chunksize, is_ordered=False)

    def _imap(
        self,
        func: "Callable[[Any], Any]",
        iterable: "Iterable[Any]",
        chunksize: int,
        *,
        is_ordered: bool,
    ) -> IMapIterator["Any"]:
        self._check_running()
        size = arguments.chunksize(chunksize) or 1
        (items,) = arguments.mappable(func, (iterable,))
        results: IMapIterator[Any] = IMapIterator(
            arguments.name_of(func), is_ordered=is_ordered, are_chunks=size > 1
        )
        submit: Callable[..., Future[Any]] = self._executor.submit
        if size == 1:
            self._feeders.start(partial(submit, func), items, results)
        else:
            chunks = batched(items, size, strict=False)
            self._feeders.start(partial(submit, mapped, func), chunks, results)
        return results

    # -- the end ---------------------------------------------------------------------------

    def close(self) -> None:
        """Take no more calls; let those that were taken come to their end. Does not block."""
        if self._state == _RUN:
            self._state = _CLOSE
            self._feeders.close()

    def terminate(self) -> None:
        """Stop everything. Results that are not there yet raise CancelledError.

        Waits for the workers: some milliseconds; where a call cannot be interrupted, 0.1 s. The
        interpreter of such a call ends when it returns.
        """
        self._state = _TERMINATE
        self._feeders.is_stopped = True
        self._executor.terminate_workers()
        self._feeders.stop()

    def join(self) -> None:
        """Wait for the end of a pool that was closed, or terminated; ValueError before.

        All results are ready then, callbacks have returned, and no thread is left.
        """
        if self._state == _RUN:
            raise ValueError("Pool is still running")
        self._feeders.join()
        self._executor.shutdown(wait=True)
        self._callback_thread.join()

    def __enter__(self) -> "Self":
        """Return the pool. ValueError when it was closed, or terminated."""
        self._check_running()
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        """Terminate the pool."""
        self.terminate()

    def __del__(self, _warn: "Callable[..., object]" = warnings.warn, _run: str = _RUN) -> None:
        """Warn about a pool that nobody has closed."""
        if self._state == _run:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    def __repr__(self) -> str:
        """Tell the state of the pool, and how many workers it has."""
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        executor = vars(self).get("_executor")
        # `workers()` imports, which is too late when the program ends.
        size = 0 if executor is None else len(executor._threads)  # noqa: SLF001  # the stdlib's name
        return f"<{name} state={self._state} pool_size={size}>"

    def __reduce__(self) -> "NoReturn":
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    # -- checks ----------------------------------------------------------------------------

    def _check_running(self) -> None:
        if self._state != _RUN:
            raise ValueError("Pool not running")

    def _callbacks(
        self, on_result: "Callable[[Any], object] | None", on_error: "OnError"
    ) -> Callbacks:
        self._check_running()
        return Callbacks(self._callback_thread, on_result, on_error)


def _processes(value: int | None) -> int:
    """Return the number of workers."""
    if value is None:
        return os.process_cpu_count() or 1
    try:
        number = index(value)
    except Exception:  # the user's __index__
        raise TypeError(f"processes must be an integer or None, got {shown(value)}") from None
    if number < 1:
        raise ValueError(f"processes: Number of processes must be at least 1, got {number}")
    return number


def _tasks(value: int | None) -> int | None:
    """Check after how many calls a worker is replaced. A ValueError, as in `multiprocessing`."""
    if value is not None and (not isinstance(value, int) or value <= 0):
        raise ValueError(f"maxtasksperchild must be a positive int or None, got {shown(value)}")
    return value


def _refuse_context(context: object) -> None:
    if context is not None:
        raise ValueError(
            f"context must be None, got {shown(context)}: the workers are interpreters of this"
            " process, so there is no start method to choose"
        )
