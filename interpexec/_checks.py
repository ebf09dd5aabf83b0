"""The checks of public arguments: refused at once, with the name and the value."""

import math
import os
from operator import index
from typing import SupportsFloat

from interpexec import _messages
from interpexec._runtime import NotShareableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def max_workers(value: int | None) -> int:
    """Return the number of workers; None means the standard library's default."""
    if value is None:
        return min(32, (os.process_cpu_count() or 1) + 4)
    number = _integer(value, "max_workers")
    if number <= 0:
        message = f"max_workers must be greater than 0, got {value!r}"
        raise ValueError(message)
    return number


def _integer(value: object, name: str) -> int:
    try:
        return index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        message = f"{name} must be an integer or None, got {value!r}"
        raise TypeError(message) from None


def name_prefix(value: object) -> str:
    """Return the prefix of the threads' names."""
    if not isinstance(value, str):
        message = f"thread_name_prefix must be a str, got {value!r}"
        raise TypeError(message)
    return value


def initializer(function: object, args: object) -> "Callable[[], bytes | None]":
    """Return what pickles the initializer's call when a worker starts.

    It is pickled now, so that later changes of its arguments do not matter;
    what cannot travel is an error of the worker that needs it, as in the
    standard library.
    """
    if function is None:
        return lambda: None
    if not callable(function):
        message = f"initializer must be a callable, got {function!r}"
        raise TypeError(message)
    try:
        arguments: tuple[object, ...] = tuple(args)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        message = f"initargs must be a tuple of arguments, got {args!r}"
        raise TypeError(message) from None
    try:
        payload = _messages.dumps_call(function, arguments, {})
    except NotShareableError as error:
        return _Raiser(error)
    return lambda: payload


class _Raiser:
    """Raises the error it was made with when it is called."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self) -> None:
        raise self._error


def mappable(fn: object) -> None:
    """Check the function of a map."""
    if not callable(fn):
        message = f"fn must be a callable, got {fn!r}"
        raise TypeError(message)


def timeout(value: object) -> float | None:
    """Return a timeout in seconds. A negative one is over at once."""
    if value is None or value == math.inf:
        return None
    if not isinstance(value, SupportsFloat) or isinstance(value, str):
        message = f"timeout must be a number of seconds or None, got {value!r}"
        raise TypeError(message)
    if math.isnan(seconds := float(value)):
        message = f"timeout must be a number of seconds or None, got {value!r}"
        raise ValueError(message)
    return seconds


def chunksize(value: int | None) -> int:
    """Return the number of items in a chunk; None means one."""
    if value is None:
        return 1
    number = _integer(value, "chunksize")
    if number < 1:
        message = f"chunksize must be None or > 0, got {value!r}"
        raise ValueError(message)
    return number


def buffersize(value: int | None) -> int | None:
    """Return the bound on the items in flight."""
    if value is None:
        return None
    number = _integer(value, "buffersize")
    if number < 1:
        message = f"buffersize must be None or > 0, got {value!r}"
        raise ValueError(message)
    return number
