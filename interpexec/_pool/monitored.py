"""The methods of an executor that tell what its workers do."""

from interpexec._pool import arguments

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from os import PathLike
    from threading import Thread

    from interpexec._pool.introspection import WorkerInfo
    from interpexec._pool.scheduler import Scheduler
    from interpexec._pool.stats import PoolStats
    from interpexec._pool.trace import Trace


class Monitored:
    """`workers`, `stats`, `trace`, `refused_imports` and `dump_stacks`: a base of the executor."""

    _scheduler: "Scheduler"

    def workers(self) -> "list[WorkerInfo]":
        """Return what each worker is doing at this moment; see `WorkerInfo`.

        Does not block, and asks nobody: the workers write it into memory that this
        reads. For monitoring, as often as you like.
        """
        from interpexec._pool import introspection  # few programs ask

        return introspection.workers(self._scheduler.state)

    def stats(self) -> "PoolStats":
        """Return what the pool has done so far, in numbers; see `PoolStats`.

        From any thread. Blocks for some microseconds. A call costs nothing more for it: the
        CPU time is that which the system counts for each thread.
        """
        from interpexec._pool.stats import stats_of  # few programs ask

        return stats_of(self._scheduler.state)

    def refused_imports(self) -> dict[str, str]:
        """Return the extension modules that workers of this pool could not load.

        By their names, with the name of the module that imported each ("" where it was the
        call itself). They do not support subinterpreters. The import has failed, or the package
        goes on without them, often slower and without a word: so the logger `interpexec` warns
        of each, once.

        From any thread. Blocks for some microseconds; for a second at most, where the pool is
        busy with its callbacks.
        """
        from interpexec._pool import refusals  # few programs ask

        return refusals.refused_imports(self._scheduler.state)

    def trace(self, path: "str | PathLike[str]") -> "Trace":
        """Return a context manager that writes a timeline of what the pool does into a file.

        >>> with pool.trace("run.json"):  # doctest: +SKIP
        ...     results = list(pool.map(parse, paths))

        path: of the file, which is made anew. https://ui.perfetto.dev and chrome://tracing show
            it: the trace-event format. There is a row for each worker, with the calls that it has
            run, and the items of maps that took 0.1 ms or more: the function, how each ended, and
            how long the call waited, was packed, unpacked and run. Calls of less than 20 µs that
            follow each other at once are one block, with their number. The row of the pool has
            counters of what runs and what waits.

        For all calls of the pool, from every thread, also those of `with_options`; but not for
        broadcasts. New lines are in the file after 0.1 s, so that a program that is
        killed leaves all but the last ones. Entering waits, for at most 1 s, for workers that run
        C code. Raises TypeError for a path that is none; entering raises OSError, or RuntimeError
        when the pool is traced already; leaving raises OSError when the file could not be written
        whole. In a pool that is not traced a call costs nothing for it.
        """
        from interpexec._pool.trace import Trace  # few programs trace

        return Trace(self._scheduler, path)

    def dump_stacks(self, timeout: float = 1.0) -> str:
        """Return the Python stacks of the running calls, as text, while they run.

        timeout: the seconds to wait for the workers' answers. One that runs C code
            which keeps the GIL of its interpreter, like a long `re.match`, cannot
            answer; the text says so.

        From any thread; blocks for some milliseconds. Raises TypeError or ValueError for a
        timeout that is no positive number.
        """
        from interpexec._pool import introspection  # few programs ask

        return introspection.stacks(self._scheduler, arguments.limit(timeout))

    # -- for the standard library, and its tests --------------------------------------

    @property
    def _threads(self) -> "set[Thread]":
        """The workers' threads. The standard library has it, and its tests read it."""
        return set(self._scheduler.state.workers.active.values())

    @property
    def _broken(self) -> str | bool:
        """Why the pool is broken, or False. As `_threads`."""
        broken = self._scheduler.state.broken
        return broken[0] if broken is not None else False

    @property
    def _shutdown(self) -> bool:
        """Whether no more calls are taken. As `_threads`."""
        return self._scheduler.state.is_closing
