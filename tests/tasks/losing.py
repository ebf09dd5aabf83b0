"""Calls that break the worker they run in, so that it is lost. Workers import this module.

(A worker would import the whole test module, pytest included, for a function that stands there.)
"""

import importlib


def unplug(module: str, path: str) -> None:
    """Break the worker this runs in: its next use of that attribute raises."""
    owner, _, name = f"_.{path}".rpartition(".")
    target = importlib.import_module(module)
    for part in owner.split(".")[1:]:
        target = getattr(target, part)
    setattr(target, name, None)


def lose_worker() -> None:
    """Have the worker this runs in fail when it answers this call."""
    unplug("interpexec._worker.main", "Worker.reply")


def lose_next() -> None:
    """Have the worker this runs in fail when it has just received a call."""
    from interpexec._worker.main import Worker

    def receive(worker: Worker) -> None:
        while worker._requests.recv_or_wake(worker._seat) is None:
            pass
        raise LookupError("just now")

    Worker._receive = receive  # type: ignore[method-assign,assignment]
