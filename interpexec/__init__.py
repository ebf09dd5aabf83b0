"""Parallel pure Python in one process: an executor over subinterpreters.

>>> from interpexec import InterpreterPoolExecutor
>>> with InterpreterPoolExecutor() as pool:
...     list(pool.map(pow, [2, 3], [10, 10]))
[1024, 59049]

Every name below, and every submodule, is imported at its first use: each worker
interpreter imports this package too, and must not pay for what only the main
interpreter needs. Type checkers and editors read `__init__.pyi`.
"""

import sys as _sys  # the names of this module are the package's

# This file is read by whatever Python finds it, so it keeps to plain syntax.
if _sys.version_info < (3, 13):  # noqa: UP036  # the reader may run any Python
    raise ImportError(
        "interpexec needs CPython 3.13 or later, and this is Python %d.%d.%d (%s)"  # noqa: UP031  # plain syntax
        % (*_sys.version_info[:3], _sys.executable),
    )

_PATCHERS = ("gevent.monkey", "eventlet.patcher")


def _find_unpatched() -> None:
    """Look for real threads, where a library may have put others in their place."""
    if not _sys.modules.keys().isdisjoint(_PATCHERS):
        from interpexec._core import unpatched  # few programs need it

        unpatched.install()


_find_unpatched()

__version__ = "0.1.0.dev0"

_MODULES = {
    "Batch": "interpexec._map.outcome",
    "BrokenInterpreterPool": "interpexec.errors",
    "CallFuture": "interpexec._pool.future",
    "ChannelClosedError": "interpexec.errors",
    "ChannelEmptyError": "interpexec.errors",
    "ChannelFullError": "interpexec.errors",
    "ExecutionFailed": "interpexec.errors",
    "Feed": "interpexec._map.feed",
    "Group": "interpexec._pool.group",
    "InterpreterPoolExecutor": "interpexec.executor",
    "NotShareableError": "interpexec.errors",
    "Outcome": "interpexec._map.outcome",
    "PoolStats": "interpexec._pool.stats",
    "RecvChannel": "interpexec.channels",
    "Results": "interpexec._map.results",
    "SendChannel": "interpexec.channels",
    "SharedBuffer": "interpexec.buffers",
    "Task": "interpexec._core.current_call",
    "TaskCancelled": "interpexec.errors",
    "TokenError": "interpexec.errors",
    "Trace": "interpexec._pool.trace",
    "Worker": "interpexec._core.current_worker",
    "WorkerInfo": "interpexec._pool.introspection",
    "WorkerLostError": "interpexec.errors",
    "WorkerStats": "interpexec._pool.stats",
    "cancelled": "interpexec._core.current_call",
    "create_channel": "interpexec.channels",
    "current_task": "interpexec._core.current_call",
    "current_worker": "interpexec._core.current_worker",
    "run": "interpexec._default_pool",
    "shield": "interpexec._core.current_call",
}

__all__ = [*_MODULES]  # noqa: PLE0604  # they are strings

_SUBMODULES = (
    "aio",
    "buffers",
    "channels",
    "dask",
    "errors",
    "executor",
    "joblib",
    "pool",
    "sharing",
    "sync",
)


def __getattr__(name: str) -> object:
    """Import a public name, or a submodule, at its first use and keep it."""
    _find_unpatched()  # this package may have been imported before the patch
    if name in _SUBMODULES:
        __import__(f"interpexec.{name}")  # which puts it here
        return globals()[name]
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    __import__(_MODULES[name])
    value = globals()[name] = getattr(_sys.modules[_MODULES[name]], name)
    return value


def __dir__() -> list[str]:
    """List the public names and submodules, also those not imported yet."""
    return sorted({*globals(), *__all__, *_SUBMODULES})
