"""KeyboardInterrupt, kept out of the middle of things. In the main thread.

Python raises KeyboardInterrupt between any two bytecodes of the main thread. In the middle
of a move of this package it would lose a reply, a lock or a descriptor. So a handler of
this package stands where Python's own stood. It looks which frame was interrupted, and at those
around it, the innermost first. The first one whose function is marked decides:

    @protected       the interrupt is noted, and raised when the outermost function that is
                     marked so returns
    @unbroken        it is noted, and raised at the next line of the code around that: by a
                     trace function. For code that must not raise it itself: destructors,
                     the taking of locks, callbacks of other libraries
    @interruptible   it is raised at once: this function sleeps, or calls the user's code,
                     and its callers are prepared for an exception at each of its bytecodes
    (none)           it is raised at once: this is the user's code

A module in which next to every function is `unbroken` says so once: `keep_whole()`.

Purpose: no state of the package depends on where an interrupt comes.
Guarantees: each interrupt is raised once; several that are noted together, once together.
Functions that sleep in protected code are interruptible, so nothing is held up for long.
Assumptions: the handler is the one that was installed here. A handler of the program's own
is left alone; its exceptions may come between any two bytecodes, as ever.

The race at the end of a protected function, in steps. Its wrapper is not marked.
1. The signal comes before the function returns: it is noted, and the wrapper, which looks
   after the return, raises it.
2. The signal comes after the return: the wrapper's own frame decides, and does not protect.
   It is raised at once.

After trio's `_core/_ki.py`, where marked functions protect in the same way. asyncio's runner
and trio put handlers of their own in the place of `signal.default_int_handler` only, which
they know by its identity. So this handler takes its name as well.

asyncio's runner raises KeyboardInterrupt at the second interrupt, wherever that comes. So `watch`
puts this handler in front of the runner's, and hands each interrupt to that. A first one cancels
the main task, which raises nothing, so it is handed on in the middle of protected code, too. Where
the runner raises, the marks decide when. In steps:

1. The runner finds `default_int_handler`, which is this one, and puts its own in that place.
2. A call of the package finds it there, and puts this one back, and keeps a weak reference to it:
   the runner has the only other one, for as long as it runs.
3. The runner ends, finds another handler than its own, and leaves it there. It is the one from
   before the run, and the next runner finds what the first one did.
"""

import _signal
import sys
from _functools import partial
from _thread import LockType, allocate_lock, start_new_thread
from _weakref import ref

from interpexec._core import cpython, signals

cpython.own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

_PROTECTED, _UNBROKEN, _INTERRUPTIBLE = range(3)

_marks: "dict[int, tuple[CodeType, int | Callable[[FrameType], bool]]]" = {}
"""By the id of a code object, which this keeps alive. (Its hash is that of its content.)"""

_whole: set[str] = set()
"""The files whose functions are `unbroken` unless they are marked otherwise."""

noted: list[int] = []
"""The signal that was noted, if one was, and is still to be raised: see `deliver`."""

held: list[bool] = []
"""Not empty while the main thread forks: hooks of whatever library run then, and CPython
prints what they raise, and goes on. So an interrupt is noted."""

FIRST_NAP = 0.05
"""Seconds for which the main thread sleeps at first: see `nap`. Longer, and a Ctrl-C in the
gap seems to do nothing; shorter, and more sleeps cost a wake-up."""

_python_handler = _signal.default_int_handler


def _mark[F: "Callable[..., object]"](function: F, how: "int | Callable[[FrameType], bool]") -> F:
    code: CodeType = function.__code__
    _marks[id(code)] = code, how
    return function


def named_as[F: "Callable[..., object]"](function: "Callable[..., object]", wrapper: F) -> F:
    """Give a wrapper the names of a function, and return it, without importing `functools`."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(wrapper, name, getattr(function, name))
    wrapper.__wrapped__ = function  # type: ignore[attr-defined]  # for `inspect`
    return wrapper


def protected[**P, T](function: "Callable[P, T]") -> "Callable[P, T]":
    """Let no KeyboardInterrupt into a function; raise it when the outermost one returns."""
    _mark(function, _PROTECTED)

    def wrapper(*args: "P.args", **kwargs: "P.kwargs") -> "T":
        try:
            return function(*args, **kwargs)
        finally:
            if noted:
                deliver()

    return named_as(function, wrapper)


def protected_inside[**P, T](function: "Callable[P, T]") -> "Callable[P, T]":
    """Do as `protected`, without a wrapper: the caller looks at `noted`, and delivers.

    For functions that are called for each call of a pool.
    """
    return _mark(function, _PROTECTED)


def keep_whole(function: "Callable[..., object] | None" = None) -> None:
    """Have all functions of a module be `unbroken`, unless they are marked otherwise.

    function: one of that module; None: the module is the caller.
    """
    code = sys._getframe(1).f_code if function is None else function.__code__  # noqa: SLF001  # it has the name that is in the functions
    _whole.add(code.co_filename)


def unbroken[**P, T](function: "Callable[P, T]") -> "Callable[P, T]":
    """Let no KeyboardInterrupt into a function, and raise it some time after that."""
    return _mark(function, _UNBROKEN)


def unbroken_if(
    function: "Callable[..., object]", condition: "Callable[[FrameType], bool]"
) -> None:
    """Let no KeyboardInterrupt into a function of another library, where `condition` holds."""
    _mark(function, condition)


def interruptible[**P, T](function: "Callable[P, T]") -> "Callable[P, T]":
    """Let KeyboardInterrupt into a function that protected code calls."""
    _mark(function, _INTERRUPTIBLE)

    def wrapper(*args: "P.args", **kwargs: "P.kwargs") -> "T":
        if noted:  # before: it would sleep now, or run for long
            _raise_noted()
        return function(*args, **kwargs)

    return named_as(function, wrapper)


def interruptible_inside[**P, T](function: "Callable[P, T]") -> "Callable[P, T]":
    """Do as `interruptible`, without a wrapper: the function looks at `noted` first, and delivers.

    For functions that are called for each call of a pool.
    """
    return _mark(function, _INTERRUPTIBLE)


@interruptible
def interruptibly[**P, T](function: "Callable[P, T]", *args: "P.args", **kwargs: "P.kwargs") -> "T":
    """Call a function, and let KeyboardInterrupt into it; its result may be lost then."""
    return function(*args, **kwargs)


def nap(wait: "Callable[[float], bool]", seconds: float) -> bool:
    """Sleep in the main thread, in naps of twice the length each; return if it was woken.

    A signal that comes between CPython's last look for signals and the system call that sleeps
    wakes nobody. It is heard at the end of that nap: after at most as long as the sleep has
    taken until then. The gap is some microseconds wide, but a thread may be preempted in it.
    A day of sleep takes 21 naps.
    """
    length = FIRST_NAP
    while seconds > length:
        if wait(length):
            return True
        seconds -= length
        length *= 2
    return wait(seconds)


def deliver() -> None:
    """Raise the noted interrupt, unless the caller is protected itself: then its caller does it."""
    if not cpython.is_main_thread():
        return
    decision = _decision(sys._getframe(1))  # noqa: SLF001  # there is no public way
    if decision in {None, _INTERRUPTIBLE}:
        _raise_noted()
    elif decision == _UNBROKEN:
        _raise_outside(sys._getframe(1))  # noqa: SLF001  # there is no public way


def _raise_noted() -> None:
    if cpython.is_main_thread() and noted:
        noted.clear()
        raise KeyboardInterrupt


def _decision(frame: "FrameType | None") -> int | None:
    """Return the mark of the innermost frame that has one.

    A function that is unbroken, and called by protected code, is as good as protected.
    """
    found = None
    while frame is not None:
        mark = _mark_of(frame)
        if mark == _UNBROKEN:
            found = mark
        elif mark is not None:
            return mark if found is None or mark == _PROTECTED else found
        frame = frame.f_back
    return found


def _mark_of(frame: "FrameType") -> int | None:
    _, mark = _marks.get(id(frame.f_code), (None, None))
    if mark is None:
        return _UNBROKEN if frame.f_code.co_filename in _whole else None
    if isinstance(mark, int):
        return mark
    return _UNBROKEN if mark(frame) else None


def watch() -> None:
    """Put the handler in the place of Python's own, if that is there. Cheap.

    In the main thread of the main interpreter; elsewhere nothing happens. Other libraries put
    Python's own back, an IPython kernel before each cell; so this is called again and again.
    """
    handler = _signal.getsignal(_signal.SIGINT)
    if handler is _handler:
        return
    if handler is _python_handler:
        _install()
    elif type(handler) is partial and _is_of_runner(handler):
        _install(handler)


def _is_of_runner(handler: "partial[object]") -> bool:
    """Say whether a handler of SIGINT is that of `asyncio.Runner`."""
    function = handler.func
    return (
        getattr(function, "__module__", "") == "asyncio.runners"
        and getattr(function, "__name__", "") == "_on_sigint"
    )


_no_runner: "Callable[[], partial[object] | None]" = type(None)
_runner = _no_runner
"""Returns the handler of asyncio's runner, as long as that lives; else None."""


def _running() -> "partial[object] | None":
    """Return the handler of asyncio's runner, if its loop runs.

    (An exception that is kept keeps a run that is over, and so its handler.)
    """
    if (runner := _runner()) is None:
        return None
    task = runner.keywords.get("main_task")
    return None if task is None or not task.get_loop().is_running() else runner


def _install(runner: "partial[object] | None" = None) -> None:
    """Put the handler in its place. runner: the handler that it is put in front of."""
    global _runner  # noqa: PLW0603  # a process has one handler
    if not (cpython.is_main_thread() and cpython.is_main()):
        return
    _runner = _no_runner if runner is None else ref(runner)
    _signal.signal(_signal.SIGINT, _handler)
    _signal.default_int_handler = _handler
    if (module := sys.modules.get("signal")) is not None:
        module.default_int_handler = _handler  # type: ignore[attr-defined]  # for the others: see above


def _handler(number: int, frame: "FrameType | None") -> None:
    """Raise KeyboardInterrupt now, or note it."""
    while _unheard:
        _unheard.pop().release()
    if (runner := _running()) is not None:
        try:
            runner(number, frame)
        except KeyboardInterrupt:  # here it would come anywhere
            pass
        else:
            return
    decision = _PROTECTED if held else _decision(frame)
    if decision not in {_PROTECTED, _UNBROKEN}:
        noted.clear()  # it is the same exception
        _python_handler(number, frame)
    if not noted:
        noted.append(number)
    if decision == _UNBROKEN:
        _raise_outside(frame)


def _raise_outside(frame: "FrameType | None") -> None:
    """Raise the noted interrupt at the next line of the code around the unbroken functions."""
    if sys.gettrace() in _armed:
        return  # that is about to be done
    target = _outside(frame)
    if target is None or sys.gettrace() is not None:  # no code; or a debugger, which stays
        _send_again()
        return

    def trace(traced: "FrameType", event: str, _argument: object) -> object:
        if event == "call":  # not in the functions that are called meanwhile
            return None
        if event == "line" and _leaves_with(traced):
            return trace  # an exception here would keep `__exit__` from being called
        sys.settrace(None)
        traced.f_trace = None
        _armed.clear()
        _raise_noted()
        return None

    _mark(trace, _UNBROKEN)  # another signal in the middle of it is noted, too
    _armed[:] = [trace]
    target.f_trace = trace
    sys.settrace(trace)  # type: ignore[arg-type]  # a trace function may return None


_armed: "list[Callable[..., object]]" = []
"""The trace function that waits for its line, if there is one."""

_BEFORE_EXIT = frozenset({"NOP", "SWAP", "COPY", "POP_TOP", "POP_ITER", "RESUME", "EXTENDED_ARG"})


@unbroken
def _leaves_with(frame: "FrameType") -> bool:
    """Say whether a line begins with the call of `__exit__`.

    It is given None three times, or by an instruction of its own after an exception.
    """
    import dis  # nothing but this needs it

    nones = 0
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset < frame.f_lasti or instruction.opname in _BEFORE_EXIT:
            continue
        if instruction.opname in {"PUSH_EXC_INFO", "WITH_EXCEPT_START"}:
            return True
        if not instruction.opname.startswith("LOAD_") or instruction.argval is not None:
            return nones == _EXIT_ARGUMENTS
        nones += 1
    return False


_EXIT_ARGUMENTS = 3


def _outside(frame: "FrameType | None") -> "FrameType | None":
    """Return the frame that has called the outermost unbroken one."""
    outermost = frame
    while frame is not None:
        mark = _mark_of(frame)
        if mark == _INTERRUPTIBLE:
            break
        if mark == _UNBROKEN:
            outermost = frame
        frame = frame.f_back
    return None if outermost is None else outermost.f_back


def _send_again() -> None:
    """Send the signal once more, soon: this thread must let another one run for that."""
    try:
        start_new_thread(_send, ())
    except RuntimeError:
        pass  # no thread can be started: the next protected function raises it


def _send() -> None:
    try:
        number = noted.pop()  # one call decides whether it is raised here or there
    except IndexError:
        return
    heard = allocate_lock()
    heard.acquire()
    _unheard.append(heard)
    signals.interrupt(number)
    # A signal that comes just before the main thread blocks wakes nobody.
    while not heard.acquire(timeout=_AGAIN):
        signals.interrupt(number)


_AGAIN = 0.01
"""Seconds until a signal is sent again that the main thread has not heard."""

_unheard: list[LockType] = []
"""Released by the handler: of the threads that have sent a signal."""
