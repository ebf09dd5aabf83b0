"""The statistics of a pool, for people to read."""

import time
from typing import NamedTuple

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from interpexec._pool.state import PoolState


class PoolStats(NamedTuple):
    """The work of a pool since it was made.

    Calls are those of `submit`, and the calls that maps are made of: a chunk of items is one.
    """

    submitted: int
    """Calls that were taken."""

    pending: int
    """Calls that wait for a worker, or run."""

    done: int
    """Calls that have returned a value."""

    failed: int
    """Calls that have ended with an exception, the late and the lost ones included."""

    cancelled: int
    """Calls that were cancelled."""

    timed_out: int
    """Calls that were stopped because they ran for too long; each attempt counts."""

    lost: int
    """Calls that were lost with their worker; each attempt counts."""

    retried: int
    """Further attempts at calls that had failed."""

    workers: int
    """Workers that there are now."""

    started: int
    """Workers that were started. More than `workers`: some were replaced, or have ended."""

    cpu_seconds: float
    """CPU time of the workers' threads, their start included."""


def stats_of(state: "PoolState") -> PoolStats:
    """Return the statistics of a pool."""
    tally = state.tally
    with state.lock:
        submitted = state.ids.value - tally.other_ids.value
        # A call that was cancelled stays in the backlog until it is its turn.
        pending = len(state.table.out) + sum(not each.done() for each in state.table.backlog)
        failed, cancelled = tally.failed.value, tally.cancelled.value
        threads = [worker for worker in state.workers.everyone() if worker.is_alive()]
        cpu = sum(tally.cpu_of_ended) + sum(_cpu_time(worker.ident) for worker in threads)
        return PoolStats(
            submitted=submitted,
            pending=pending,
            done=max(submitted - pending - failed - cancelled, 0),
            failed=failed,
            cancelled=cancelled,
            timed_out=tally.timed_out.value,
            lost=tally.lost.value,
            retried=tally.retried.value,
            workers=len(state.workers.active),
            started=tally.workers.value,
            cpu_seconds=cpu,
        )


def _cpu_time(ident: int | None) -> float:
    """Return the CPU time of a thread that runs, in seconds; 0 where the system tells none."""
    if ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(ident))
    except OSError:  # it has just ended
        return 0.0
