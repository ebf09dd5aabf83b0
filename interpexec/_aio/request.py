"""The arguments of the functions of `interpexec.aio`, checked."""

from interpexec._aio.feeder import Feeder, is_asynchronous
from interpexec._core.error_text import shown
from interpexec._map.chunk_size import CALLS_PER_WORKER
from interpexec._map.request import MapRequest
from interpexec._pool import arguments
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._map.job import Job
    from interpexec._map.progress import Wanted


def check(executor: object) -> None:
    """Raise TypeError for what is no executor of this package."""
    if not isinstance(executor, InterpreterPoolExecutor):
        raise TypeError(f"executor must be an InterpreterPoolExecutor, got {shown(executor)}")


def job_maker(  # noqa: PLR0913  # what a map is given
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., object]",
    iterables: "tuple[object, ...]",
    chunksize: int | None,
    buffersize: int | None,
    *,
    wants_outcomes: bool = False,
    progress: "Wanted" = False,
) -> "tuple[Callable[..., Job], Feeder | None]":
    """Check the arguments, and bound what is in flight.

    Return what makes the job, and what feeds it, where not all iterables are ordinary ones.
    """
    check(executor)
    bound = arguments.buffersize(buffersize)
    if bound is None:
        workers = executor._max_workers  # noqa: SLF001  # a class of this package
        bound = CALLS_PER_WORKER * workers * (arguments.chunksize(chunksize) or 1)
    feeder = Feeder(iterables, bound) if any(map(is_asynchronous, iterables)) else None
    columns: tuple[Any, ...] = iterables if feeder is None else (feeder.inlet,)
    request = MapRequest(
        fn, columns, chunksize, bound, wants_outcomes=wants_outcomes, progress=progress
    )
    return executor._job_maker(request), feeder  # noqa: SLF001  # a class of this package
