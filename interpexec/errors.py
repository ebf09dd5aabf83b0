"""The errors of interpexec.

    BaseException
     └─ TaskCancelled            raised inside a running call, to stop it
    Exception
     ├─ NotShareableError        an object cannot be sent to another interpreter
     │                           (CPython's own class: a TypeError from 3.14 on,
     │                           a ValueError before)
     ├─ ChannelClosedError       the channel was closed
     ├─ ChannelEmptyError        nothing is in the channel at the moment
     ├─ ChannelFullError         the channel has no room at the moment
     ├─ TokenError               no object waits under this token
     │                           (a ValueError)
     └─ RuntimeError
         ├─ BrokenInterpreterPool   no worker could be made ready
         │                          (a BrokenThreadPool, a BrokenExecutor)
         ├─ WorkerLostError         the worker that ran a call has ended, or is
         │                          damaged: the call's outcome is unknown
         └─ ExecutionFailed         the cause of every exception that a call
                                    raised in its worker: its `str()` is the
                                    worker's traceback

A call's own exception arrives with its own type; `ExecutionFailed` is its
`__cause__`. From CPython 3.14 on, `ExecutionFailed` is the very class of
`concurrent.interpreters`.

Workers import this module, so the two classes that need more of the standard
library (tens of milliseconds of imports) are made at their first use.
"""

from interpexec._core.cpython import NotShareableError

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from interpexec._core.late_errors import BrokenInterpreterPool, ExecutionFailed

__all__ = [
    "BrokenInterpreterPool",
    "ChannelClosedError",
    "ChannelEmptyError",
    "ChannelFullError",
    "ExecutionFailed",
    "NotShareableError",
    "TaskCancelled",
    "TokenError",
    "WorkerLostError",
]


class ChannelClosedError(Exception):
    """The channel was closed: it takes nothing more, and nothing is left in it."""


class ChannelEmptyError(Exception):
    """Nothing is in the channel at the moment."""


class ChannelFullError(Exception):
    """The channel has no room for a further item at the moment."""


class TokenError(ValueError):
    """No object waits under this token: it is malformed, was used, or has come too late."""


class WorkerLostError(RuntimeError):
    """The worker that ran a call was lost: the outcome of the call is not known.

    A call damaged the worker's interpreter so that it cannot go on: this one, or one that
    it ran before. Another worker takes its place, and all other calls go on. Whether the
    call may be repeated is for its caller to know: it may have done all that it had to do.
    """


class TaskCancelled(BaseException):
    """Raised inside a call that is cancelled, or has run out of time, at any bytecode.

    `finally` blocks and `with` blocks are run. A BaseException, so that
    `except Exception` does not keep it. Code that catches it all the same should
    raise it again; its result is thrown away.
    """


if not TYPE_CHECKING:  # to a type checker, every name would be there

    def __getattr__(name: str) -> object:
        """Make the two classes that only the main interpreter needs when they are asked for."""
        if name in {"BrokenInterpreterPool", "ExecutionFailed"}:
            from interpexec._core import late_errors  # see the docstring

            return getattr(late_errors, name)
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
