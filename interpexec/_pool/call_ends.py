"""How calls end that no worker answers: each gets its exception, or is cancelled."""

from concurrent.futures import _base

from interpexec._core.sigint import keep_whole
from interpexec.errors import WorkerLostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from interpexec._pool.future import AnyFuture

keep_whole()


def fail(future: "AnyFuture", error: Exception) -> None:
    """Set the exception of a call, unless it was cancelled meanwhile."""
    future._payload = None  # its out-of-band data is given back
    try:
        future._finish(error=error)
    except BaseException:  # of a callback: the collector must go on
        log_failure()


def fail_late(future: "AnyFuture") -> None:
    """Fail a call that has run for as long as it may."""
    if future._owner is not None:
        future._owner.tally.timed_out.add()
    message = f"{future._name} was stopped: it ran for more than {future._limit:g} s"
    fail(future, TimeoutError(message))


def fail_lost(future: "AnyFuture", loss: BaseException | None = None) -> None:
    """Fail a call whose worker was lost."""
    if future._owner is not None:
        future._owner.tally.lost.add()
    error = WorkerLostError(f"the worker was lost that ran {future._name or 'this call'}")
    error.__cause__ = loss
    fail(future, error)


def cancel_all(futures: "Iterable[AnyFuture]", *, are_listed: bool = False) -> None:
    """Cancel calls: all of them, before any callback.

    The callback of one may wait for another one. are_listed: they may be on the table.
    """
    cancelled = [each for each in futures if each._cancel_without_callbacks(is_listed=are_listed)]
    for future in cancelled:
        run_callbacks(future._invoke_callbacks)


def run_callbacks(callbacks: "Callable[[], None]") -> None:
    """Run callbacks, and survive them."""
    try:
        callbacks()
    except BaseException:  # one that is no Exception: `done_callbacks` has logged the others
        log_failure()


def log_failure() -> None:
    """Log the exception that the calling thread handles."""
    _base.LOGGER.critical("Exception while a call was settled:", exc_info=True)
