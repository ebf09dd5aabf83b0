"""The exit of the process, and its forks: hooks that end pools, or have them step aside.

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

from interpexec._core import cpython, memory_tracing
from interpexec._core.sigint import deliver, held, keep_whole, noted, protected_inside, watch
from interpexec._pool import future, process_end
from interpexec._pool.lending import LOANS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Pool(Protocol):
        """The part of a pool that these hooks use."""

        @property
        def name(self) -> str:
            """Its name, for messages."""

        @property
        def rest(self) -> "Rest":
            """How it steps aside for a fork."""

        def close(self) -> None:
            """Take no more calls."""

        def finish(self) -> None:
            """Wait until the pool has ended, but not for calls that were stopped and go on."""

        def stop(self) -> None:
            """Cancel everything, and stop what runs."""

        def await_stop(self, limit: float) -> None:
            """Wait for that, for at most so many seconds."""

        def has_workers(self) -> bool:
            """Say whether a worker's interpreter is there."""

        def after_fork_in_child(self, reason: str) -> bool:
            """Renew the locks; say whether the pool had calls, and is of no use here."""

    class Rest(Protocol):
        """How a pool steps aside for a fork."""

        def start(self) -> None:
            """Send no call and make no worker from now on."""

        def begin(self) -> bool:
            """Have the workers leave; say whether they can be waited for."""

        def wait(self, begun: float) -> bool:
            """Wait until they are gone; say whether they are."""

        def end(self) -> None:
            """Go on."""


keep_whole()

_active: "set[Pool]" = set()
"""The pools that have threads. Each operation on it is atomic."""

_all: "WeakSet[Pool]" = WeakSet()
"""All pools: in a forked child each needs new locks."""

_exiting = False

_logger = logging.getLogger("interpexec")

_REASON = (
    "this pool had calls when the process was forked, and they are its parent's: make a pool"
    " of its own in the child, or start processes by 'spawn' or 'forkserver'"
)


def know(pool: "Pool") -> None:
    """Remember a pool, as long as it lives."""
    _all.add(pool)


def enter(pool: "Pool") -> bool:
    """Remember a pool that is about to start its first thread. Under its lock.

    False while the process forks: then it goes on after that.
    """
    with _gate:
        if _forks:
            pool.rest.start()
            _resting.append(pool)
            return False
        _active.add(pool)
        return True


def leave(pool: "Pool") -> None:
    """Forget a pool whose threads have ended."""
    _active.discard(pool)


def refuse_if_over() -> None:
    """Raise RuntimeError when no call can be submitted in this process any more."""
    if _exiting:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")


def _at_exit() -> None:
    """Let every pool finish what it has, and wait for it; or stop it, after Ctrl-C.

    Calls that cannot be stopped are not waited for: the process then ends without CPython's end of
    the interpreters (`process_end`). In a worker that has pools of its own, they are.
    """
    global _exiting  # noqa: PLW0603  # there is one process
    _exiting = True
    watch()
    pools, interrupt = list(_active), None
    is_interrupted = process_end.ended_by_interrupt()
    try:
        if is_interrupted:
            _stop(pools)
        else:
            _finish(pools)
    except KeyboardInterrupt as error:
        interrupt = error
        _stop(pools)
    # Python forgets that it was interrupted when code begins in any interpreter: that of a worker
    # which was just starting. So with pools the process itself ends by the signal.
    must_end = interrupt or (is_interrupted and pools) or any(pool.has_workers() for pool in pools)
    if cpython.is_main() and must_end:
        process_end.end_without_workers(interrupt)


def _finish(pools: "list[Pool]") -> None:
    for pool in pools:
        pool.close()
    for pool in pools:
        pool.finish()


def _stop(pools: "list[Pool]") -> None:
    """Stop all that runs. A further Ctrl-C ends the waiting for that."""
    with suppress(KeyboardInterrupt):
        for pool in pools:
            pool.stop()
        for pool in pools:
            pool.await_stop(process_end.INTERRUPT_LIMIT)


_forking = threading.RLock()
"""Held from before a fork until after it, by the thread that forks. A signal handler may
fork while that waits."""

_gate = threading.RLock()
"""Guards what follows, for an instant. Re-entrant, as destructors may use pools."""

_forks: list[bool] = []
"""One for each fork that is under way: more than one where a signal handler forks."""

_resting: "list[Pool]" = []
"""The pools that stand still because of that."""


@protected_inside
def _before_fork() -> None:
    """Have all pools rest; warn about those that cannot."""
    if cpython.is_main_thread():
        held.append(True)
    _forking.acquire()
    with _gate:
        _forks.append(True)
        pools = list(_active)
    begun = monotonic()
    can_rest = {pool for pool in pools if pool.rest.begin()}  # all at once
    with _gate:
        _resting.extend(can_rest)
    for pool in pools:
        if pool not in can_rest or not pool.rest.wait(begun):
            _warn(pool)


def _warn(pool: "Pool") -> None:
    _logger.warning(
        "fork() while worker interpreters of %s are busy: the child process will"
        " crash (gh-139759). Fork before the pool is used, or start processes by"
        " 'spawn' or 'forkserver'",
        pool.name,
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
    for pool in resting:
        try:
            pool.rest.end()
        except (RuntimeError, OSError):  # no thread or no descriptor is left
            _logger.exception("%s could not go on after fork()", pool.name)


def _after_fork_in_child() -> None:
    """Let the pools go on that had no calls; give up the others."""
    global _gate  # noqa: PLW0603  # there is one process
    _gate = threading.RLock()
    cpython.after_fork()
    memory_tracing.after_fork()
    future.after_fork()
    LOANS.begin()
    held.clear()
    noted.clear()  # the parent's: CPython, too, forgets the signals that came before
    for pool in list(_all):
        if pool.after_fork_in_child(_REASON):
            _active.discard(pool)
    _go_on()
    _forking.release()


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]  # noqa: SLF001  # as concurrent.futures does
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
