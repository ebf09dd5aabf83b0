"""The executor of a dask worker: what dask asks for is run in interpreters.

    dask's event loop --submit(_run_task_simple, task, data, delay)--> `TaskExecutor`
                                                                           |
          message of dask <-- `_Answer` <-- call <-- worker: `dask_worker.run_task`

dask would run `_run_task_simple` in an executor that it does not know. That function is of
distributed, which interpreters refuse (it needs psutil), or import in half a second. So the task
alone is sent, and dask's message about it is made here, of what comes back.
"""

import threading
from concurrent.futures import Future
from functools import partial
from time import time

from distributed.core import error_message
from distributed.sizeof import safe_sizeof

from interpexec._core.error_text import shown
from interpexec._ports.dask_worker import run_task
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._pool.future import CallFuture
    from interpexec._ports.dask_worker import Ran

_ASKED = "distributed.worker", "_run_task_simple"
"""The function that dask submits, with a task, what that depends on, and a difference of clocks."""


class TaskExecutor(InterpreterPoolExecutor):
    """Runs the tasks of a dask worker."""

    def submit(self, fn: "Any", /, *args: "Any", **kwargs: "Any") -> "Any":
        """Schedule what dask asks for, and return the future of dask's message about it.

        Raises TypeError for what dask has not asked for before; otherwise as the base class.
        """
        if (fn.__module__, fn.__name__) != _ASKED:
            raise TypeError(
                f"the executor 'interpexec' runs tasks of dask, and cannot run {shown(fn)}; this "
                f"release of distributed may be too new for it"
            )
        task, data, delay = args
        return _Answer(partial(super().submit, run_task, task, data, **kwargs), delay)


class _Answer(Future["dict[str, object]"]):
    """The future of dask's message about a task."""

    def __init__(self, submit: "Callable[[], CallFuture[Ran]]", delay: float) -> None:
        """delay: the seconds by which the clock of dask's scheduler differs."""
        super().__init__()
        self._began, self._delay = time(), delay
        self._call = submit()
        self._call.add_done_callback(self._settle)

    def cancel(self) -> bool:
        """Stop the task: dask cancels those that run when it closes a worker."""
        return super().cancel() and self._call.cancel()

    def _settle(self, call: "Future[Ran]") -> None:
        if call.cancelled():
            super().cancel()
        if not self.set_running_or_notify_cancel():
            return
        try:
            message = self._finished(*call.result())
        except BaseException as error:  # the task's, or the pool's: its worker is lost
            message = self._erred(error)
        self.set_result(message | {"thread": threading.get_ident()})

    def _finished(self, result: object, start: float, stop: float) -> "dict[str, object]":
        """Return what dask would say of a task that it has run itself."""
        return {
            "op": "task-finished",
            "status": "OK",
            "result": result,
            "nbytes": safe_sizeof(result),
            "type": None if result is None else type(result),
            "start": start + self._delay,
            "stop": stop + self._delay,
        }

    def _erred(self, error: BaseException) -> "dict[str, object]":
        """Return what dask would say of an exception, while that is handled."""
        return {
            **error_message(error),
            "op": "task-erred",
            "actual_exception": error,
            "start": self._began + self._delay,
            "stop": time() + self._delay,
        }
