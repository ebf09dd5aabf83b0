"""Modules that were loaded from a file where no worker looks: loaded from it in a worker, too.

This is the last resort for a function of such a module, or one that reaches it, where something
cannot be sent by value: a lock in the module, say. The module has a state of its own in each
worker then, as one that is imported.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    type Source = tuple[str, str, str, list[str] | None]
    """The name of a module; that of the module which is loaded first, itself or its package;
    the file of that, and where its modules are, if it is a package."""


def source_of(module: "Any") -> "Source | None":
    """Return what a receiver must know to load a module from its file; None if it has none."""
    name: str = getattr(module, "__name__", "")
    top = name.partition(".")[0]
    first = sys.modules.get(top, module)
    spec = getattr(first, "__spec__", None)
    if spec is None or not spec.has_location or not isinstance(spec.origin, str):
        return None
    places = spec.submodule_search_locations
    return name, first.__name__, spec.origin, None if places is None else [*map(str, places)]


def source_of_definition(obj: "Any") -> "tuple[Source, str] | None":
    """Return the source of the module that defines a function or a class, and its name there."""
    module = sys.modules.get(obj.__module__)
    if module is None or "<" in obj.__qualname__:
        return None
    source = source_of(module)
    return None if source is None else (source, obj.__qualname__)


def load(name: str, first: str, origin: str, places: "list[str] | None") -> "ModuleType":
    """Return a module, which is loaded now if it was not yet."""
    if first not in sys.modules:
        _load_file(first, origin, places)
    __import__(name)
    return sys.modules[name]


def load_definition(source: "Source", path: str) -> object:
    """Return a function or a class of a module."""
    found: Any = load(*source)
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _load_file(name: str, origin: str, places: "list[str] | None") -> None:
    from importlib.util import module_from_spec, spec_from_file_location  # few workers come here

    spec = spec_from_file_location(name, origin, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        message = f"{origin} cannot be loaded as a module"
        raise ImportError(message, name=name)
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
