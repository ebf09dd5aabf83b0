"""A bounded `submit`, for producers that are not to run ahead of the workers.

An executor becomes bounded by another class, made for that. So one that is not has no
step more.
"""

import threading
from copy import copy

from interpexec._core.error_text import shown
from interpexec._core.sigint import keep_whole, protected
from interpexec._pool.done_callbacks import MARK
from interpexec._pool.parking import Latch

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any, Self

    from interpexec._pool.future import CallFuture
    from interpexec._pool.scheduler import Scheduler

keep_whole()


class Pending:
    """Counts the calls that are pending. From any thread."""

    def __init__(self, most: int) -> None:
        """most: as many may be pending at a time."""
        self._most = most
        self._lock = threading.RLock()  # guards what follows, for an instant; destructors come here
        self._count = 0
        self._room = Latch()

    def begin(self) -> None:
        """Count one more call; wait until there is room for it."""
        while True:
            with self._lock:
                if self._count < self._most:
                    self._count += 1
                    return
                self._room.close()
            self._room.wait()

    def end(self, _call: "Future[Any] | None" = None) -> None:
        """Count one call less. A callback of the call."""
        with self._lock:
            self._count -= 1
        self._room.open()

    setattr(end, MARK, True)  # see `done_callbacks`

    def renew_lock(self) -> None:
        """Make a new lock: in a forked child, nobody is left to release the old one."""
        self._lock = threading.RLock()


class Boundable:
    """`bounded`: a base class of the executor."""

    _scheduler: "Scheduler"
    _whole: "Any"

    def bounded(self, max_pending: int) -> "Self":
        """Return an executor over the same workers whose `submit` waits while too much is pending.

        For a loop that would otherwise submit far more than the workers can do, and fill the
        memory with calls.

        >>> bounded = pool.bounded(100)  # doctest: +SKIP
        >>> for record in endless_records():
        ...     bounded.submit(store, record)

        max_pending: how many of the calls that were submitted by it may wait or run at a time; an
            int > 0. It is that of one object, and of what `with_options` makes of that: each
            producer may have its own.

        `submit` blocks until one of them has ended, however it has; a Ctrl-C interrupts that, and
        RuntimeError is raised when the pool is shut down meanwhile. It blocks the thread that
        calls it, and so an event loop, where an `asyncio.Semaphore` is the way. Maps are not
        bounded by it: they have a `buffersize`. Raises TypeError or ValueError, naming the
        argument.
        """
        if not isinstance(max_pending, int) or isinstance(max_pending, bool):
            raise TypeError(f"max_pending must be an int, got {shown(max_pending)}")
        if max_pending < 1:
            raise ValueError(f"max_pending must be > 0, got {shown(max_pending)}")
        view: Any = copy(self)
        view._whole = self._whole or self  # noqa: SLF001  # of this class
        view._pending = Pending(max_pending)  # noqa: SLF001  # of the class that it gets
        view.__class__ = _bounded_class(type(self))
        return view  # type: ignore[no-any-return]  # of a class that is made of this one


class _BoundedSubmit:
    """Stands before an executor's class."""

    _pending: Pending
    _scheduler: "Scheduler"

    @protected
    def submit(
        self, fn: "Callable[..., Any]", /, *args: "Any", **kwargs: "Any"
    ) -> "CallFuture[Any]":
        """Do as `submit` of the executor, when there is room: see `Boundable.bounded`."""
        self._scheduler.refuse_if_over()
        self._scheduler.before_waiting()
        pending = self._pending
        pending.begin()
        try:
            future = super().submit(fn, *args, **kwargs)  # type: ignore[misc]  # the executor has it
        except BaseException:
            pending.end()
            raise
        future.add_done_callback(pending.end)
        return future  # type: ignore[no-any-return]  # it is one


def _bounded_class(cls: "Any") -> type:
    """Return the class of the bounded executors of a class."""
    if issubclass(cls, _BoundedSubmit):
        return cls  # type: ignore[no-any-return]  # a class
    found = vars(cls).get("_bounded_class")
    if found is None:
        names: dict[str, object] = {"__module__": cls.__module__, "__doc__": cls.__doc__}
        if cls.submit is cls._package_submit:  # of the executor
            names["_package_submit"] = _BoundedSubmit.submit
        found = cls._bounded_class = type(
            cls.__name__, (_BoundedSubmit, cls), names
        )  # of the executor
    return found  # type: ignore[no-any-return]  # a class
