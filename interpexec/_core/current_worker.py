"""The worker that runs a call, as the call sees it. Imported by calls that ask.

>>> from interpexec import current_worker
>>> def connect():  # an initializer: each worker has a database of its own
...     worker = current_worker()
...     return sqlite3.connect(f"part-{worker.index}.db")
"""

from interpexec._core import current_call
from interpexec._core.cpython import own_builtins

own_builtins(globals())


class Worker:
    """The worker whose interpreter runs the calling code. From `current_worker()`."""

    __slots__ = ("index", "name")

    index: int
    """From 0 to `max_workers - 1`. No two workers of a pool that take calls have the same one.

    A worker that takes the place of another one has its index: after a stopped call, after
    `max_tasks_per_child` calls, after a crash. A worker that still runs a call which was stopped
    takes no further call, and keeps its index for as long as that call runs, beside its
    replacement.
    """
    name: str
    """The pool's `thread_name_prefix` and the index: the name of its thread, too."""

    def __init__(self, index: int, name: str) -> None:
        self.index, self.name = index, name

    def __repr__(self) -> str:
        return f"<Worker {self.index} {self.name!r}>"


def current_worker() -> Worker | None:
    """Return the worker whose interpreter this is, or None outside of workers. Never blocks.

    From any thread of the worker: in calls, in the initializer and the finalizer, in what is
    broadcast, and in threads that these have started.
    """
    identity = current_call.identity
    return None if identity is None else Worker(*identity)
