"""The methods of an executor that tell what its workers do."""

from interpexec._pool import arguments

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from interpexec._pool.introspection import WorkerInfo
    from interpexec._pool.scheduler import Scheduler
    from interpexec._pool.stats import PoolStats


class Monitored:
    """`workers`, `stats`, `refused_imports` and `dump_stacks`: a base class of the executor."""

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
