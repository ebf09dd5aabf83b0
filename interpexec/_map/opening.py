"""Opening the calls of a map that have ended: what became of their items."""

from concurrent.futures import CancelledError

from interpexec._core.waiting import Deadline
from interpexec._map.chunk_list import Chunk
from interpexec._map.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future

    from interpexec._map.provenance import Opened


def opened(job: Job, chunk: Chunk, value: object) -> "Opened":
    """Return what became of the items of a chunk whose call has this value.

    From here on the job does not keep it.
    """
    job.finish(chunk)
    del chunk.future
    return job.record.open(value, chunk.provenance)


def failed(job: Job, chunk: Chunk, error: BaseException) -> "Opened | None":
    """Return what became of the items of a chunk whose call has ended with this error.

    None where the error is to be raised.
    """
    job.finish(chunk)
    job.forget(chunk)
    return job.record.open_failed(error, chunk.provenance)


def described(job: Job, chunk: Chunk) -> str:
    """Return a text for the items of a chunk, which may end meanwhile."""
    items = chunk.items  # in this order: a chunk that has ended keeps none
    return (chunk.provenance or job.record.failed(items)).described()


def outcomes_of(job: Job, chunk: Chunk, deadline: Deadline) -> "Opened":
    """Wait for a call and return the outcomes of its items; or raise its exception."""
    future = chunk.future
    try:
        return opened(job, chunk, future.result(deadline.remaining()))
    except BaseException as error:
        if not is_of(future, error):
            late = described(job, chunk) if isinstance(error, TimeoutError) else ""
            future.cancel()
            if future.done():
                job.forget(chunk)
            if late:
                raise TimeoutError(f"timed out waiting for {late}") from None
            raise
        if (outcomes := failed(job, chunk, error)) is None:
            raise
        return outcomes
    finally:
        # One is a reference to the result; and the traceback of an exception would keep all.
        del job, chunk, future


def is_of(future: "Future[object]", error: BaseException) -> bool:
    """Say whether an exception is the outcome of a call, and not that of waiting for it."""
    if not future.done():
        return False
    if future.cancelled():
        return isinstance(error, CancelledError)
    return error is future.exception()
