"""Objects that have arrived of types which pickle does not know. See `rebuilding`."""

from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._sharing.rebuilding import code_of, obtained, register

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


def not_shareable_error() -> type[Exception]:
    """Return the class NotShareableError: on 3.13 its module is no module."""
    return NotShareableError


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


def obtain_sentinel(key: int, place: str | None, name: str, module: str, text: str) -> object:
    """Return a `sentinel`, which 3.15 has brought. text: its repr."""
    found: Any = obtained(key, place)
    if found is None:
        import builtins

        found = builtins.sentinel(name, repr=text)  # type: ignore[attr-defined]  # from 3.15 on
        found.__module__ = module
        register(key, found)
    return found


def make_partial_method(function: "Any", args: "tuple[Any, ...]", keywords: "Any") -> object:
    """Return a partial method: from 3.14 on pickle cannot make one."""
    from functools import partialmethod

    return partialmethod(function, *args, **keywords)


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
