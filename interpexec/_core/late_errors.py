"""The two errors that need the standard library's executors to be defined."""

from concurrent.futures.thread import BrokenThreadPool
from types import SimpleNamespace

from interpexec._core.cpython import import_execution_failed

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise


class BrokenInterpreterPool(BrokenThreadPool):
    """The pool is not usable any more: no worker could be made ready.

    Its initializer has failed, or it was lost before it was ready, several times in a row.

    Set on every future that was not finished, and raised by the next `submit`.
    Its `__cause__` is what went wrong, where that is known.
    """


class ExecutionFailed(RuntimeError):  # noqa: N818  # the stdlib's name
    """An exception was raised in another interpreter, where nothing caught it.

    `excinfo` tells about it: `.type` (`__name__`, `__qualname__`, `__module__`),
    `.msg`, `.formatted` ("ValueError: spam") and `.errdisplay`, the lines of the
    traceback. The same attributes as the class of 3.14 has.
    """

    def __init__(self, excinfo: SimpleNamespace) -> None:
        super().__init__(excinfo.formatted)
        self.excinfo = excinfo

    def __str__(self) -> str:
        return (
            f"{super().__str__()}\n\nUncaught in the interpreter:\n\n"
            f"{self.excinfo.errdisplay.strip('\n')}"
        )


ExecutionFailed.__module__ = "interpexec.errors"

if not TYPE_CHECKING:
    ExecutionFailed = import_execution_failed() or ExecutionFailed
