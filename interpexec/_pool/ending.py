"""The end of a pool, for the thread that leaves its `with` block, or shuts it down."""

import logging

from interpexec._core.sigint import watch
from interpexec._pool.cancelling import TERMINATION_LIMIT
from interpexec._pool.process_end import INTERRUPT_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._pool.scheduler import Scheduler

_logger = logging.getLogger("interpexec")

_LONG = 0.5
"""Seconds after which an exception that waits for the calls is told of. A person begins to
wonder then; most calls are over by then."""


def limit_of_stop(
    scheduler: "Scheduler", error: BaseException | None, *, cancels_on_error: bool
) -> float | None:
    """Return for how many seconds to wait for stopped calls; None: they are not to be stopped.

    error: what the `with` block was left by. cancels_on_error: an Exception stops them, too.
    """
    if error is None:
        return None
    if isinstance(error, Exception):
        return TERMINATION_LIMIT if cancels_on_error else None
    return INTERRUPT_LIMIT if scheduler.cancel_running else None


def leave(scheduler: "Scheduler", error: BaseException | None, *, cancels_on_error: bool) -> None:
    """End a pool whose `with` block was left. Blocks."""
    limit = limit_of_stop(scheduler, error, cancels_on_error=cancels_on_error)
    if limit is not None:
        scheduler.terminate(limit)
        return
    scheduler.close()
    await_end(scheduler, error)


def await_end(scheduler: "Scheduler", error: BaseException | None = None) -> None:
    """Wait until a pool that was closed has ended. A KeyboardInterrupt stops its calls."""
    watch()
    try:
        join(scheduler, error)
    except KeyboardInterrupt:
        if scheduler.cancel_running:
            scheduler.terminate(INTERRUPT_LIMIT)
        raise


def join(scheduler: "Scheduler", error: BaseException | None) -> None:
    """Wait until a pool has ended; tell of the exception that waits for that, if it takes long."""
    if error is not None and not scheduler.join(_LONG):
        _logger.warning(
            "%s was raised inside the `with` block of %s, and waits for %d calls before"
            " it goes on. To stop them: InterpreterPoolExecutor(on_error='cancel'),"
            " terminate_workers(), or Ctrl-C",
            type(error).__qualname__,
            scheduler.name,
            len(scheduler.state.table),
        )
    scheduler.join()
