"""What the process as a whole does to its pools: it exits, or forks.

Exit. Before Python joins its threads it runs `threading._register_atexit`
callbacks, latest first; ours closes every pool, so that what was submitted is
still computed, as in the stdlib's executors, and no interpreter is left when
the main one ends (a warning from 3.14.1 on, a crash before).

Fork. A child has the interpreters of its parent without the threads that run
in them, and the locks of the runtime as they happened to be (gh-139759). No
pool works there, old or new, and saying so beats hanging.
"""

import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._engine import Engine

_engines: "set[Engine]" = set()
"""The pools that have threads. Each operation on it is atomic."""

_exiting = False
_forked = False


def enter(engine: "Engine") -> None:
    """Remember a pool that is about to start its first thread."""
    _engines.add(engine)


def leave(engine: "Engine") -> None:
    """Forget a pool whose threads have ended."""
    _engines.discard(engine)


def refuse_if_over() -> None:
    """Raise RuntimeError when no call can be submitted in this process any more."""
    if _forked:
        message = (
            "this process was forked while worker interpreters were running, and no"
            " pool can work in it: fork first, or start processes by 'spawn' or"
            " 'forkserver'"
        )
        raise RuntimeError(message)
    if _exiting:
        message = "cannot schedule new futures after interpreter shutdown"
        raise RuntimeError(message)


def _at_exit() -> None:
    """Let every pool finish what it has, and wait for it."""
    global _exiting  # noqa: PLW0603  # there is one process
    _exiting = True
    engines = list(_engines)
    for engine in engines:
        engine.close()
    for engine in engines:
        engine.join()


def _after_fork_in_child() -> None:
    """Give up the pools of the parent."""
    global _forked  # noqa: PLW0603  # there is one process
    if _engines:
        _forked = True
    for engine in _engines:
        engine.abandon()
    _engines.clear()


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]  # noqa: SLF001  # as concurrent.futures does
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
