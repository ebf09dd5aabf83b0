"""Waiting for the calls of a map, and opening them."""

import asyncio

from interpexec._aio.ending import in_thread
from interpexec._map.chunk_list import Chunk
from interpexec._map.job import Job
from interpexec._map.opening import failed, opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future

    from interpexec._map.provenance import Opened


async def outcomes_of(job: Job, chunk: Chunk) -> "Opened":
    """Wait for a call and return the outcomes of its items; or raise its exception."""
    future = chunk.future
    try:
        value = await asyncio.wrap_future(future)
    except BaseException as error:
        if not _is_of(future, error) or (outcomes := failed(job, chunk, error)) is None:
            raise
        return outcomes
    finally:
        del future  # it refers to the result; see `_map.opening`
    return opened(job, chunk, value)


async def tell_progress(job: Job) -> None:
    """Return when the last numbers of a map's progress are told."""
    if job.is_told:
        await in_thread(job.tell_progress)  # the program's code: it may block


def _is_of(future: "Future[object]", error: BaseException) -> bool:
    """Say whether an exception is the outcome of a call, and not the end of this task."""
    if not isinstance(error, asyncio.CancelledError):
        return future.done() and not future.cancelled()
    task = asyncio.current_task()
    return future.cancelled() and not (task is not None and task.cancelling())
