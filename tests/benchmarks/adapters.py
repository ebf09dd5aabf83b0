"""Adapters: pools with interfaces of their own, behind that of ``Executor``.

An adapter adds as little as it can, since what it costs counts as its contender's. Each is
made by a function that does the imports, and raises ImportError where that pool is not
installed.
"""

import importlib
import multiprocessing
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from multiprocessing.context import BaseContext
from typing import Any, cast

type Factory = Callable[[int], Executor]
"""Makes a pool of so many workers, everything it needs being imported already."""

type Call = Callable[..., Awaitable[object]]
"""``await call(function, *arguments)`` runs it in a worker."""


def process_context() -> BaseContext:
    """Return the fork server's context, or that of ``spawn`` where there is none."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


class MultiprocessingPool(Executor):
    """``multiprocessing.Pool``: ``submit`` is its ``apply_async``, ``map`` its own ``map``."""

    def __init__(self, max_workers: int) -> None:
        """Start the processes."""
        self._pool = process_context().Pool(max_workers)

    def submit[T, **P](
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> "Future[T]":
        """Return the pool's own kind of future, which is asked for its result only."""
        answer: Any = self._pool.apply_async(fn, args, kwargs)
        answer.result = answer.get
        return cast("Future[T]", answer)

    def map[T](self, fn: Callable[..., T], *iterables: Iterable[Any], **_: object) -> Iterator[T]:
        """Return the results, all of them being there."""
        if len(iterables) == 1:
            return iter(self._pool.map(fn, iterables[0]))
        return iter(self._pool.starmap(fn, zip(*iterables, strict=False)))

    def shutdown(self, *_: object, **__: object) -> None:
        """End the processes, which have nothing left to do."""
        self._pool.close()
        self._pool.join()


def load_multiprocessing() -> Factory:
    """``multiprocessing.Pool`` over a fork server."""
    return MultiprocessingPool


def load_loky() -> Factory:
    """``loky.get_reusable_executor``, where it is installed."""
    get_executor = importlib.import_module("loky").get_reusable_executor
    return lambda max_workers: get_executor(max_workers=max_workers)


def load_mpire() -> Factory:
    """``mpire.WorkerPool`` over a fork server, where installed: it maps, in chunks of its own."""
    worker_pool = importlib.import_module("mpire").WorkerPool
    method = process_context().get_start_method()

    class Mpire(Executor):
        def __init__(self, max_workers: int) -> None:
            self._pool = worker_pool(max_workers, start_method=method, keep_alive=True)

        def map(
            self, fn: Callable[..., Any], *iterables: Iterable[Any], **_: object
        ) -> Iterator[Any]:
            single = len(iterables) == 1  # a tuple is taken as the arguments of a call
            items = list(iterables[0] if single else zip(*iterables, strict=False))
            return iter(self._pool.map(fn, items))

        def shutdown(self, *_: object, **__: object) -> None:
            self._pool.stop_and_join()

    return Mpire


def load_joblib() -> Factory:
    """``joblib.Parallel``, where it is installed: it maps, and makes its own batches.

    With one worker it starts none and does the work itself.
    """
    joblib = importlib.import_module("joblib")
    loky = importlib.import_module("joblib.externals.loky")

    class Joblib(Executor):
        def __init__(self, max_workers: int) -> None:
            self._parallel = joblib.Parallel(n_jobs=max_workers)
            self._parallel.__enter__()

        def map(
            self, fn: Callable[..., Any], *iterables: Iterable[Any], **_: object
        ) -> Iterator[Any]:
            call = joblib.delayed(fn)
            return iter(self._parallel(call(*args) for args in zip(*iterables, strict=False)))

        def shutdown(self, *_: object, **__: object) -> None:
            self._parallel.__exit__(None, None, None)
            loky.get_reusable_executor().shutdown()  # it would stay for the next one

    return Joblib


def load_pebble() -> Factory:
    """``pebble.ProcessPool``, where it is installed: it stops a call by killing its process."""
    pebble = importlib.import_module("pebble")

    class Pebble(Executor):
        def __init__(self, max_workers: int) -> None:
            self._pool = pebble.ProcessPool(max_workers)

        def submit[T, **P](
            self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
        ) -> "Future[T]":
            future: Future[T] = self._pool.schedule(fn, args=args, kwargs=kwargs)
            return future

        def shutdown(self, *_: object, **__: object) -> None:
            self._pool.close()
            self._pool.join()

    return Pebble


def load_anyio() -> Callable[[int], Call]:
    """``anyio.to_interpreter.run_sync``, where it is installed and works: awaited, no pool."""
    anyio = importlib.import_module("anyio")
    run_sync = importlib.import_module("anyio.to_interpreter").run_sync
    return lambda workers: partial(run_sync, limiter=anyio.CapacityLimiter(workers))
