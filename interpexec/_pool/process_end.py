"""The end of a process in which workers are left that cannot be stopped.

A call that blocks in C cannot be interrupted before CPython 3.15, and its interpreter
cannot be ended under it. CPython itself, when it ends the interpreters at the end of the
process, waits for such a worker for ever, or crashes. So the process ends before it comes
to that, and after all else that Python does at the end:

    threading's shutdown     the pools end, as far as they can (`process_hooks`), and the
                             program's threads are joined
    atexit                   our handler runs first, runs all the others, flushes what is
                             buffered, and ends the process
    (the end of the interpreters, which is not reached)

The exit status is the one that the process would have had. Python code is not told of it; so
from the moment at which a worker is left behind, a monitor of `sys.monitoring` looks which
SystemExit leaves the outermost frame of the main thread. It costs nothing but where frames
are left by an exception.
"""

import _signal
import atexit
import gc
import io
import os
import sys
from contextlib import suppress

from interpexec._core import cpython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

INTERRUPT_LIMIT = 0.5
"""Seconds for which Ctrl-C waits for the calls that it has stopped: a person waits for it. Calls
that are not over by then, on an overloaded machine, end by themselves, or with the process."""

_WINDOWS_BY_INTERRUPT = -1073741510  # STATUS_CONTROL_C_EXIT

_TOOLS = 4, 3  # ids of `sys.monitoring` that are nobody's by convention

_BUFFERED = io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom

_exits: list[SystemExit] = []
"""The last one that has left the outermost frame of the main thread."""


def watch_status() -> None:
    """Take note of the status with which the program ends. Idempotent; from any thread."""
    monitoring = sys.monitoring
    tools = {tool: monitoring.get_tool(tool) for tool in _TOOLS}
    if __name__ in tools.values() or None not in tools.values() or not cpython.is_main():
        return
    tool = next(tool for tool, user in tools.items() if user is None)
    with suppress(ValueError):  # somebody else has taken it just now
        monitoring.use_tool_id(tool, __name__)
        monitoring.register_callback(tool, monitoring.events.PY_UNWIND, _note_exit)
        monitoring.set_events(tool, monitoring.events.PY_UNWIND)


def _note_exit(_code: "CodeType", _offset: int, error: BaseException) -> None:
    is_outermost = sys._getframe(1).f_back is None  # noqa: SLF001  # there is no public way
    if isinstance(error, SystemExit) and is_outermost and cpython.is_main_thread():
        _exits[:] = [error]


def ended_by_interrupt() -> bool:
    """Say whether a KeyboardInterrupt that nobody has caught ends the program."""
    return not _exits and isinstance(_uncaught(), KeyboardInterrupt)


def _uncaught() -> BaseException | None:
    """Return the exception that Python has printed, as nothing in the program has caught it.

    At a prompt it was that of some line, and the program has gone on.
    """
    error = getattr(sys, "last_exc", None)
    if error is None or error.__traceback__ is None or hasattr(sys, "ps1"):
        return None
    is_outermost = error.__traceback__.tb_frame.f_back is None
    return error if is_outermost else None


def end_without_workers(error: KeyboardInterrupt | None) -> None:
    """Have the process end when Python has come to the end of its atexit handlers.

    error: the interrupt that came at the end of the program, where that is why.
    """
    if error is not None:
        sys.excepthook(type(error), error, error.__traceback__)
    is_interrupted = error is not None or ended_by_interrupt()
    status = _status()

    def end() -> None:
        atexit.unregister(end)  # lest it is run again, with the others
        try:
            atexit._run_exitfuncs()  # noqa: SLF001  # there is no public way; it prints what they raise
            _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
            _flush()
        finally:  # whatever comes: with such workers there is no other way out
            if is_interrupted:
                _die_of_interrupt()
            os._exit(status)

    atexit.register(end)


def _status() -> int:
    """Return the exit status of a program that is not ended by Ctrl-C."""
    if not _exits:
        return 0 if _uncaught() is None else 1
    code = _exits[0].code
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _flush() -> None:
    """Write out what is buffered: of the standard streams, and of all files that are open."""
    files = [each for each in gc.get_objects() if issubclass(type(each), _BUFFERED)]
    # Text first: what it holds goes into the others.
    files.sort(key=lambda each: not issubclass(type(each), io.TextIOWrapper))
    for file in (sys.stdout, sys.stderr, *files):
        with suppress(Exception):  # it is closed, or cannot be written: nobody is left to tell
            file.flush()


def _die_of_interrupt() -> None:
    """End the process by the signal, so that a shell stops, too, and shows 130."""
    if sys.platform == "win32":
        os._exit(_WINDOWS_BY_INTERRUPT)
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    os.kill(os.getpid(), _signal.SIGINT)
