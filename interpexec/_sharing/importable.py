"""Modules that a worker can import: those that are found where Python looks for modules."""

import os
import sys

# The same as in `importlib.machinery`, which is dear to import.
from _frozen_importlib_external import PathFinder

from interpexec._core.main_module import RUN_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

OWN_ENTRY = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120  # pathlib is dear to import
"""The entry of `sys.path` by which this package was found. Workers look for it there."""

_OWN, _, _ = __name__.partition(".")

unimportable: list[bytes] = []
"""The names of modules that were asked about and cannot be imported, as pickle writes them."""

given: list[str] = [*sys.path]
"""`sys.path` as the first worker of this process has got it."""

settled: list[str] = [*sys.path]
"""`sys.path`, unless it has changed since the last look. See `import_path`."""

_known: "dict[str, tuple[ModuleType, object, bool]]" = {}
"""Modules, their specs, and whether they can be imported, by name."""

_reloaded: "dict[str, ModuleType]" = {}
"""Modules that were loaded again since they were asked about, by name."""

_places: list[str] = []
"""Directories that were the current one when a module was found by a relative entry."""

_SHORT = 256  # bytes of a name


def real_name(name: str) -> str:
    """Return the name of a module as the caller's side has it."""
    return "__main__" if name == RUN_NAME else name


def is_importable(name: str) -> bool:
    """Say whether an import of this name gives, elsewhere, what it has given here."""
    module = sys.modules.get(name)
    if module is None:
        return False
    known = _known.get(name)
    if known is None or known[0] is not module or known[1] is not spec_of(module):
        known = _look(name, module)
    return known[2]


def _look(name: str, module: "ModuleType") -> "tuple[ModuleType, object, bool]":
    """Find out whether a module can be imported.

    One that was loaded again since the last look (`importlib.reload`, a notebook's autoreload)
    is not what workers have imported before that. (It has another spec then.)
    """
    _note_reload(name)
    # (An import finds the `__main__` of an archive, and of a frozen program: it would run it.)
    may_be = name != "__main__" and _reloaded.get(name) is not module
    is_found = may_be and _is_found(name, module)
    known = _known[name] = module, spec_of(module), is_found
    encoded = name.encode()
    if not is_found and name != "__main__" and len(encoded) < _SHORT:
        unimportable.append(b"\x8c" + bytes([len(encoded)]) + encoded)
    return known


def _note_reload(name: str) -> None:
    known = _known.get(name)
    if known is None:
        return
    now = spec_of(known[0])
    # (Of another type it is when autoreload was not there yet.)
    if now is not known[1] and type(now) is type(known[1]):
        _reloaded[name] = known[0]


def spec_of(module: object) -> object:
    """Return an object that is another one when a module was loaded again."""
    spec = getattr(module, "__spec__", None)
    return _stamp(spec) if AUTORELOAD in sys.modules else spec


AUTORELOAD = "IPython.extensions.autoreload"
"""A module of IPython: where it is loaded, modules may change in place, as their files do."""


def _stamp(spec: object) -> object:
    """Return an object that is another one when the file of a module has changed."""
    origin: Any = getattr(spec, "origin", None)
    try:
        time = os.stat(origin).st_mtime_ns  # noqa: PTH116  # pathlib is dear to import
    except (OSError, TypeError):
        return spec  # it has no file
    stamp = origin, time, id(spec)
    return _stamps.setdefault(stamp, stamp)


_stamps: dict[object, object] = {}


def forget() -> None:
    """Look for each module again: `sys.path` has changed."""
    for name in [*_known]:
        _note_reload(name)
    _known.clear()
    unimportable.clear()


def path_for_worker() -> list[str]:
    """Return what a new worker gets as its `sys.path`.

    An entry that means the current directory is followed by what that was when modules were
    found by it, and by what it is now: the program may go elsewhere.
    """
    path = [entry for entry in sys.path if isinstance(entry, str)]
    if not _is_given:
        given[:] = settled[:] = path
        _is_given.append(True)
    here = [*_places, *_here()]
    for index, entry in enumerate(path):
        if entry in {"", "."}:
            path[index + 1 : index + 1] = dict.fromkeys(
                place for place in here if place not in path
            )
            break
    return path


_is_given: list[bool] = []


def _here() -> list[str]:
    """Return the current directory, if there is one."""
    try:
        return [os.getcwd()]  # noqa: PTH109  # pathlib is dear to import
    except OSError:
        return []


def _is_found(name: str, module: "Any") -> bool:
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return name in sys.builtin_module_names
    if name == _OWN:
        return True  # by `OWN_ENTRY`, also if another entry of the path has one by now
    standard = sys.stdlib_module_names
    if spec.origin in {"built-in", "frozen"} or name in standard:
        return True
    parent, _, _ = name.rpartition(".")
    if parent in standard and spec.name in standard:
        return True  # under another name than its own: `collections.abc`, `os.path`
    if parent:
        if not is_importable(parent):
            return False
        path = getattr(sys.modules[parent], "__path__", None)
    else:
        path = None
        if "" in sys.path:
            _places.extend(place for place in _here() if place not in _places)
    others = [each for each in sys.meta_path if _is_installed(each)]
    places = getattr(module, "__path__", ())
    return any(_finds(each, name, path, spec.origin, places) for each in (PathFinder, *others))


def of_program() -> "list[Any]":
    """Return the importers that the program has added, which workers do not have."""
    others = [each for each in sys.meta_path if _module_of(each) not in _PYTHONS]
    return [each for each in others if not _is_installed(each)]


def is_found_by_path(name: str) -> bool:
    """Say whether Python's own importer finds a module in `sys.path`."""
    return PathFinder.find_spec(name) is not None


_PYTHONS = {"_frozen_importlib", "_frozen_importlib_external", "zipimport"}


def _module_of(finder: object) -> str:
    return (finder if isinstance(finder, type) else type(finder)).__module__


def _is_installed(finder: object) -> bool:
    """Say whether an importer comes with a package that was installed: workers have it, too.

    Those that the program has added are not in workers. Python's own are asked by themselves.
    """
    module = _module_of(finder)
    if module in {*_PYTHONS, "__main__"}:
        return False
    return module in {"sitecustomize", "usercustomize"} or any(module in line for line in _lines())


def _lines() -> list[str]:
    """Return the lines of the `.pth` files that each interpreter runs when it starts."""
    if not _lines_of_pth:
        _lines_of_pth.append("")
        for folder in [entry for entry in sys.path if isinstance(entry, str)]:
            try:
                names = [name for name in os.listdir(folder) if name.endswith(".pth")]  # noqa: PTH208  # see there
                for name in names:
                    with open(f"{folder}/{name}", encoding="utf-8") as file:  # noqa: PTH123  # see there
                        _lines_of_pth.extend(line for line in file if line.startswith("import"))
            except (OSError, ValueError):
                continue  # it is no folder, or has something else in it
    return _lines_of_pth


_lines_of_pth: list[str] = []


def _finds(
    finder: "Any", name: str, path: object, origin: str | None, places: "Iterable[str]"
) -> bool:
    """Say whether an importer finds a module where it comes from.

    places: where its own modules are, if it is a package.
    """
    try:
        found = finder.find_spec(name, path)
    except Exception:  # it is not Python's own
        return False
    if found is None or found.origin != origin:
        return False
    if found.loader is None:  # a namespace package, of which the program may have added a part
        return [*found.submodule_search_locations] == [*places]
    # A hook of the program's in `sys.path_hooks` is not in workers.
    return finder is not PathFinder or _module_of(found.loader) in _PYTHONS


def is_by_name(obj: "Any") -> bool:
    """Say whether a receiver finds this very function or class under its name, by an import."""
    return found_by_name(obj) and obj.__module__ != "__main__" and is_importable(obj.__module__)


def found_by_name(obj: "Any") -> bool:
    """Say whether a module here has this very function or class under its qualified name."""
    first, *others = obj.__qualname__.split(".")
    found = top_level(obj.__module__, first)
    for name in others:
        found = getattr(found, name, None)
    return found is obj


def top_level(module: str, name: str) -> object:
    """Return a global of a module, without a module's `__getattr__`: that may do anything."""
    return getattr(sys.modules.get(module), "__dict__", {}).get(name)
