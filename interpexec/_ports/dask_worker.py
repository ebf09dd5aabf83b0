"""The worker's side of dask: running a task, and distributed in a worker.

A task's module may import distributed, and that imports psutil, whose C part refuses interpreters.
All that distributed asks of it at its own import is the size of the memory. So in these workers
psutil is a stand-in that knows this, and refuses the rest when it is called. (dask's and
distributed's own monitoring is in the main interpreter, with the real psutil.)
"""

import sys
from time import time

from interpexec._core import cpython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    type Ran = tuple[object, float, float]

_NAME = "psutil"


def run_task(task: "Any", data: "dict[Any, object]") -> "Ran":
    """Run a task of dask: a callable that takes the results of others, by their keys.

    Returns its result, and when it began and ended, in seconds since the epoch.
    """
    start = time()
    result = task(data)
    return result, start, time()


class _StandIn:
    """Finds psutil, and loads a module in its place."""

    @classmethod
    def find_spec(cls, name: str, *_: object) -> "ModuleSpec | None":
        """Return None for every other module."""
        if name != _NAME:
            return None
        from importlib.machinery import ModuleSpec  # few workers import distributed

        return ModuleSpec(name, cls())  # type: ignore[arg-type]  # it has what is asked of a loader

    def create_module(self, spec: "ModuleSpec") -> None:
        """Take the usual one."""

    def exec_module(self, module: "ModuleType") -> None:
        """Fill the module."""
        module.__getattr__ = _refusing  # type: ignore[method-assign]  # of names that are not there
        module.Process = _Process  # type: ignore[attr-defined]  # as the real one has
        module.virtual_memory = _Memory  # type: ignore[attr-defined]  # as the real one has


class _Process:
    """A process of which nothing is known; `hasattr` says so."""


class _Memory:
    """The `total` number of bytes of this machine."""

    def __init__(self) -> None:
        """Ask the system."""
        import os

        self.total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _refusing(name: str) -> "Callable[..., object]":
    """Return a function that tells that there is no psutil here."""
    if name.startswith("__"):
        raise AttributeError(name)  # the import system asks for some

    def refuse(*_: object, **__: object) -> object:
        # A RuntimeError is what distributed expects of a system that does not tell.
        raise RuntimeError(
            f"psutil.{name}: psutil refuses to be loaded in a subinterpreter. Run this task "
            f"without the annotation executor='interpexec'"
        )

    return refuse


if not cpython.is_main():
    sys.meta_path.insert(0, _StandIn)
