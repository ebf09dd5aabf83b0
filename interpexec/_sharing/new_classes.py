"""Classes that have arrived: made without their bodies, then filled. See `rebuilding`."""

import copyreg
import sys

from interpexec._core import main_module
from interpexec._core.cpython import own_builtins
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.rebuilding import names_to_fill, register

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._sharing.identities import Changed

# The names that `type.__new__` and `_abc` give to a class themselves.
NOT_SENT = frozenset(
    {
        *("__dict__", "__weakref__", "_abc_impl", "__abstractmethods__", "__annotations_cache__"),
        "_abc_interpexec_record",  # see `records`
    }
)
REGISTERED = "abc.register"
"""The name of a part that is no attribute: the classes that an abstract one was told of."""


def obtain_class(  # noqa: PLR0913, PLR0917  # the parts of a class
    key: int,
    place: tuple[str, str] | None,
    meta: type,
    cls_name: str,
    bases: tuple[type, ...],
    body: "dict[str, Any]",
) -> object:
    """Return a class that has nothing but its bases, and its slots.

    place: the module in which it is a global, and its name there.
    """
    found = IDENTITIES.get(key)
    if found is None and place is not None:
        found = _own(*place, body["__qualname__"])
    if found is None:
        restore = _silence(bases)
        try:
            found = type.__new__(meta, cls_name, bases, body)
        finally:
            restore()
        register(key, found)
    return found


def _own(module_name: str, name: str, qualname: str) -> object:
    """Return the class that this interpreter has itself in this place, or None."""
    if module_name == "__main__" and name not in main_module.of_run:
        return None
    try:
        __import__(module_name)
    except ImportError:
        return None
    found = vars(sys.modules[module_name]).get(name)
    return found if isinstance(found, type) and found.__qualname__ == qualname else None


def _silence(bases: tuple[type, ...]) -> "Callable[[], None]":
    """Keep `__init_subclass__` from being called: it was, where the class was defined."""
    silenced = []
    for base in {base: None for each in bases for base in each.__mro__}:
        hook = vars(base).get("__init_subclass__")
        if hook is not None and base.__module__ != "builtins":
            silenced.append((base, hook))
            type.__setattr__(base, "__init_subclass__", classmethod(_no_hook))

    def restore() -> None:
        for base, hook in silenced:
            type.__setattr__(base, "__init_subclass__", hook)

    return restore


def _no_hook(_: type, /, **__: object) -> None:
    """Stand for an `__init_subclass__`."""


def fill_class(
    cls: "Any", state: "tuple[int, int, Changed, dict[str, Any], tuple[type, ...] | None]"
) -> None:
    """Give a class its attributes, past what its metaclass does then."""
    key, base, changed, attributes, registered = state
    is_new = key not in IDENTITIES.versions
    names = names_to_fill(cls, key, base, changed, attributes)
    if not names and not is_new:
        return
    for name in names:
        if name in attributes:
            type.__setattr__(cls, name, attributes[name])
        elif name in vars(cls):
            type.__delattr__(cls, name)
    if registered is not None:
        _register(cls, registered, is_new=is_new)


def _register(cls: type, registered: "tuple[type, ...]", *, is_new: bool) -> None:
    """Find the abstract methods of a class; and have others count as derived from it."""
    from _abc import _abc_init, _abc_register, _get_dump

    known = () if is_new else (reference() for reference in _get_dump(cls)[0])
    others = [each for each in known if each is not None]
    _abc_init(cls)
    for each in (*others, *registered):
        _abc_register(cls, each)


class Registration:
    """How objects of a class are reduced, for the receiver's `copyreg`."""

    def __init__(self, cls: type, reducer: object) -> None:
        self._parts = cls, reducer

    def __reduce__(self) -> "tuple[object, ...]":
        """Be registered, where it is unpickled."""
        return copyreg.pickle, self._parts


def raw_member(cls: "Any", name: str | None, value: object, data: "tuple[Any, ...]") -> object:
    """Return a member of an enumeration, which may be just being made."""
    own = vars(cls)
    if "_member_map_" in own:  # it is here already
        known = own["_member_map_"].get(name)
        return cls(value) if known is None else known
    kind, *values = data
    return kind.__new__(cls, *values)
