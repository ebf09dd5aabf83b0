"""The exceptions that users of `multiprocessing.Pool` expect, made of ours.

`multiprocessing` is imported when one of its classes is raised.
"""

from functools import cache

from interpexec._core.late_errors import ExecutionFailed
from interpexec._sharing.diagnose import RESULT
from interpexec.errors import NotShareableError

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise


@cache
def timeout_error() -> type[Exception]:
    """Return the class of `multiprocessing.TimeoutError`, made a TimeoutError as well."""
    import multiprocessing  # 10 ms, and few waits are in vain

    class PoolTimeoutError(multiprocessing.TimeoutError, TimeoutError):
        """A result has not come in time; the call goes on."""

    PoolTimeoutError.__name__ = PoolTimeoutError.__qualname__ = "TimeoutError"
    PoolTimeoutError.__module__ = "interpexec.pool"
    return PoolTimeoutError


def as_multiprocessing(error: BaseException, name: str) -> BaseException:
    """Return the exception that `multiprocessing` raises where a call has ended by this one.

    The user's own, with our words as a note, where it was raised in the pickling of an argument;
    MaybeEncodingError where the result cannot be sent. Any other one is the call's own, and its
    cause has the worker's traceback in `tb`.

    name: of the function.
    """
    cause = error.__cause__
    if isinstance(cause, ExecutionFailed):
        cause.tb = f'\n"""\n{cause.excinfo.errdisplay}\n"""'  # type: ignore[attr-defined]  # as RemoteTraceback
    elif isinstance(error, NotShareableError) and isinstance(cause, Exception):
        return _with_note(cause, str(error))
    if isinstance(error, NotShareableError) and str(error).startswith(RESULT):
        return _not_encoded(error, name)
    return error


def _with_note(error: Exception, note: str) -> Exception:
    """Add a note to an exception, once."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error


def _not_encoded(error: NotShareableError, name: str) -> Exception:
    from multiprocessing import pool  # see the module

    # typeshed does not know it
    wrapped: Exception = pool.MaybeEncodingError(  # type: ignore[attr-defined]
        error, f"<the result of {name}>"
    )
    wrapped.__cause__ = error
    return wrapped
