"""The joblib backend: the calls of a `Parallel` run in a pool of interpreters.

    Parallel --submit--> executor --> worker: `joblib_worker.run_batch`
       ^                    |
       +---- callback ------+   which takes the result, and makes the next batch

joblib makes the batches, measures them, keeps the order, counts the seconds. A pool lives as
long as its backend: in a `with parallel_config("interpexec"):` block, and in one `Parallel`
object, all calls share it, until one of them fails.
"""

import weakref
from concurrent.futures import Future
from types import SimpleNamespace

import joblib
from joblib.parallel import (
    AutoBatchingMixin,
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
)

from interpexec._core.error_text import shown
from interpexec._core.sigint import protected
from interpexec._ports.joblib_worker import prepare, run_batch
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FOR_OTHERS = frozenset(
    {"max_nbytes", "temp_folder", "mmap_mode", "prefer", "require", "verbose", "context"}
)
"""Arguments that `Parallel` passes to every backend. They are about processes and NumPy."""

_SILENT = SimpleNamespace(verbose=0)
"""Stands for a `Parallel` that is gone."""

_OPTIONS = frozenset({"initializer", "initargs", "max_tasks_per_child", "thread_name_prefix"})


class InterpreterBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """Runs the batches of joblib in an `InterpreterPoolExecutor`."""

    default_n_jobs = -1
    supports_retrieve_callback = True

    def __init__(
        self,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
        **options: "Any",
    ) -> None:
        """options: of `InterpreterPoolExecutor`. Starts nothing."""
        super().__init__(
            nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads, **options
        )
        self._parallel: Callable[[], Any] = lambda: None
        self._options = _checked(options)
        self._pool: InterpreterPoolExecutor | None = None
        self._made_with: tuple[int, dict[str, Any]] | None = None
        self._out: set[Future[list[object]]] = set()

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return the number of workers: -1 is one for each CPU, -2 one less, and so on."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(joblib.cpu_count() + 1 + n_jobs, 1)

    def configure(self, n_jobs: int = 1, parallel: "Any" = None, **options: "Any") -> int:
        """Make a pool, or keep that of the call before, and return the number of workers."""
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        given = {name: value for name, value in options.items() if name not in _FOR_OTHERS}
        wanted = n_jobs, self._options | _checked(given)
        if self._pool is None or wanted != self._made_with:
            self._pool, self._made_with = _pool(*wanted), wanted
        self._parallel = weakref.ref(parallel)
        return n_jobs

    @property
    def parallel(self) -> "Any":
        """The `Parallel` that was configured last, for what joblib prints.

        It has this backend, so a reference back would keep both until the next collection,
        and the workers with them.
        """
        return self._parallel() or _SILENT

    @protected  # else the call would run, and nobody could cancel it
    def submit(
        self, func: "Any", callback: "Callable[[Future[list[object]]], object] | None" = None
    ) -> "Future[list[object]]":
        """Schedule a batch. callback: of `Parallel`, which may make the next one.

        The race with an abort, in steps. A callback submits, and another thread aborts.
        1. The callback finds that nothing is aborted, and makes a batch.
        2. The other thread says that all is aborted, and cancels what is out.
        3. This puts the batch out, looks again, and cancels it. Where the pool was closed in
           between, the batch is one that was cancelled.
        """
        pool = self._pool
        try:
            call = _cancelled() if pool is None else pool.submit(run_batch, func.items)
        except RuntimeError:
            if pool is self._pool:
                raise
            return _cancelled()
        self._out.add(call)
        call.add_done_callback(self._out.discard)
        if callback is not None:
            call.add_done_callback(callback)
        if getattr(getattr(callback, "parallel", None), "_aborting", False):
            call.cancel()
        return call

    def retrieve_result_callback(self, out: "Future[list[object]]") -> list[object]:
        """Return the results of a batch, or raise its exception."""
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel all calls, also those that run. The pool stays, if it has to be ready for more.

        Else it is closed: the exception that is the reason keeps `Parallel`, and so this, until
        the next collection.
        """
        for call in list(self._out):
            call.cancel()
        if not ensure_ready and self._pool is not None:
            pool, self._pool = self._pool, None
            pool.shutdown(wait=False)

    def terminate(self) -> None:
        """Forget the call that has ended. The pool stays, for the next one."""
        self.reset_batch_stats()

    def get_nested_backend(self) -> "tuple[Any, None]":
        """Return the backend of a `Parallel` inside a call: none but this one after another."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None


def _checked(options: "dict[str, Any]") -> "dict[str, Any]":
    """Return the options of a pool. TypeError for others."""
    if unknown := options.keys() - _OPTIONS:
        raise TypeError(
            f"the joblib backend has no option {shown(min(unknown))}; it has {sorted(_OPTIONS)}"
        )
    return options


def _cancelled() -> "Future[list[object]]":
    """Return the future of a call that was cancelled before it was made."""
    call: Future[list[object]] = Future()
    call.cancel()
    return call


def _pool(workers: int, options: "dict[str, Any]") -> InterpreterPoolExecutor:
    """Make a pool whose workers can import joblib."""
    options = options.copy()
    user = options.pop("initializer", None), tuple(options.pop("initargs", ()))
    return InterpreterPoolExecutor(workers, initializer=prepare, initargs=user, **options)
