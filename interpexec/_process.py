"""What the process as a whole does to its pools: it exits, or forks.

Exit. Before Python joins its threads it runs `threading._register_atexit`
callbacks, latest first; ours closes every pool, so that what was submitted is
still computed, as in the stdlib's executors, and no interpreter is left when
the main one ends (a warning from 3.14.1 on, a crash before). Ctrl-C, which ends the
program or comes at its end, stops what runs.

Fork. A child has the interpreters of its parent without the threads that run
in them, and CPython aborts it while it clears them away (gh-139759; seen on
3.13.0 to 3.15.2). So before a fork the idle pools stop their workers, which
takes some milliseconds; they start new ones when they are used again, in the
parent and in the child. A pool that is busy cannot be stopped: its child is
lost, and a warning says why.
"""

import logging
import os
import threading
from contextlib import suppress

from interpexec import _ending, _runtime
from interpexec._loans import LOANS
from interpexec._sigint import keep_whole, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._engine import Engine

keep_whole()

_engines: "set[Engine]" = set()
"""The pools that have threads. Each operation on it is atomic."""

_exiting = False
_forked_busy = False

_logger = logging.getLogger("interpexec")


def enter(engine: "Engine") -> None:
    """Remember a pool that is about to start its first thread."""
    _engines.add(engine)


def leave(engine: "Engine") -> None:
    """Forget a pool whose threads have ended."""
    _engines.discard(engine)


def refuse_if_over() -> None:
    """Raise RuntimeError when no call can be submitted in this process any more."""
    if _forked_busy:
        raise RuntimeError(
            "this process was forked while worker interpreters were busy, and no pool"
            " can work in it: fork first, or start processes by 'spawn' or 'forkserver'"
        )
    if _exiting:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")


def _at_exit() -> None:
    """Let every pool finish what it has, and wait for it; or stop it, after Ctrl-C.

    What cannot be stopped is not waited for: the process then ends without CPython's end of
    the interpreters (`_ending`). In a worker that has pools of its own, it is.
    """
    global _exiting  # noqa: PLW0603  # there is one process
    _exiting = True
    watch()
    engines, interrupt = list(_engines), None
    try:
        if _ending.ended_by_interrupt():
            _stop(engines)
        else:
            _finish(engines)
    except KeyboardInterrupt as error:
        interrupt = error
        _stop(engines)
    if _runtime.is_main() and (interrupt or not all(engine.crew.is_empty() for engine in engines)):
        _ending.end_without_workers(interrupt)


def _finish(engines: "list[Engine]") -> None:
    for engine in engines:
        engine.close()
    for engine in engines:
        engine.finish()


def _stop(engines: "list[Engine]") -> None:
    """Stop all that runs. A further Ctrl-C ends the waiting for that."""
    with suppress(KeyboardInterrupt):
        for engine in engines:
            engine.stop()
        for engine in engines:
            engine.await_stop()


_resting: "list[Engine]" = []
"""The pools that were stopped for the fork that is under way."""


_forking = threading.Lock()
"""Held from before a fork until after it, by the thread that forks."""


def _before_fork() -> None:
    """Stop the idle pools; warn about the others."""
    _forking.acquire()
    for engine in list(_engines):
        _resting.append(engine)  # before: if that is interrupted, it goes on, too
        if not engine.rest():
            _resting.remove(engine)
            _logger.warning(
                "fork() while worker interpreters of %s are busy: the child process will"
                " crash (gh-139759). Fork before the pool is used, or start processes by"
                " 'spawn' or 'forkserver'",
                engine.name,
            )


def _after_fork_in_parent() -> None:
    """Let the stopped pools go on."""
    try:
        while _resting:
            engine = _resting.pop()
            try:
                engine.resume()
            except (RuntimeError, OSError):  # there is no thread or no descriptor to be had
                _logger.exception("%s could not go on after fork()", engine.name)
    finally:
        _forking.release()


def _after_fork_in_child() -> None:
    """Let the stopped pools go on here, too; give up the busy ones."""
    global _forked_busy  # noqa: PLW0603  # there is one process
    LOANS.begin()
    _runtime.after_fork()
    for engine in _engines.union(_resting):
        engine.renew_locks()
    busy = _engines.difference(_resting)
    _forked_busy = _forked_busy or bool(busy)
    for engine in busy:
        engine.abandon()
        _engines.discard(engine)
    _after_fork_in_parent()


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]  # noqa: SLF001  # as concurrent.futures does
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
