"""Objects that are only themselves: each `object()` that a definition refers to has a key.

So it is the same object whenever it is sent: as a default, an argument or a result.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_sentinels: dict[int, object] = {}  # by key
_keys: dict[int, int] = {}  # by id


def obtain(key: int) -> object:
    """Return the `object()` that has this key."""
    found = _sentinels.get(key)
    if found is None:
        found = object()
        _sentinels[key], _keys[id(found)] = found, key
    return found


def keep(obj: object, new_key: "Callable[[], int]") -> None:
    """Give an `object()` a key, if it has none, and keep it."""
    if id(obj) not in _keys:
        key = new_key()
        _sentinels[key], _keys[id(obj)] = obj, key


def reduce(obj: object) -> "tuple[object, ...]":
    """Return what makes an `object()` in the receiver, or finds it there."""
    key = _keys.get(id(obj))
    return (object, ()) if key is None else (obtain, (key,))
