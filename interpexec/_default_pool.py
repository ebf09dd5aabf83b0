"""The pool that all calls of `run` share."""

import os
import threading

from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_pool: InterpreterPoolExecutor | None = None
_lock = threading.Lock()
"""Held while the pool is made, or looked at. By any thread, for some microseconds."""


def default_pool() -> InterpreterPoolExecutor:
    """Return the shared pool; make it first, or anew where it was shut down or is broken.

    It has a worker for each CPU that this process may use, and ends with the program. From any
    thread.
    """
    global _pool  # noqa: PLW0603  # there is one
    with _lock:
        state = None if _pool is None else _pool._scheduler.state  # noqa: SLF001  # of this package
        if _pool is None or state is None or state.is_closing or state.broken is not None:
            _pool = InterpreterPoolExecutor(
                os.process_cpu_count() or 1, thread_name_prefix="interpexec-default"
            )
        return _pool


def run[T](
    fn: "Callable[..., T]", /, *args: "Any", timeout: float | None = None, **kwargs: "Any"
) -> T:
    """Run `fn(*args, **kwargs)` in a worker of a shared pool, and return its result.

    timeout: the seconds that it may run; then it is stopped, and TimeoutError raised. (A
        function that takes a `timeout` itself is given it by `functools.partial`.)

    Blocks until the call has ended; an exception that comes meanwhile, as KeyboardInterrupt,
    stops it. From any thread. Raises what the call raises, and what `submit` does.
    """
    pool = default_pool()
    future = pool.with_options(timeout=timeout).submit(fn, *args, **kwargs)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _after_fork() -> None:
    global _pool, _lock  # the parent's
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
