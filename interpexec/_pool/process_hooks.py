"""What the process as a whole does to its pools: it exits, or forks.

Exit. Before Python joins its threads it runs `threading._register_atexit`
callbacks, latest first; ours closes every pool, so that what was submitted is
still computed, as in the stdlib's executors, and no interpreter is left when
the main one ends (a warning from 3.14.1 on, a crash before). Ctrl-C, which ends the
program or comes at its end, stops what runs.

Fork. A child has the interpreters of its parent without the threads that run
in them, and CPython kills it while it clears them away (gh-139759; on 3.13.0 to
3.15.2, an interpreter that sleeps will do). No hook of ours comes before that in the
child. So before a fork all pools stop their workers (`fork_rest`), which takes some
milliseconds; they start new ones when they are used again. Where a call does not
come to its end soon, the child is lost, and a warning says why.

    before             every pool rests; new ones wait for the end of the fork
    after, parent      all go on
    after, child       those that had no calls go on; the others say that they are the parent's

From the first of our hooks to the last one no KeyboardInterrupt is raised, also not in those
of others (`sigint.held`): CPython prints what a hook raises, and goes on, and `logging` would
keep its lock. It is raised after the fork.
"""

import logging
import os
import threading
from contextlib import suppress
from time import monotonic
from weakref import WeakSet

from interpexec._core import cpython
from interpexec._core.sigint import deliver, held, keep_whole, noted, protected_inside, watch
from interpexec._pool import future, process_end
from interpexec._pool.lending import LOANS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._pool.scheduler import Scheduler

keep_whole()

_schedulers: "set[Scheduler]" = set()
"""The pools that have threads. Each operation on it is atomic."""

_all: "WeakSet[Scheduler]" = WeakSet()
"""All pools: in a forked child each needs new locks."""

_exiting = False

_logger = logging.getLogger("interpexec")

_REASON = (
    "this pool had calls when the process was forked, and they are its parent's: make a pool"
    " of its own in the child, or start processes by 'spawn' or 'forkserver'"
)


def know(scheduler: "Scheduler") -> None:
    """Remember a pool, as long as it lives."""
    _all.add(scheduler)


def enter(scheduler: "Scheduler") -> bool:
    """Remember a pool that is about to start its first thread. Under its lock.

    False while the process forks: then it goes on after that.
    """
    with _gate:
        if _forks:
            scheduler.rest.start()
            _resting.append(scheduler)
            return False
        _schedulers.add(scheduler)
        return True


def leave(scheduler: "Scheduler") -> None:
    """Forget a pool whose threads have ended."""
    _schedulers.discard(scheduler)


def refuse_if_over() -> None:
    """Raise RuntimeError when no call can be submitted in this process any more."""
    if _exiting:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")


def _at_exit() -> None:
    """Let every pool finish what it has, and wait for it; or stop it, after Ctrl-C.

    What cannot be stopped is not waited for: the process then ends without CPython's end of
    the interpreters (`process_end`). In a worker that has pools of its own, it is.
    """
    global _exiting  # noqa: PLW0603  # there is one process
    _exiting = True
    watch()
    schedulers, interrupt = list(_schedulers), None
    try:
        if process_end.ended_by_interrupt():
            _stop(schedulers)
        else:
            _finish(schedulers)
    except KeyboardInterrupt as error:
        interrupt = error
        _stop(schedulers)
    if cpython.is_main() and (
        interrupt or not all(scheduler.workers.is_empty() for scheduler in schedulers)
    ):
        process_end.end_without_workers(interrupt)


def _finish(schedulers: "list[Scheduler]") -> None:
    for scheduler in schedulers:
        scheduler.close()
    for scheduler in schedulers:
        scheduler.finish()


def _stop(schedulers: "list[Scheduler]") -> None:
    """Stop all that runs. A further Ctrl-C ends the waiting for that."""
    with suppress(KeyboardInterrupt):
        for scheduler in schedulers:
            scheduler.stop()
        for scheduler in schedulers:
            scheduler.await_stop(process_end.INTERRUPT_LIMIT)


_forking = threading.RLock()
"""Held from before a fork until after it, by the thread that forks. A signal handler may
fork while that waits."""

_gate = threading.RLock()
"""Guards what follows, for an instant. Re-entrant, as destructors may use pools."""

_forks: list[bool] = []
"""One for each fork that is under way: more than one where a signal handler forks."""

_resting: "list[Scheduler]" = []
"""The pools that stand still because of that."""


@protected_inside
def _before_fork() -> None:
    """Have all pools rest; warn about those that cannot."""
    if cpython.is_main_thread():
        held.append(True)
    _forking.acquire()
    with _gate:
        _forks.append(True)
        schedulers = list(_schedulers)
    begun = monotonic()
    can_rest = {scheduler for scheduler in schedulers if scheduler.rest.begin()}  # all at once
    with _gate:
        _resting.extend(can_rest)
    for scheduler in schedulers:
        if scheduler not in can_rest or not scheduler.rest.wait(begun):
            _warn(scheduler)


def _warn(scheduler: "Scheduler") -> None:
    _logger.warning(
        "fork() while worker interpreters of %s are busy: the child process will"
        " crash (gh-139759). Fork before the pool is used, or start processes by"
        " 'spawn' or 'forkserver'",
        scheduler.name,
    )


def _after_fork_in_parent() -> None:
    """Let the pools go on."""
    _go_on()
    _forking.release()
    if cpython.is_main_thread():
        held.pop()
    if noted:
        deliver()


def _go_on() -> None:
    """Let all pools go on that stand still, unless another fork is still under way."""
    with _gate:
        _forks.pop()
        resting = [] if _forks else _resting.copy()
        del _resting[: len(resting)]
    for scheduler in resting:
        try:
            scheduler.rest.end()
        except (RuntimeError, OSError):  # there is no thread or no descriptor to be had
            _logger.exception("%s could not go on after fork()", scheduler.name)


def _after_fork_in_child() -> None:
    """Let the pools go on that had no calls; give up the others."""
    global _gate  # noqa: PLW0603  # there is one process
    _gate = threading.RLock()
    cpython.after_fork()
    future.after_fork()
    LOANS.begin()
    held.clear()
    noted.clear()  # the parent's: CPython, too, forgets the signals that came before
    for scheduler in list(_all):
        scheduler.renew_locks()
        if scheduler.link is not None or not scheduler.table.is_clear():
            scheduler.abandon(_REASON)
            _schedulers.discard(scheduler)
    _go_on()
    _forking.release()


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]  # noqa: SLF001  # as concurrent.futures does
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
