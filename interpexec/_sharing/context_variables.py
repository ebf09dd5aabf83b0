"""How a context variable is sent: by its module and its name, or by a key.

A worker has a variable of its own for each of the caller's. Where it can import the module that
has the variable, it finds it there, as functions of that module do. For all others the first one
that arrives makes it (see `rebuilding`).
"""

import sys
from _contextvars import Context, ContextVar

from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._sharing import new_objects
from interpexec._sharing.identities import IDENTITIES, Recent
from interpexec._sharing.importable import is_importable

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    type Place = tuple[str, str]
    """A module, and the name of one of its globals."""

_places: "dict[int, tuple[ContextVar[Any], int, Place | None]]" = Recent(256)
"""By the id of a variable: itself, how many modules there were, and what was found."""


def place_of(variable: "ContextVar[Any]") -> "Place | None":
    """Return where a variable is a global: in a module that can be imported, if there is one."""
    known, modules = _places.get(id(variable)), len(sys.modules)
    if known is not None and known[:2] == (variable, modules):
        return known[2]
    found = [
        (module, name)
        for module, namespace in [*sys.modules.items()]
        for name, value in [*getattr(namespace, "__dict__", {}).items()]
        if value is variable
    ]
    importable = (each for each in found if is_importable(each[0]))
    place = next(importable, found[0] if found else None)
    _places[id(variable)] = variable, modules, place
    return place


def recipe_of(variable: "ContextVar[Any]") -> "tuple[Any, ...]":
    """Return what makes, or finds, the receiver's own variable: as `__reduce__` does."""
    place = place_of(variable)
    if place is not None and is_importable(place[0]):
        return variable_of, place
    name = place[1] if place is not None and place[0] == "__main__" else None
    parts = IDENTITIES.key_of(variable), name, variable.name, *_default_of(variable)
    return new_objects.obtain_context_variable, parts


def _default_of(variable: "ContextVar[Any]") -> "tuple[object, ...]":
    """Return the default of a context variable, if it has one."""
    try:
        return (Context().run(variable.get),)
    except LookupError:
        return ()


def variable_of(module: str, name: str) -> "ContextVar[Any]":
    """Return a context variable of a module that is imported. By the receiver."""
    __import__(module)
    found = vars(sys.modules[module]).get(name)
    if not isinstance(found, ContextVar):
        message = f"the context variable {module}.{name} is not there in a worker"
        raise NotShareableError(message)
    return found
