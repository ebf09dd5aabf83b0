"""`tracemalloc`, which crashes CPython before 3.15 where an interpreter begins or ends beside it.

It remembers strings of any interpreter: they are freed with that, and looked at afterwards. And
where an interpreter that is only half made allocates memory, it waits for the main interpreter's
GIL: the process crashes (3.13.0), or hangs, with a lock of CPython's that all interpreters need
(3.14.10). So no interpreter begins while it is on, it is stopped before one ends, and it is not
started in the middle of either: `tracemalloc.start` waits.

Purpose: the state of `tracemalloc` does not change while an interpreter begins or ends.
Guarantees: any number of interpreters begin and end at the same time; `tracemalloc.start` waits for
at most `LIMIT` seconds, and fails then.
Assumptions: the program calls `tracemalloc.start` as an attribute, or imported it after the first
worker began. Workers of workers are not seen: a worker cannot import `tracemalloc`.
"""

import sys
from _thread import LockType, allocate_lock
from contextlib import contextmanager

from interpexec._core.cpython import TRACING_CRASHES
from interpexec._core.sigint import keep_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

keep_whole()

LIMIT = 5.0
"""Seconds. An interpreter begins in some 20 ms; one that ends may run code of a call first."""


class _Gate:
    """Readers and a writer: interpreters that begin or end, and who starts `tracemalloc`."""

    def __init__(self) -> None:
        """Let nobody be inside."""
        self.begin()

    def begin(self) -> None:
        """Forget who is inside."""
        self._counting: LockType = allocate_lock()
        self._inside = 0
        self._used: LockType = allocate_lock()  # by the interpreters inside, or by the starter

    def enter(self) -> None:
        """Let one more interpreter begin, or end. Waits while `tracemalloc` is being started."""
        with self._counting:
            if not self._inside:
                self._used.acquire()
            self._inside += 1

    def leave(self) -> None:
        """Count one that has begun, or ended."""
        with self._counting:
            self._inside -= 1
            if not self._inside:
                self._used.release()

    def alone(self, start: "Callable[..., None]", nframe: int) -> None:
        """Start it while no interpreter begins or ends."""
        if not self._used.acquire(timeout=LIMIT):
            raise RuntimeError(
                f"tracemalloc cannot be started: for {LIMIT:g} seconds workers have begun or ended,"
                " and before 3.15 CPython crashes if it is started beside that. Start it after"
                " shutdown() of the pools, or use CPython 3.15"
            )
        try:
            start(nframe)
        finally:
            self._used.release()


_gate = _Gate()


def after_fork() -> None:
    """Forget the threads of the parent: to be called in a forked child."""
    _gate.begin()


def refuse() -> None:
    """Raise RuntimeError if `tracemalloc` is on, and it matters: see the head of the module."""
    if _is_on():
        raise RuntimeError(
            "workers cannot be started while tracemalloc is on: before 3.15, CPython crashes when"
            " one of them ends. Call tracemalloc.stop() first (it was started by"
            " tracemalloc.start(), PYTHONTRACEMALLOC, or -X tracemalloc), or use CPython 3.15"
        )


@contextmanager
def kept_off(*, or_stopped: bool = False) -> "Iterator[None]":
    """Let `tracemalloc` be off for the time in which an interpreter begins or ends.

    or_stopped: stop it if it is on. Without that, RuntimeError.
    """
    _guard_start()
    _gate.enter()
    try:
        if or_stopped:
            _stop()
        refuse()
        yield
    finally:
        _gate.leave()


def _stop() -> None:
    """Stop it, if it is on, and tell the logger `interpexec`."""
    if not _is_on():
        return
    import logging  # it was a mistake of the program
    import tracemalloc

    tracemalloc.stop()
    logging.getLogger("interpexec").warning(
        "tracemalloc was stopped, because a worker ends: CPython would crash (see `docs/limits.md`)"
    )


def _module() -> "Any | None":
    """Return the C module of `tracemalloc`, where it matters."""
    if not TRACING_CRASHES:
        return None
    try:
        import _tracemalloc
    except ImportError:
        return None  # a worker makes workers: the caller's side has looked
    return _tracemalloc


def _is_on() -> bool:
    module = _module()
    return module is not None and module.is_tracing()


def _guard_start() -> None:
    """Let `tracemalloc.start` wait, from now on. Idempotent."""
    module = _module()
    if module is None or module.start is start:
        return
    _given.append(module.start)
    module.start = start
    if tracemalloc := sys.modules.get("tracemalloc"):
        tracemalloc.start = start  # type: ignore[attr-defined]


_given: "list[Callable[..., None]]" = []


def start(nframe: int = 1, /) -> None:
    """Start tracing Python memory allocations.

    Also set the maximum number of frames stored in the traceback of a trace to `nframe`.
    (interpexec: it waits until no worker begins or ends; RuntimeError after five seconds of that.)
    """
    _gate.alone(_given[-1], nframe)
