"""The arguments of the functions of `interpexec.aio`, checked."""

from interpexec._core.error_text import shown
from interpexec._map.chunk_size import CALLS_PER_WORKER
from interpexec._map.request import MapRequest
from interpexec._pool import arguments
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def check(executor: object) -> None:
    """Raise TypeError for what is no executor of this package."""
    if not isinstance(executor, InterpreterPoolExecutor):
        raise TypeError(f"executor must be an InterpreterPoolExecutor, got {shown(executor)}")


def request_of(  # noqa: PLR0913  # what a map is given
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., object]",
    iterables: "tuple[Iterable[object], ...]",
    chunksize: int | None,
    buffersize: int | None,
    *,
    wants_outcomes: bool = False,
) -> MapRequest:
    """Check the arguments, and bound what is in flight."""
    check(executor)
    if buffersize is None:
        workers = executor._max_workers  # noqa: SLF001  # a class of this package
        buffersize = CALLS_PER_WORKER * workers * (arguments.chunksize(chunksize) or 1)
    return MapRequest(fn, iterables, chunksize, buffersize, wants_outcomes=wants_outcomes)
