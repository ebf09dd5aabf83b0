"""The names of globals, by what they are bound to.

A class may be bound to another name than its own: `Point = namedtuple("P", "x y")`. So all globals
are looked through for a class that is not found by its own name, and for an object that has none:
1 ms for 40,000 of them. Functions are not looked for: there are too many without a name.
"""

from _operator import is_
from itertools import compress, repeat

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
    if name is not None and not _may_have_another(obj, name):
        return None
    where = id(globals_), id(obj)
    name = _known.get(where)
    if name is None or globals_.get(name) is not obj:
        now = globals_.copy()  # another thread may change them
        names = compress(now, map(is_, now.values(), repeat(obj)))
        # A prompt binds what it has shown to `_`, or `_12`, for a while.
        name = next((name for name in names if name.strip("_0123456789")), None)
        if name is not None:
            _known[where] = name
    return name


def _may_have_another(obj: object, name: str) -> bool:
    """Say whether it is a class that is no attribute of another one."""
    return isinstance(obj, type) and ("." not in name or "<locals>" in name)
