"""The names of globals, by what they are bound to.

A function or class may be bound to another name than its own: `Point = namedtuple("P", "x y")`.
"""

from interpexec._sharing.identities import Recent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_known: dict[tuple[int, int], str] = Recent(1024)
"""The last name of an object, by the ids of the globals and of the object. It may be no more."""


def name_in(globals_: "dict[str, Any]", obj: "Any") -> str | None:
    """Return the name of the global that is this very object: its own, or another one."""
    name: str | None = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    if name is not None and globals_.get(name) is obj:
        return name
    where = id(globals_), id(obj)
    name = _known.get(where)
    if name is None or globals_.get(name) is not obj:
        name = next((name for name, value in [*globals_.items()] if value is obj), None)
        # A prompt binds what it has shown to `_`, or `_12`, for a while.
        if name is None or not name.strip("_0123456789"):
            return None
        _known[where] = name
    return name
