"""Arguments that cannot be unpickled, as their modules cannot be imported. In the worker.

The call is unpickled once more, with stand-ins for what cannot be imported, and for out-of-band
data, which can be taken once; then its arguments are searched for a stand-in.
"""

import io
from _pickle import Unpickler
from itertools import repeat

from interpexec._core.cpython import own_builtins
from interpexec._sharing import diagnose, package

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from interpexec._sharing.package import Packed

_DEEPEST = 20  # parts of parts of an argument


class _StandIn:
    """An object whose class, or whose maker, cannot be imported."""

    stands_for = ""

    def __new__(cls, *_: object, **__: object) -> "Self":
        """Take whatever the pickle gives it."""
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def _take(self, *_: object) -> None:
        pass

    __setstate__ = append = extend = add = __setitem__ = _take


class _Tolerant(Unpickler):
    """Puts stand-ins in the place of what cannot be imported."""

    def find_class(self, module_name: str, global_name: str, /) -> object:
        """Find a global, or make a stand-in."""
        if module_name == package.__name__:
            return _StandIn
        try:
            return super().find_class(module_name, global_name)
        except ImportError:
            name = f"{module_name}.{global_name}"
            return type(global_name, (_StandIn,), {"stands_for": name})


def find(payload: "Packed") -> tuple[str, str] | None:
    """Return the path to a part of the arguments, and the name that it needs; or None."""
    pickled = payload if isinstance(payload, bytes) else payload.payload
    try:
        unpickler = _Tolerant(io.BytesIO(pickled), buffers=repeat(b""))
        _, args, kwargs = unpickler.load()
    except Exception:  # the user's classes run here, with parts that they do not expect
        return None
    parts = [(f"args[{index}]", value) for index, value in enumerate(args)]
    parts += [(f"kwargs[{name!r}]", value) for name, value in kwargs.items()]
    for path, part in parts:
        found = _search(part, path, set(), _DEEPEST)
        if found is not None:
            return found
    return None


def _search(obj: "Any", path: str, seen: set[int], depth: int) -> tuple[str, str] | None:
    cls = obj if isinstance(obj, type) else type(obj)
    if issubclass(cls, _StandIn):
        return (path, cls.stands_for) if cls.stands_for else None
    if id(obj) in seen or not depth:
        return None
    seen.add(id(obj))
    attributes = [] if obj is cls else [*getattr(obj, "__dict__", {}).items()]
    parts = [(f".{name}", part) for name, part in attributes]
    for name, part in [*diagnose.parts_of(obj), *parts]:
        found = _search(part, path + name, seen, depth - 1)
        if found is not None:
            return found
    return None
