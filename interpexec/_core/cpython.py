"""The interpreters of this process: all that is private to CPython, in one file.

The only importer of `_interpreters` and `_interpchannels`, and the only reader
of `sys.version_info`: the differences between CPython 3.13.0 and 3.15 live and
end here. It is imported by workers too, so it imports next to nothing.

    Interpreter   a subinterpreter with its own GIL: create, run, destroy
    Fifo          a first-in-first-out queue that every interpreter can reach
"""

import _thread
import builtins
import sys
from _functools import partial
from _operator import call
from _thread import RLock
from time import monotonic_ns as monotonic_ns  # noqa: PLC0414  # before a call replaces it

from interpexec._core.descriptors import away_from_streams, closed_streams

if sys.version_info >= (3, 16):
    from interpexec._core.support import refuse_unknown

    refuse_unknown("3.13 to 3.15", sys.version_info[:2])

try:
    import _interpchannels
    import _interpreters
except ImportError as _error:
    from interpexec._core.support import no_interpreters

    raise no_interpreters() from _error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace
    from typing import Any, Literal

# (`unpatched` may have given this module some of its own.)
_given: "Any" = __builtins__  # a dict, or the module
_BUILTINS = dict(_given if isinstance(_given, dict) else vars(builtins))


def own_builtins(namespace: "dict[str, Any]") -> None:
    """Let the functions that a module defines from now on find builtins of their own.

    A call that empties `builtins`, or replaces names in it, damages other calls then, and
    not the code that answers them. namespace: the globals of the module.
    """
    namespace["__builtins__"] = _BUILTINS


own_builtins(globals())

PLAIN = frozenset({int, float, complex, bool, type(None), str})
"""The types that pickle alone is for: data, and nothing out of band."""

NotShareableError = _interpreters.NotShareableError
"""Raised for an object that cannot be sent to another interpreter, as in the stdlib."""

# An item whose sender's interpreter ends before it is taken is removed. (Another value
# would leave an empty placeholder in the queue, which `recv` could not tell from an empty
# queue.)
_REMOVE_UNBOUND: "Literal[1]" = 1

ChannelGoneError = _interpchannels.ChannelError
"""Raised by `Fifo` when the interpreters that used the queue have all ended."""

_MOST_TRIES = 10  # to create an interpreter where the standard streams are closed
RAW_THREADS_ABORT = sys.version_info < (3, 14, 1)
"""Whether the process dies where an interpreter ends before all threads that were started in it
by `_thread.start_new_thread`."""

TRACING_CRASHES = sys.version_info < (3, 15)
"""Whether `tracemalloc` and interpreters that begin or end do not agree: see `memory_tracing`."""

SIGNALS_WAKE = sys.version_info >= (3, 15)
"""Whether a system call that a signal ends raises the exception thrown at its thread."""


def current_id() -> int:
    """Return the number of the interpreter that runs this."""
    return int(_interpreters.get_current()[0])


def is_main() -> bool:
    """Say whether this is the process's main interpreter."""
    return current_id() == int(_interpreters.get_main()[0])


def main_thread() -> int:
    """Return the ident of the process's main thread, in which signal handlers run."""
    return _thread._get_main_thread_ident()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001  # there is no public way in a worker


def is_main_thread() -> bool:
    """Say whether the calling thread is that one."""
    return _thread.get_ident() == main_thread()


def prepare() -> None:
    """Make this process ready for its first worker. Idempotent and cheap.

    On every 3.13 the static types of `_datetime` are set up by whichever
    interpreter imports it first, and torn down with that interpreter under the
    feet of the others: `double free or corruption` within seconds. When the
    main interpreter is the first one, nothing is torn down.
    """
    if "free-threading build" in sys.version:
        from interpexec._core.support import tell_of_free_threads

        tell_of_free_threads()
    if sys.version_info < (3, 14):
        import _datetime  # noqa: F401  # for its side effect, and only on 3.13
    if closed_streams():
        away_from_streams(_load_libffi)
    elif sys.version_info < (3, 14):  # workers that load it first, several at once, crash, too
        _load_libffi()


def _load_libffi() -> None:
    """Load what each worker loads, too: libffi opens a file for as long as the process lives.

    On every 3.13 the first simple type fills a table of the process. A worker that makes its own
    beside that finds it half empty, and crashes (1 in 30 pools of two, where both just start).
    """
    if _simple_types:
        return
    try:
        from _ctypes import _SimpleCData
    except ImportError:
        return  # see `cancellation`
    _simple_types.append(type("_Int", (_SimpleCData,), {"_type_": "i"}))


_simple_types: list[type] = []


def import_execution_failed() -> "type[RuntimeError] | None":
    """Return the stdlib's class for an exception in another interpreter, or None.

    It came with `concurrent.interpreters`, in 3.14. Importing it takes more
    than 10 ms, so this is called when the first such exception arrives.
    """
    try:
        from concurrent.interpreters import ExecutionFailed  # late: see above
    except ImportError:
        return None
    return ExecutionFailed  # type: ignore[no-any-return]


def import_pickle() -> None:
    """Import `_pickle` without `functools`, in a worker, before all other modules of this package.

    All that it takes from there is `partial`, which is C code. The Python code around
    it, and `collections`, which that imports, take 2 ms and 0.4 MB in each interpreter.
    """
    import _compat_pickle  # noqa: F401  # `_pickle` imports both, and they import the real modules
    import _functools
    import copyreg  # noqa: F401  # the other one

    if "functools" in sys.modules:
        return
    sys.modules["functools"] = _functools
    try:
        import _pickle  # noqa: F401  # so that it is there
    finally:
        del sys.modules["functools"]


def release_import_locks() -> None:
    """Release what the calling thread holds of the import system's locks.

    For a thread in which an import was interrupted: importlib takes locks in Python
    code, and an exception between the taking and the `try` leaves them taken. Another
    thread of this interpreter that imports something would wait for ever.
    """
    import _frozen_importlib
    import _imp
    from _thread import get_ident

    thread = get_ident()
    for reference in list(_frozen_importlib._module_locks.values()):  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way
        lock = reference()
        while lock is not None and lock.owner == thread:
            lock.release()
    try:
        while _imp.lock_held():
            _imp.release_lock()
    except RuntimeError:
        pass  # another thread holds it


def _create() -> int:
    """Create an interpreter.

    CPython looks whether the descriptors of the standard streams are open, and fails if one
    of them is a folder: where they are closed, a thread that lists a folder has that number
    for an instant.
    """
    create: Callable[[], int] = partial(_interpreters.create, "isolated", reqrefs=False)
    for _ in range(_MOST_TRIES):
        try:
            return away_from_streams(create)
        except _interpreters.InterpreterError:
            if not absent_streams():
                raise
    return create()


def absent_streams() -> list[str]:
    """Return the names of the standard streams that this interpreter does not have."""
    free = closed_streams()
    names = enumerate(("stdin", "stdout", "stderr"))
    return [name for fd, name in names if fd in free or getattr(sys, f"__{name}__") is None]


class Interpreter:
    """A subinterpreter of its own: isolated modules, its own GIL.

    One thread owns it: the one that creates it also runs and destroys it,
    because an interpreter can otherwise be entered while it is being destroyed
    (gh-127041).
    """

    def __init__(self) -> None:
        """Create it. Blocks for some milliseconds, without the caller's GIL."""
        prepare()
        self.id = _create()

    def run(self, code: str) -> "SimpleNamespace | None":
        """Run `code` in its `__main__`, on this thread, and wait for the end.

        Returns None, or a summary of the exception that was not caught there.
        """
        return _interpreters.exec(self.id, code)

    def destroy(self) -> None:
        """End it. Its threads must have been joined before."""
        _interpreters.destroy(self.id)


# All channels of the process share a mutex, which CPython takes with the GIL held. A thread
# that sends may wait, with the mutex, for the table of shareable types, which interpreters
# change when they begin and end; it gives the GIL up for that, and wants it back before it
# goes on. Another thread of its interpreter that comes for the mutex meanwhile keeps it from
# that for ever (seen on 3.13.0 and 3.14.10, where it takes seconds when forced). So none comes:
# operations that may wait are done under this lock, and those that do not wait look first
# whether a thread has it.
_alone_with_channels = RLock()
_busy: list[bool] = []


def after_fork() -> None:
    """Release the lock: to be called in a forked child, where no other thread is left to do so."""
    _busy.clear()
    _alone_with_channels._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001  # as `threading` does


def _alone(operation: "Callable[..., Any]") -> "tuple[Callable[..., Any], ...]":
    """Return the steps of an operation on a channel, for `_do`."""
    release = partial(_alone_with_channels.__exit__, None, None)
    return _alone_with_channels.acquire, _busy.append, operation, _busy.pop, release


def _do(steps: "tuple[Callable[..., Any], ...]", argument: object) -> "Any":
    """Do an operation alone; return its result.

    The steps are taken by C code: no signal handler and no destructor runs between
    them, which might want a lock whose holder wants this one.
    """
    try:
        _, _, result, *_ = map(call, steps, (True, True, argument, -1, None, True))
    except BaseException:
        if _alone_with_channels._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way
            _busy.clear()
            _alone_with_channels.release()
        raise
    return result


# From 3.14 on a channel pickles objects that are not shareable, unless it is told not to.
_OPTIONS = {"fallback": 0} if sys.version_info >= (3, 14) else {}

_CREATE = _alone(partial(_interpchannels.create, **_OPTIONS))
_COUNT, _DESTROY = _alone(_interpchannels.get_count), _alone(_interpchannels.destroy)


class Fifo:
    """A queue of shareable objects, first in, first out, open to all interpreters.

    It never blocks. Any thread of any interpreter may send and receive; each
    object is taken once. Objects: `bytes`, `int`, `str`, `float`, `bool`,
    `memoryview`, and tuples of these (not `None`: it means "empty").

    The receiver of a `bytes` object copies it, and then asks the *sender's*
    interpreter to let go of the original, by a pending call there. CPython
    keeps room for 300 such calls an interpreter and drops what exceeds them:
    an interpreter that runs no bytecode at all while more than 300 of its
    messages are received leaks them (measured on 3.13.0 to 3.15.2). So a
    pool bounds the number of such objects in its queues (`lending` counts
    them); integers and booleans need no such call.
    """

    def __init__(self, fifo_id: int | None = None) -> None:
        """Make a new queue, or reach the existing one that has this number.

        The maker's object keeps the queue alive; one reached by number does not.
        """
        self._made = [_do(_CREATE, _REMOVE_UNBOUND)] if fifo_id is None else []
        self.id = fifo_id = int(self._made[0]) if fifo_id is None else fifo_id
        # Bound once: both are called for every message.
        self._send = _alone(partial(_interpchannels.send, fifo_id, blocking=False))
        self._recv, self._count = _interpchannels.recv, _interpchannels.get_count

    def send(self, item: object) -> None:
        """Append `item`. Raises `NotShareableError` if it is not shareable."""
        _do(self._send, item)

    def recv(self) -> object:
        """Take the first item, or return None when the queue is empty."""
        # No other thread runs between the look and the call.
        return (self._recv(self.id, None) if not _busy else self._recv_alone())[0]

    def _recv_alone(self) -> "tuple[object, object]":
        return _do(_alone(partial(self._recv, self.id)), None)  # type: ignore[no-any-return]

    def count(self) -> int:
        """Return how many items there are."""
        # No other thread runs between the look and the call.
        return self._count(self.id) if not _busy else _do(_COUNT, self.id)

    def destroy(self) -> None:
        """Drop the queue and the items in it. Using it afterwards is an error."""
        try:
            _do(_DESTROY, self.id)
        finally:
            _do(_alone(self._made.__delitem__), slice(None))  # the end of it wants the mutex, too
