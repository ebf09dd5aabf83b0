"""Ways to damage an interpreter: `sys.path`, finders, `sys.modules`, `__import__`."""
# ruff: noqa: D103  # the name of each function says what it does

import builtins
import importlib
import sys

from damage.exploding import Exploding, explode


def path_none() -> None:
    sys.path = None  # type: ignore[assignment]


def path_emptied() -> None:
    sys.path.clear()


def path_deleted() -> None:
    del sys.path


def path_of_numbers() -> None:
    sys.path[:] = [1, 2, 3]  # type: ignore[list-item]


def meta_path_emptied() -> None:
    sys.meta_path.clear()


def meta_path_none() -> None:
    sys.meta_path = None  # type: ignore[assignment]


def meta_path_exploding() -> None:
    sys.meta_path.insert(0, Exploding())  # type: ignore[arg-type]


def path_hooks_emptied() -> None:
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()


def path_hooks_exploding() -> None:
    sys.path_hooks.insert(0, explode)
    sys.path_importer_cache.clear()


def importer_cache_none() -> None:
    sys.path_importer_cache = None  # type: ignore[assignment]


def flags_none() -> None:
    sys.flags = None  # type: ignore[assignment]


def modules_cleared() -> None:
    sys.modules.clear()


def modules_none() -> None:
    sys.modules = None  # type: ignore[assignment]


def modules_deleted() -> None:
    del sys.modules


def modules_replaced() -> None:
    sys.modules = {}


def modules_of_ours_dropped() -> None:
    for name in [each for each in sys.modules if each.startswith("interpexec")]:
        del sys.modules[name]


def modules_of_ours_none() -> None:
    for name in [each for each in sys.modules if each.startswith("interpexec")]:
        sys.modules[name] = None  # type: ignore[assignment]


def modules_all_none() -> None:
    for name in list(sys.modules):
        sys.modules[name] = None  # type: ignore[assignment]


def modules_all_exploding() -> None:
    for name in list(sys.modules):
        sys.modules[name] = Exploding()  # type: ignore[assignment]


def basic_modules_dropped() -> None:
    for name in ("builtins", "sys", "os", "_thread", "threading", "_io", "posix", "io"):
        sys.modules.pop(name, None)


def pickle_modules_none() -> None:
    for name in ("pickle", "_pickle", "copyreg", "_compat_pickle"):
        sys.modules[name] = None  # type: ignore[assignment]


def threading_none() -> None:
    sys.modules["threading"] = None  # type: ignore[assignment]


def threading_dropped() -> None:
    del sys.modules["threading"]


def main_dropped() -> None:
    del sys.modules["__main__"]


def import_none() -> None:
    builtins.__import__ = None  # type: ignore[assignment]


def import_exploding() -> None:
    builtins.__import__ = explode  # type: ignore[assignment]


def import_deleted() -> None:
    del builtins.__import__


def importlib_emptied() -> None:
    importlib._bootstrap.__dict__.clear()  # type: ignore[attr-defined]


def import_lock_kept() -> None:
    import _imp

    _imp.acquire_lock()
