"""The call that is running, as it sees itself. In the worker.

>>> from interpexec import current_task
>>> def work(items):
...     task = current_task()
...     for item in items:
...         with task.shield():  # not in the middle of this
...             store(item)
"""

import sys
from _thread import get_ident
from sys import _getframe

from interpexec._core.cancellation import Interruptible
from interpexec._core.cpython import monotonic_ns, own_builtins
from interpexec._core.sigint import interruptible, keep_whole, named_as
from interpexec.errors import TaskCancelled

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from sys import UnraisableHookArgs
    from types import TracebackType

keep_whole()

# The threads of this interpreter that run calls: one for the calls that were
# submitted, and one for those that are broadcast.
running: dict[int, Interruptible] = {}

type Identity = tuple[int, str]
"""The index and the name of a worker."""

identity: Identity | None = None
"""Of the worker whose interpreter this is; None in the program's own. See `current_worker`."""

_NEVER = Interruptible(None)

_NO_CALL = -1
"""The id of no call, nor of none, which is 0."""


def enter(thread: "Interruptible") -> None:
    """Make known that the calling thread runs calls."""
    running[get_ident()] = thread


def leave() -> None:
    """Make known that the calling thread runs no calls any more."""
    running.pop(get_ident(), None)


def this_thread() -> "Interruptible":
    """Return the calling thread as one that can be stopped; a dummy where it runs no calls."""
    return running.get(get_ident(), _NEVER)


def shielded[**P, T](function: "Callable[P, T]") -> "Callable[P, T]":
    """Make a function of this package a critical section: a decorator.

    A call that is stopped in it is stopped when it returns, or where it sleeps.
    """

    def wrapper(*args: "P.args", **kwargs: "P.kwargs") -> "T":
        thread = running.get(get_ident())
        if thread is None:
            return function(*args, **kwargs)
        thread.begin_section()
        try:
            return function(*args, **kwargs)
        finally:
            thread.end_section()

    return named_as(function, wrapper)


@interruptible
def outside_of_sections(function: "Callable[[], object]") -> None:
    """Call a function of the user's in a critical section: the call may be stopped in it."""
    thread = running.get(get_ident())
    if thread is None:
        function()
        return
    sections = thread.sections
    try:
        thread.leave_sections()
        function()
    finally:
        thread.return_to_sections(sections)


def keep_unraisable() -> None:
    """Let no call go on because TaskCancelled was raised where Python drops exceptions.

    That is in a `__del__`, in a weakref's callback, in the closing of a generator.
    """
    former = sys.unraisablehook

    def hook(unraisable: "UnraisableHookArgs", /) -> None:
        thread = this_thread()
        if issubclass(unraisable.exc_type, TaskCancelled) and thread.hit:
            thread.raise_again(_getframe().f_back)
        else:
            former(unraisable)

    sys.unraisablehook = hook


def current_task() -> "Task | None":
    """Return the call that the calling thread runs for a pool, or None if it runs none.

    None, too, in a thread that a call started: hand the task to it. Never blocks.
    """
    thread = running.get(get_ident())
    if thread is None or not thread.armed:
        return None
    return Task(thread, thread.armed)


def cancelled() -> bool:
    """Say whether the call that the calling thread runs was cancelled, or has run out of time.

    `current_task().cancelled()` for functions that run outside of calls, too: False there,
    and in a thread that a call started. Never blocks.
    """
    thread = running.get(get_ident())
    return thread is not None and thread.hit == thread.armed != 0


def shield() -> "Shield":
    """Return a context manager inside which the call is not interrupted: see `Task.shield`.

    For functions that run outside of calls, too: it does nothing there, nor in a thread that
    a call started.
    """
    thread = this_thread()
    return Shield(thread, thread.armed or _NO_CALL)


def end_if_stopped(error: BaseException) -> None:
    """Raise `error` again if the running call was stopped: then it concerns all of it."""
    task = current_task()
    if task is not None and task.cancelled():
        raise error


class Task:
    """A call that runs in a worker. From `current_task()`."""

    __slots__ = ("_id", "_thread")

    def __init__(self, thread: "Interruptible", call_id: int) -> None:
        self._thread = thread
        self._id = call_id

    def __repr__(self) -> str:
        return f"<Task {self._id}{' cancelled' if self.cancelled() else ''}>"

    def cancelled(self) -> bool:
        """Say whether the call was cancelled, or has run out of time.

        From any thread of the worker. For code that wants to stop at a place of its
        own choosing: under a `shield()`, in a thread that the call started, or when
        TaskCancelled was caught.
        """
        return self._thread.hit == self._id

    def remaining(self) -> float | None:
        """Return the seconds until the time limit of the call is over; None: it has no limit.

        The limit is that of `with_options(timeout=...)`, for this attempt where there are
        `retries`, and for the whole chunk in a map with a `chunksize`. An initializer, a finalizer
        and what is broadcast have none. 0.0 when it is over. From any thread of the worker; never
        blocks.
        """
        call_id, end = self._thread.deadline
        return max(end - monotonic_ns() / 1e9, 0.0) if call_id == self._id else None

    def shield(self) -> "Shield":
        """Return a context manager inside which the call is not interrupted.

        Where the call is cancelled meanwhile, TaskCancelled is raised at the end of
        the `with` block. Shields may be nested. Only the thread that runs the call
        may use them; RuntimeError elsewhere. The future is cancelled at once all the
        same, and a pool waits for the call no longer than for one that is blocked.
        The name is trio's and anyio's.
        """
        if running.get(get_ident()) is not self._thread:
            raise RuntimeError("shield() must be called by the thread that runs the call")
        return Shield(self._thread, self._id)


class Shield:
    """Inside `with`, the call is not interrupted. From `shield()` and `Task.shield()`."""

    __slots__ = ("_id", "_thread")

    def __init__(self, thread: "Interruptible", call_id: int) -> None:
        self._thread = thread
        self._id = call_id

    def __enter__(self) -> None:
        if self._thread.armed == self._id:
            self._thread.raise_shield()

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        # A generator may keep it beyond its call, whose shields have ended with it.
        if self._thread.armed == self._id:
            self._thread.lower_shield()
