"""Imports that code does when it runs: inside functions, of modules that only the program can
import; and lazy ones.

A module that was loaded by its path, by an importer of the program's or made by code is not found
by a worker. Where code that is sent imports one by its name, it is sent, too, and the worker has
it in its `sys.modules` before the code runs:

    names_read   import plugin         -> "plugin"
    caller       modules_for(names)    those that are here, and that no worker can import
    worker       provide(name, module)
"""

import sys
import types

from interpexec._core import main_module
from interpexec._sharing import importable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType
    from typing import Any

_LAZY: "Any" = getattr(types, "LazyImportType", None)
_provided: "dict[str, ModuleType]" = {}


def modules_for(
    names: "Iterable[str]", globals_: "dict[str, Any]"
) -> "Iterator[tuple[str, ModuleType | None]]":
    """Yield modules that code imports and that a worker cannot: by name; None if it is not here.

    names: as of `names_read`. globals_: those of the code.
    """
    for each in names:
        relative, _, taken = each.partition(":")
        name = _absolute(relative, globals_)
        top = name.partition(".")[0]
        if top in {"", "__main__"} or top in sys.stdlib_module_names:
            continue
        module = sys.modules.get(top) or _found_by_program(top)
        if module is not None and importable.is_importable(top):
            continue  # what is in a package comes by the package's own ways
        yield top, module
        if module is not None:
            yield from _inner(name, taken)


def _absolute(name: str, globals_: "dict[str, Any]") -> str:
    if not name.startswith("."):
        return name
    bare = name.lstrip(".")
    package = str(globals_.get("__package__") or "").split(".")
    return ".".join(filter(None, [*package[: len(package) + 1 - (len(name) - len(bare))], bare]))


def _found_by_program(name: str) -> "ModuleType | None":
    """Import a module that an importer of the program's finds, and no other."""
    finders = importable.of_program()
    try:
        if not finders or importable.is_found_by_path(name):
            return None
        is_found = any(each.find_spec(name, None) is not None for each in finders)
    except Exception:  # the program's importer: the call will tell
        return None
    return _import(name) if is_found else None


def _import(name: str) -> "ModuleType | None":
    try:
        __import__(name)
    except Exception:  # noqa: S110  # the program's module: the call will tell
        pass
    return sys.modules.get(name)


def _inner(name: str, taken: str) -> "Iterator[tuple[str, ModuleType | None]]":
    """Yield the modules of a package on the way to one, which are imported here if they were not.

    taken: a name of the last one, which may be a module of it.
    """
    path, *parts = name.split(".")
    for part in parts:
        if not hasattr(sys.modules.get(path), "__path__"):
            return
        path = f"{path}.{part}"
        yield path, sys.modules.get(path) or _import(path)
    package = vars(sys.modules[path]) if path in sys.modules else {}
    if taken and taken not in package and "__path__" in package:
        yield f"{path}.{taken}", _import(f"{path}.{taken}")


def import_lazy(globals_: "dict[str, Any]", name: str) -> None:
    """Let a global be what it is imported from, if it is imported lazily, and was not yet.

    As code does that reads it, from 3.15 on. One that fails stays: see `by_value`.
    """
    value: Any = globals_.get(name)
    if type(value) is not _LAZY:
        return
    try:
        found = value.resolve()
    except Exception:  # the module's own: it comes again when it is used
        return
    if globals_.get(name) is value:
        globals_[name] = found


def import_lazy_parts(prefix: str, mentioned: frozenset[str]) -> None:
    """Import the modules of a package that are imported lazily, and that code mentions."""
    for name in [*getattr(sys, "lazy_modules", ())]:
        is_wanted = mentioned.issuperset(name.removeprefix(prefix).split("."))
        if is_wanted and name.startswith(prefix) and name not in sys.modules:
            _import(name)


class Provided:
    """Is pickled behind a definition: the receiver can import a module then."""

    def __init__(self, name: str, module: "ModuleType") -> None:
        self._parts = name, module

    def __reduce__(self) -> "tuple[object, ...]":
        """Be provided, where it is unpickled."""
        return provide, self._parts


def provide(name: str, module: "ModuleType") -> None:
    """Let imports in this worker find a module, unless they find another one."""
    known = sys.modules.get(name)
    if not main_module.is_worker() or known not in {None, _provided.get(name)}:
        return
    sys.modules[name] = _provided[name] = module
    parent, _, last = name.rpartition(".")
    if parent in _provided:
        setattr(_provided[parent], last, module)
