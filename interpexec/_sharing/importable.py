"""Modules that a worker can import: those that are found where Python looks for modules."""

import sys

# The same as in `importlib.machinery`, which is dear to import.
from _frozen_importlib_external import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

unimportable: list[bytes] = []
"""The names of modules that were asked about and cannot be imported, as pickle writes them."""

_known: "dict[str, tuple[ModuleType, bool]]" = {}

_SHORT = 256  # bytes of a name


def is_importable(name: str) -> bool:
    """Say whether an import of this name gives, elsewhere, what it has given here."""
    module = sys.modules.get(name)
    if module is None:
        return False
    known = _known.get(name)
    if known is None or known[0] is not module:
        known = _known[name] = module, _is_found(name, module)
        encoded = name.encode()
        if not known[1] and name != "__main__" and len(encoded) < _SHORT:
            unimportable.append(b"\x8c" + bytes([len(encoded)]) + encoded)
    return known[1]


def _is_found(name: str, module: "Any") -> bool:
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return name in sys.builtin_module_names
    if spec.origin in {"built-in", "frozen"} or name in sys.stdlib_module_names:
        return True
    parent, _, _ = name.rpartition(".")
    if parent:
        if not is_importable(parent):
            return False
        path = getattr(sys.modules[parent], "__path__", None)
    else:
        path = None
    # Importers that were installed with packages are in workers, too. Those that the program
    # has added are not.
    others = [each for each in sys.meta_path if _module_of(each) not in _PYTHONS | {"__main__"}]
    return any(_finds(each, name, path, spec.origin) for each in (PathFinder, *others))


_PYTHONS = {"_frozen_importlib", "_frozen_importlib_external"}


def _module_of(finder: object) -> str:
    return (finder if isinstance(finder, type) else type(finder)).__module__


def _finds(finder: "Any", name: str, path: object, origin: str | None) -> bool:
    try:
        found = finder.find_spec(name, path)
    except Exception:  # it is not Python's own
        return False
    return found is not None and bool(found.origin == origin)
