"""The checks of public arguments: refused at once, with the name and the value."""

import math
import os
import sys
from functools import partial
from operator import index
from types import BuiltinFunctionType, FunctionType, MethodType

from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import shown, without_frames
from interpexec._core.waiting import wrong_timeout
from interpexec._pool.call_table import check_weight
from interpexec._pool.settings import OwnCall
from interpexec._sharing import pickling
from interpexec._sharing.function_names import function_of
from interpexec._sharing.function_names import name_of as name_of  # noqa: PLC0414  # for its users here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextvars import ContextVar
    from typing import Any

    from interpexec._pool.call_pickler import Binder, CallPickler
    from interpexec._pool.forwarded import Forwarded
    from interpexec._sharing.package import Packed


# A process cannot have so many threads.
_MOST_WORKERS = 1 << 15


def real_threads() -> None:
    """Raise RuntimeError where gevent or eventlet has replaced the threads of a pool."""
    if not sys.modules.keys().isdisjoint(_PATCHERS):
        from interpexec._core import unpatched  # few programs need it

        unpatched.refuse_late_patch()


_PATCHERS = "gevent.monkey", "eventlet.patcher"


def max_workers(value: int | None) -> int:
    """Return the number of workers; None means the standard library's default."""
    if value is None:
        return min(32, (os.process_cpu_count() or 1) + 4)
    number = _integer(value, "max_workers")
    if number <= 0:
        raise ValueError(f"max_workers must be greater than 0, got {shown(value)}")
    return min(number, _MOST_WORKERS)


def _integer(value: object, name: str) -> int:
    try:
        return index(value)  # type: ignore[arg-type]  # that is the question
    except Exception:  # the user's __index__
        raise TypeError(f"{name} must be an integer or None, got {shown(value)}") from None


def max_tasks(value: int | None) -> int | None:
    """Return after how many calls a worker is replaced; checked as in ProcessPoolExecutor."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"max_tasks_per_child must be an integer or None, got {shown(value)}")
    if value <= 0:
        raise ValueError(f"max_tasks_per_child must be >= 1, got {shown(value)}")
    return value


def function(value: object) -> None:
    """Check the function of a call.

    An object of the user's own class is let pass: where it cannot be sent, the
    future says so, as CPython's tests have it; where it can, that it is not
    callable.
    """
    kind = type(value)
    if kind is FunctionType:
        if value.__code__.co_flags & _ASYNCHRONOUS:  # type: ignore[attr-defined]  # it is one
            raise _asynchronous(value, "fn")
    elif kind is BuiltinFunctionType or kind is type:
        return
    elif not callable(value):
        if kind.__module__ == "builtins":
            raise TypeError(f"fn must be a callable, got {shown(value)}")
    elif _is_asynchronous(value):
        raise _asynchronous(value, "fn")


def _is_asynchronous(value: object) -> bool:
    """Say whether calling it gives a coroutine, or an asynchronous generator."""
    while isinstance(value, partial):
        value = function_of(value)
    kind = type(value)
    if kind is MethodType:
        value = value.__func__  # type: ignore[attr-defined]  # it is one
    elif kind is not FunctionType:
        value = getattr(kind, "__call__", None)  # noqa: B004  # not of the object
    return type(value) is FunctionType and bool(value.__code__.co_flags & _ASYNCHRONOUS)


_ASYNCHRONOUS = 0x80 | 0x200
"""`inspect.CO_COROUTINE` and `CO_ASYNC_GENERATOR`; to import that takes 10 ms."""


def _asynchronous(value: object, argument: str) -> TypeError:
    """Return the error for a function whose value could not be sent, and is awaited by nobody."""
    name = name_of(value)
    return TypeError(
        f"{argument} must be a plain function, and {name} is a coroutine function (async def):"
        f" pass a function that calls asyncio.run({name}(...))"
    )


def name_prefix(value: object) -> str:
    """Return the prefix of the threads' names; none is as good as an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"thread_name_prefix must be a str, got {shown(value)}")
    return value


def on_error(value: object) -> bool:
    """Return whether an exception in the `with` block cancels the calls."""
    if value not in {"wait", "cancel"}:
        raise ValueError(f"on_error must be 'wait' or 'cancel', got {shown(value)}")
    return value == "cancel"


def initializer(function: object, args: object, workers: int) -> OwnCall:
    """Return the call of the initializer."""
    arguments = _tuple(args, "initargs")
    return _own_call(function, "initializer", partial(_dump_initializer, arguments, workers))


def finalizer(function: object, args: object) -> OwnCall:
    """Return the call of the finalizer."""
    arguments = _tuple(args, "finalargs")
    return _own_call(function, "finalizer", partial(_dump_finalizer, arguments))


def carrier(
    variables: "Iterable[ContextVar[Any]]", forwarded: "Forwarded | None"
) -> "CallPickler | None":
    """Return what pickles calls with something beside them; None where there is nothing.

    That is the values of context variables, and the levels of loggers.
    """
    binders: list[Binder] = []
    if forwarded is not None and forwarded.levels is not None:
        binders.append(forwarded.levels)
    if not isinstance(variables, tuple | list) or variables:
        from interpexec._sharing.context_values import ContextVariables  # few programs need them

        binders.append(ContextVariables(variables))
    if not binders:
        return None
    from interpexec._pool.call_pickler import CallPickler  # few programs need it

    return CallPickler(*binders)


def forwarded(*, forward_logging: bool, redirect_stdout: bool) -> "Forwarded | None":
    """Return what takes log records and output of workers; None if they forward nothing."""
    if not (forward_logging or redirect_stdout):
        return None
    from interpexec._pool.forwarded import Forwarded  # few programs need it

    return Forwarded(has_records=bool(forward_logging), has_output=bool(redirect_stdout))


def _own_call(function: object, what: str, dump: "Callable[[object], Packed]") -> OwnCall:
    """Return what pickles a call that each worker makes, when a worker starts.

    It is pickled now, so that later changes of its arguments do not matter; but
    again for each worker if there is out-of-band data, which can be received
    only once. Where it cannot be sent, that is an error of the worker that needs it, as in the
    standard library.
    """
    if function is None:
        return OwnCall()
    if not callable(function):
        raise TypeError(f"{what} must be a callable, got {shown(function)}")
    if _is_asynchronous(function):
        raise _asynchronous(function, what)
    name = name_of(function)
    try:
        payload = dump(function)
    except NotShareableError as error:
        return OwnCall(name, _Raiser(_with_names_of(what, error)))
    if isinstance(payload, bytes):
        return OwnCall(name, lambda: payload)
    return OwnCall(name, partial(dump, function))


def _dump_initializer(args: "tuple[object, ...]", workers: int, function: "Any") -> "Packed":
    payload = pickling.dumps_call(function, args, {})
    check_weight(payload, workers)
    return payload


def _dump_finalizer(args: "tuple[object, ...]", function: "Any") -> "Packed":
    """Pickle the call of a finalizer.

    As a message, which may outlive its sender: it lies in the worker until that ends, so that no
    memory can be lent with it. And what is there by then is the worker's own, and stays as it is.
    """
    try:
        return pickling.MESSAGES.pack((function, args, {}))
    except Exception:  # the names of the program may help; else the error is the better one
        payload = pickling.dumps_call(function, args, {})
    if not isinstance(payload, bytes) and payload.weight:
        raise NotShareableError("memory cannot be lent for so long: put it into a SharedBuffer")
    return payload


def _tuple(args: object, what: str) -> "tuple[object, ...]":
    try:
        return tuple(args)  # type: ignore[arg-type]  # that is the question
    except Exception:  # the user's __iter__
        raise TypeError(f"{what} must be a tuple of arguments, got {shown(args)}") from None


def _with_names_of(what: str, error: NotShareableError) -> NotShareableError:
    """Return the error of a call that cannot be sent, with the names that its parts have here."""
    text = str(error)
    args = "initargs[" if what == "initializer" else "finalargs["
    here = {"args[": args, "the function": f"the {what}", "function.": f"{what}."}
    for theirs, ours in here.items():
        if text.startswith(theirs):
            text = ours + text.removeprefix(theirs)
    told = NotShareableError(text)
    told.__cause__ = error.__cause__
    return told


class _Raiser:
    """Raises the error it was made with when it is called."""

    def __init__(self, error: BaseException) -> None:
        self._error = without_frames(error)

    def __call__(self) -> None:
        raise self._error.with_traceback(None)


def mappable(fn: object, iterables: tuple[object, ...]) -> "tuple[Iterator[object], ...]":
    """Check the function of a map, and return the iterators over its items."""
    if not callable(fn):
        raise TypeError(f"fn must be a callable, got {shown(fn)}")
    function(fn)
    return tuple(iterator(each, f"iterables[{index}]") for index, each in enumerate(iterables))


def iterator(value: object, name: str) -> "Iterator[object]":
    """Return the iterator over an iterable that is no asynchronous one."""
    try:
        return iter(value)  # type: ignore[call-overload,no-any-return]  # that is the question
    except TypeError as error:
        hint = " (the maps of interpexec.aio take it)" if hasattr(type(value), "__aiter__") else ""
        raise TypeError(f"{name} must be iterable, got {shown(value)}: {error}{hint}") from None


def limit(value: object) -> float | None:
    """Return the seconds that a call may run. There is none that may run for no time."""
    seconds = timeout(value)
    if seconds is not None and seconds <= 0:
        raise ValueError(f"timeout must be greater than 0, or None, got {shown(value)}")
    return seconds if seconds != math.inf else None


def timeout(value: object) -> float | None:
    """Return a timeout in seconds. A negative one is over at once."""
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, str | bytes) else float(value)  # type: ignore[arg-type]  # that is the question
    except Exception:  # the user's __float__
        seconds = math.nan
    if math.isnan(seconds):
        raise wrong_timeout(value)
    return seconds


def chunksize(value: int | None) -> int | None:
    """Return the number of items in a chunk; None: as they are measured."""
    if value is None:
        return None
    number = _integer(value, "chunksize")
    if number < 1:
        raise ValueError(f"chunksize must be None or > 0, got {shown(value)}")
    return number


def buffersize(value: int | None, name: str = "buffersize") -> int | None:
    """Return a bound on what is in flight. name: of the argument."""
    if value is None:
        return None
    number = _integer(value, name)
    if number < 1:
        raise ValueError(f"{name} must be None or > 0, got {shown(value)}")
    return number
