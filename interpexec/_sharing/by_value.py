"""Functions and classes that a receiver cannot import are pickled by value.

So are modules (by an import), and the types of objects that pickle does not know. How a function
or a class itself is sent is the business of the picklers that are made of `ValuePickler`: see
`definitions` and `stream`.
"""

import builtins
import marshal
import sys
import types
from _contextvars import ContextVar
from _pickle import Pickler
from _thread import _local

from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._sharing import (
    bindings,
    context_variables,
    new_objects,
    rebuilding,
    sentinels,
)
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.importable import found_by_name, is_by_name, is_importable, top_level

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FUNCTION, _MODULE = types.FunctionType, types.ModuleType


def name_in_program(obj: "Any") -> str | None:
    """Return the name of a definition at the top level of `__main__`, or None."""
    main = sys.modules.get("__main__")
    return None if main is None else bindings.name_in(vars(main), obj)


def place_of(cls: "Any") -> tuple[str, str] | None:
    """Return the module in which a class is a global, and its name there; or None."""
    name = name_in_program(cls)
    if name is not None:
        return "__main__", name
    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__ == "__main__" or not is_importable(cls.__module__):
        return None
    name = bindings.name_in(vars(module), cls)
    return None if name is None else (cls.__module__, name)


class ValuePickler(Pickler):
    """A pickler that takes functions and classes by value where a receiver has no others."""

    makes_sentinels = False
    """Whether an `object()` gets a key, so that it is the same one whenever it is sent."""

    def reducer_override(self, obj: object) -> "Any":
        """Say how functions, classes and modules are sent; leave all else to pickle."""
        kind = type(obj)
        if kind is _FUNCTION or isinstance(obj, type):
            return self.by_value(obj) if not is_by_name(obj) else NotImplemented
        special = _SPECIAL.get(kind)
        if special is None and kind.__module__ in _LATE:
            _fill_tables()
            special = _SPECIAL.get(kind)
        if special is not None:
            return special(self, obj)
        return self.module(obj) if isinstance(obj, _MODULE) else NotImplemented

    def by_value(self, obj: "Any") -> "Any":
        """Return what makes a function or a class in the receiver."""
        if obj is NotShareableError:
            return new_objects.not_shareable_error, ()  # on 3.13 its module is no module
        if obj in _TYPES:
            return new_objects.find_type, (_TYPES[obj],)
        # Code that runs without a `__name__` makes classes that seem to be builtins, too.
        if obj.__module__ == "builtins" and not getattr(obj, "__flags__", _HEAP) & _HEAP:
            return NotImplemented
        owner, name = owner_of(obj)
        if owner is not None:
            return getattr, (owner, name)
        return self.definition(obj)

    def module(self, module: "Any") -> "Any":
        """Return what imports a module in the receiver, or makes one there."""
        name = module.__name__
        if name == "__main__" or (sys.modules.get(name) is module and is_importable(name)):
            return rebuilding.find_module, (name,)
        return self.definition(module)

    def definition(self, obj: object) -> "Any":
        """Return what makes one in the receiver that is no attribute of another; or a module."""
        raise NotImplementedError


def owner_of(obj: "Any") -> "tuple[type | None, str]":
    """Return the class of which a function or class is an attribute by its name, or None."""
    *path, name = obj.__qualname__.split(".")
    owner: Any = top_level(obj.__module__, path[0]) if path else None
    for each in path[1:]:
        owner = getattr(owner, each, None)
    if not isinstance(owner, type) or vars(owner).get(name) is not obj:
        return None, name
    return owner, name


def _cell(_: object, __: object) -> "Any":
    return rebuilding.make_cell, ()


def _bound_method(_: object, method: "Any") -> "Any":
    """Send a method by its name, if its class has it under that; else by its parts."""
    function, owner = method.__func__, method.__self__
    name = getattr(function, "__name__", None)
    for cls in (*type(owner).__mro__, *getattr(owner, "__mro__", ())):
        if name in vars(cls):
            found = vars(cls)[name]
            if getattr(found, "__func__", found) is function:
                return NotImplemented
            break  # another one's: `super().method`
    return types.MethodType, (function, owner)


def _property(_: object, obj: "Any") -> "Any":
    return property, (obj.fget, obj.fset, obj.fdel, obj.__doc__)


def _method_kind(_: object, obj: "Any") -> "Any":
    return type(obj), (obj.__func__,)


def _proxy(_: object, obj: "Any") -> "Any":
    return new_objects.make_proxy, (dict(obj),)


def _plain_object(self: "ValuePickler", obj: object) -> "Any":
    if self.makes_sentinels:
        sentinels.keep(obj, IDENTITIES.next)
    return sentinels.reduce(obj)


def _cached(_: object, obj: "Any") -> "Any":
    if found_by_name(obj) and obj.__module__ != "__main__" and is_importable(obj.__module__):
        return NotImplemented
    options = obj.cache_parameters()
    arguments = options["maxsize"], options["typed"], obj.__wrapped__
    return new_objects.obtain_cached, (IDENTITIES.key_of(obj), name_in_program(obj), *arguments)


def _weak(_: object, obj: "Any") -> "Any":
    return type(obj), (dict(obj),)


def _weak_set(_: object, obj: "Any") -> "Any":
    return type(obj), ([*obj],)


def _thread_local(_: object, __: object) -> "Any":
    return _local, ()  # a thread that has set nothing sees nothing of it


def _context_variable(_: object, obj: "Any") -> "Any":
    return context_variables.recipe_of(obj)


def _named_sentinel(_: object, obj: "Any") -> "Any":
    module, name = obj.__module__, obj.__name__
    if module != "__main__" and is_importable(module) and top_level(module, name) is obj:
        return NotImplemented
    key = IDENTITIES.key_of(obj)
    return new_objects.obtain_sentinel, (key, name_in_program(obj), name, module, repr(obj))


def _lazy_import(_: object, obj: object) -> "Any":
    # It has failed here; in the receiver, too, what uses it gets the error.
    return rebuilding.find_module, (repr(obj).split("'")[1],)


def _partial_method(_: object, obj: "Any") -> "Any":
    return new_objects.make_partial_method, (obj.func, obj.args, obj.keywords)


_SPECIAL: "dict[type, Callable[[Any, Any], Any]]" = {
    _MODULE: lambda self, module: self.module(module),
    types.CellType: _cell,
    types.MethodType: _bound_method,
    types.CodeType: lambda _, code: (new_objects.make_code, (marshal.dumps(code),)),
    property: _property,
    classmethod: _method_kind,
    staticmethod: _method_kind,
    types.MappingProxyType: _proxy,
    object: _plain_object,
    _local: _thread_local,
    ContextVar: _context_variable,
}
if hasattr(builtins, "sentinel"):  # from 3.15 on
    _SPECIAL[builtins.sentinel] = _named_sentinel
if hasattr(types, "LazyImportType"):  # from 3.15 on
    _SPECIAL[types.LazyImportType] = _lazy_import
_TYPES: "dict[type, str]" = {
    value: name
    for name, value in vars(types).items()
    if isinstance(value, type) and value.__module__ == "builtins"
}
"""Types that only the module `types` has a name for."""

_HEAP = 1 << 9  # the flag of classes that were made while the program runs: Py_TPFLAGS_HEAPTYPE

_LATE = {"annotationlib", "typing", "dataclasses", "functools", "weakref", "_weakrefset"}


def _forward_ref(_: object, obj: "Any") -> "Any":
    # Without the globals and cells of its maker: the receiver finds those of its owner.
    parts = obj.__forward_arg__, obj.__owner__, obj.__forward_is_class__, obj.__forward_module__
    return new_objects.make_forward_ref, parts


def _fill_tables() -> None:
    """Add the types of modules that are dear to import."""
    import functools
    import weakref

    from interpexec._sharing import typing_parts

    _SPECIAL[type(functools.lru_cache(None)(len))] = _cached
    _SPECIAL[functools.partialmethod] = _partial_method
    _SPECIAL[weakref.WeakKeyDictionary] = _SPECIAL[weakref.WeakValueDictionary] = _weak
    _SPECIAL[weakref.WeakSet] = _weak_set
    _SPECIAL.update(typing_parts.REDUCERS)
    # From 3.14 on; `dataclasses` has imported it.
    if (annotationlib := sys.modules.get("annotationlib")) is not None:
        _SPECIAL[annotationlib.ForwardRef] = _forward_ref
    _LATE.clear()
