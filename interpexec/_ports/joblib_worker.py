"""The worker's side of the joblib backend: running a batch, and joblib in a worker.

joblib itself cannot be imported in a subinterpreter: it imports loky, and that `faulthandler`,
which refuses. But it has a mode without processes, for systems that have none
(`JOBLIB_MULTIPROCESSING=0` in the environment, which it reads once). So joblib is imported in that
mode here, where a function or its module imports it; a `Parallel` inside a call then runs
its calls one after another, in the worker.
"""

import sys

from interpexec._core import cpython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    type Task = tuple[Callable[..., object], tuple[object, ...], dict[str, object]]

_READER, _REGISTRY = "joblib._multiprocessing_helpers", "joblib.parallel"
"""The modules of joblib that look into the environment, and know the backends."""


def run_batch(tasks: "list[Task]") -> list[object]:
    """Call functions one after another: what joblib's `BatchedCalls` does, without joblib."""
    return [fn(*args, **kwargs) for fn, args, kwargs in tasks]


def prepare(initializer: "Callable[..., object] | None", args: "tuple[object, ...]") -> None:
    """Call the user's initializer. This module was imported before that was unpickled."""
    if initializer is not None:
        initializer(*args)


class _SerialJoblib:
    """Finds two modules of joblib, and has them do without processes."""

    def __init__(self, loader: "Any") -> None:
        """loader: that of the module."""
        self._loader = loader

    @classmethod
    def find_spec(
        cls, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return None for every other module."""
        if name not in {_READER, _REGISTRY}:
            return None
        from importlib.machinery import PathFinder  # few workers import joblib

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = cls(spec.loader)  # type: ignore[assignment]  # it has what is asked of one
        return spec

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module."""
        if module.__name__ == _READER:
            self._exec_without_processes(module)
            return
        self._loader.exec_module(module)
        # Where a call inside a call names the backend, that is not an error.
        module.BACKENDS["interpexec"] = module.SequentialBackend

    def _exec_without_processes(self, module: "ModuleType") -> None:
        """Run a module that sees another environment; that of the process is not changed."""
        import os

        environment = os.environ
        other = {**environment, "JOBLIB_MULTIPROCESSING": "0"}
        os.environ = other  # type: ignore[assignment]  # noqa: B003  # the module only reads it
        try:
            self._loader.exec_module(module)
        finally:
            os.environ = environment  # noqa: B003  # it is the very object


# Not in `prepare`: the initializer that is its argument may be of a module that imports joblib.
if not cpython.is_main():
    sys.meta_path.insert(0, _SerialJoblib)
