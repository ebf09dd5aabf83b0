"""Opening the calls of a map that have ended: what became of their items."""

from interpexec._map.chunk_list import Chunk
from interpexec._map.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._map.outcome import Settled
    from interpexec._map.outcomes import Outcomes

    type Opened = Outcomes | Settled


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
