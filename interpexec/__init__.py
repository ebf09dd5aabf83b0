"""Parallel pure Python in one process: an executor over subinterpreters.

>>> from interpexec import InterpreterPoolExecutor
>>> with InterpreterPoolExecutor() as pool:
...     list(pool.map(pow, [2, 3], [10, 10]))
[1024, 59049]

Every name below is imported at its first use: each worker interpreter imports
this package too, and must not pay for what only the main interpreter needs.
"""

import sys

# This file is read by whatever Python finds it, so it keeps to plain syntax.
if sys.version_info < (3, 13):  # noqa: UP036  # the reader may run any Python
    raise ImportError(
        "interpexec needs CPython 3.13 or later, and this is Python %d.%d.%d (%s)"  # noqa: UP031  # plain syntax
        % (*sys.version_info[:3], sys.executable),
    )

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._core.current_call import current_task
    from interpexec.buffers import SharedBuffer
    from interpexec.channels import RecvChannel, SendChannel, create_channel
    from interpexec.errors import (
        BrokenInterpreterPool,
        ChannelClosedError,
        ChannelEmptyError,
        ChannelFullError,
        ExecutionFailed,
        NotShareableError,
        TaskCancelled,
        TokenError,
        WorkerLostError,
    )
    from interpexec.executor import InterpreterPoolExecutor

__version__ = "0.1.0.dev0"

__all__ = [
    "BrokenInterpreterPool",
    "ChannelClosedError",
    "ChannelEmptyError",
    "ChannelFullError",
    "ExecutionFailed",
    "InterpreterPoolExecutor",
    "NotShareableError",
    "RecvChannel",
    "SendChannel",
    "SharedBuffer",
    "TaskCancelled",
    "TokenError",
    "WorkerLostError",
    "create_channel",
    "current_task",
]

_MODULES = {
    "BrokenInterpreterPool": "interpexec.errors",
    "ChannelClosedError": "interpexec.errors",
    "ChannelEmptyError": "interpexec.errors",
    "ChannelFullError": "interpexec.errors",
    "ExecutionFailed": "interpexec.errors",
    "InterpreterPoolExecutor": "interpexec.executor",
    "NotShareableError": "interpexec.errors",
    "RecvChannel": "interpexec.channels",
    "SendChannel": "interpexec.channels",
    "SharedBuffer": "interpexec.buffers",
    "TaskCancelled": "interpexec.errors",
    "TokenError": "interpexec.errors",
    "WorkerLostError": "interpexec.errors",
    "create_channel": "interpexec.channels",
    "current_task": "interpexec._core.current_call",
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use and keep it."""
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    __import__(_MODULES[name])
    value = globals()[name] = getattr(sys.modules[_MODULES[name]], name)
    return value


def __dir__() -> list[str]:
    """List the public names, also those not imported yet."""
    return sorted({*globals(), *__all__})
