"""Objects that have arrived of types which pickle does not know. See `rebuilding`."""

from interpexec._core.cpython import own_builtins
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.rebuilding import code_of, obtained, register

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_sentinels: dict[int, object] = {}  # by key
_sentinel_keys: dict[int, int] = {}  # by id


def make_code(pickled: bytes) -> "CodeType":
    """Return a code object."""
    return code_of(pickled)


def make_proxy(mapping: "dict[Any, Any]") -> object:
    """Return a view of a mapping that cannot be changed by it."""
    return type(vars(type))(mapping)


def obtain_context_variable(key: int, name: str | None, own_name: str, *default: object) -> object:
    """Return a context variable. default: of it, if there is one."""
    found = obtained(key, name)
    if found is None:
        from _contextvars import ContextVar

        options = {"default": default[0]} if default else {}
        found = ContextVar(own_name, **options)
        register(key, found)
    return found


def make_partial_method(function: "Any", args: "tuple[Any, ...]", keywords: "Any") -> object:
    """Return a partial method: from 3.14 on pickle cannot make one."""
    from functools import partialmethod

    return partialmethod(function, *args, **keywords)


def sentinel(key: int) -> object:
    """Return the `object()` that has this key."""
    found = _sentinels.get(key)
    if found is None:
        found = object()
        _sentinels[key], _sentinel_keys[id(found)] = found, key
    return found


def sentinel_key(obj: object, *, is_new: bool) -> int | None:
    """Return the key of an `object()`. is_new: give it one, and keep it."""
    key = _sentinel_keys.get(id(obj))
    if key is None and is_new:
        key = IDENTITIES.next()
        _sentinels[key], _sentinel_keys[id(obj)] = obj, key
    return key


def obtain_cached(
    key: int, name: str | None, maxsize: int | None, typed: bool, inner: "Any"
) -> object:
    """Return a function with a cache (`functools.lru_cache`)."""
    found = obtained(key, name)
    if found is None:
        from functools import lru_cache, update_wrapper

        found = lru_cache(maxsize, typed)(inner)
        register(key, found)
        update_wrapper(found, inner)
    return found


def find_type(name: str) -> object:
    """Return a type that only the module `types` has a name for."""
    import types

    return getattr(types, name)


def make_forward_ref(text: str, owner: object, is_class: bool, module: object) -> object:
    """Return an annotation that is not evaluated yet, as 3.14 keeps it in a dataclass's fields."""
    import annotationlib  # from 3.14 on

    return annotationlib.ForwardRef(text, owner=owner, is_class=is_class, module=module)
