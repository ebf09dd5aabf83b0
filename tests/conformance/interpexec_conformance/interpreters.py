"""Stands in for `concurrent.interpreters` on CPython 3.13, which has none.

3.13 ships the same thing inside its test package. Only `ExecutionFailed` is
ours, as a user of interpexec on 3.13 would see it.
"""

from test.support.interpreters import (  # type: ignore[import-not-found]
    InterpreterError,
    InterpreterNotFoundError,
    NotShareableError,
    create,
    get_current,
    get_main,
    is_shareable,
    list_all,
)
from test.support.interpreters import queues as _queues
from test.support.interpreters.queues import (  # type: ignore[import-not-found]
    Queue,
    QueueEmpty,
    QueueFull,
)
from test.support.interpreters.queues import create as create_queue

__all__ = [
    "InterpreterError",
    "InterpreterNotFoundError",
    "NotShareableError",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "_queues",
    "create",
    "create_queue",
    "get_current",
    "get_main",
    "is_shareable",
    "list_all",
]


def __getattr__(name: str) -> object:
    """Resolve `ExecutionFailed` late, for interpexec itself looks for it here.

    While it does, its own class is not there yet: it gets the ImportError that
    it would get on 3.13 anyway.
    """
    if name == "ExecutionFailed":
        from interpexec.errors import ExecutionFailed  # see above

        return ExecutionFailed
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
