"""The statistics of a pool, for people to read."""

import time
from typing import NamedTuple

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from interpexec._pool.state import PoolState


class WorkerStats(NamedTuple):
    """The work of one worker since it was made. In `PoolStats.by_worker`."""

    index: int  # type: ignore[assignment]  # a tuple has a method of this name, and nobody calls it
    """From 0 to `max_workers - 1`: see `current_worker()`."""

    calls: int
    """Calls that it has run to their end."""

    seconds: float
    """How long ago it was made."""

    cpu_seconds: float
    """CPU time of its thread, its start included."""

    @property
    def busy(self) -> float:
        """The share of its life in which it computed: from 0.0 to 1.0."""
        return min(self.cpu_seconds / self.seconds, 1.0) if self.seconds else 0.0


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

    other_cpu_seconds: float
    """CPU time of all else in this process since the pool was made: the program itself, the
    pickling of calls and the unpickling of results, and other pools."""

    seconds: float
    """How long ago the pool was made."""

    by_worker: tuple[WorkerStats, ...]
    """The workers that there are now."""

    @property
    def advice(self) -> str | None:
        """A sentence for a person, where the pool gains little as it is used; else None.

        Calls may be too short to be worth their sending, or their arguments and results too large.
        None, too, while too little has been run to tell, or where the system tells no CPU time of
        threads.
        """
        calls = self.done + self.failed
        if calls < _LEAST_CALLS or not self.cpu_seconds:
            return None
        each, other = self.cpu_seconds / calls, self.other_cpu_seconds / calls
        if each < _SHORT:
            return (
                f"the calls are too short: {_us(each)} of CPU in the workers for each, and"
                f" {_us(other)} outside of them; do more in one call, or use map without a"
                " chunksize, which sends many items together"
            )
        if other > max(each, _SHORT):
            return (
                f"the program uses more CPU than the workers, {_us(other)} and {_us(each)} for each"
                " call; if that is the pickling of arguments and results, send less: names of"
                " files, memoryviews, a SharedBuffer"
            )
        return None


_LEAST_CALLS = 500
"""Fewer calls do not tell: the start of a worker takes some 10 ms of CPU."""

_SHORT = 100e-6
"""Seconds: to send a call and its result takes from 20 to 70 µs, on both sides together."""


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs"


def stats_of(state: "PoolState") -> PoolStats:
    """Return the statistics of a pool."""
    tally = state.tally
    with state.lock:
        submitted = state.ids.value - tally.other_ids.value
        # A call that was cancelled stays in the backlog until it is its turn.
        pending = len(state.table.out) + sum(not each.done() for each in state.table.backlog)
        failed, cancelled = tally.failed.value, tally.cancelled.value
        by_worker = _by_worker(state)
        cpu = sum(tally.cpu_of_ended) + sum(each.cpu_seconds for each in by_worker)
        made_at, used = tally.begun
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
            other_cpu_seconds=max(time.process_time() - used - cpu, 0.0),
            seconds=time.monotonic() - made_at,
            by_worker=by_worker,
        )


def _by_worker(state: "PoolState") -> tuple[WorkerStats, ...]:
    """Return the work of the workers whose threads run. Under the lock."""
    link, now = state.link, time.monotonic()
    threads = [worker for worker in state.workers.everyone() if worker.is_alive()]
    if link is None:
        return ()
    return tuple(
        WorkerStats(
            worker.index,
            link.slots.done(worker.seat),
            now - worker.made_at,
            _cpu_time(worker.ident),
        )
        for worker in threads
    )


def _cpu_time(ident: int | None) -> float:
    """Return the CPU time of a thread that runs, in seconds; 0 where the system tells none."""
    if ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(ident))
    except OSError:  # it has just ended
        return 0.0
