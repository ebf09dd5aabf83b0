"""Definitions that `typing` makes: type variables, aliases, new types. Sent by value, too.

And the markers of `dataclasses`, of which there may be only one in an interpreter.
"""

import dataclasses
import sys
import typing

from interpexec._sharing import new_objects
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.importable import is_importable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    type Parts = tuple[tuple[Any, ...], dict[str, Any]]


def _variable(obj: "Any") -> "Parts":
    options = {
        "covariant": obj.__covariant__,
        "contravariant": obj.__contravariant__,
        "infer_variance": obj.__infer_variance__,
    }
    if obj.__bound__ is not None:
        options["bound"] = obj.__bound__
    return (obj.__name__, *obj.__constraints__), options | _default(obj)


def _default(obj: "Any") -> "dict[str, Any]":
    return {"default": obj.__default__} if obj.has_default() else {}


def _simple(obj: "Any") -> "Parts":
    return (obj.__name__,), _default(obj)


def _new_type(obj: "Any") -> "Parts":
    return (obj.__name__, obj.__supertype__), {}


def _alias(obj: "Any") -> "Parts":
    return (obj.__name__, obj.__value__), {"type_params": obj.__type_params__}


def _by_value(parts: "Callable[[Any], Parts]") -> "Callable[[Any, Any], Any]":
    def reduce(_: object, obj: "Any") -> "Any":
        name: str = obj.__name__
        is_named = getattr(sys.modules.get(obj.__module__), name, None) is obj
        if is_named and obj.__module__ != "__main__" and is_importable(obj.__module__):
            return NotImplemented
        is_global = vars(sys.modules["__main__"]).get(name) is obj
        arguments, options = parts(obj)
        options["__module__"] = obj.__module__
        key = IDENTITIES.key_of(obj)
        return new_objects.obtain_type_parameter, (
            key,
            name if is_global else None,
            type(obj).__name__,
            arguments,
            options,
        )

    return reduce


def _markers(*names: str) -> "dict[type, Callable[[Any, Any], Any]]":
    """Return reducers of markers that are known by their identity.

    On 3.15 some are of Python's own class for such objects, which pickle knows.
    """

    def reducer_of(name: str) -> "Callable[[Any, Any], Any]":
        return lambda _self, _obj: (getattr, (dataclasses, name))

    types = {name: type(getattr(dataclasses, name)) for name in names}
    return {
        kind: reducer_of(name) for name, kind in types.items() if kind.__module__ == "dataclasses"
    }


def _field_marker(_: object, obj: "Any") -> "Any":
    return getattr, (dataclasses, obj.name)


REDUCERS: "dict[type, Callable[[Any, Any], Any]]" = {
    typing.TypeVar: _by_value(_variable),
    typing.ParamSpec: _by_value(_simple),
    typing.TypeVarTuple: _by_value(_simple),
    typing.NewType: _by_value(_new_type),
    typing.TypeAliasType: _by_value(_alias),
    type(dataclasses._FIELD): _field_marker,  # type: ignore[attr-defined]  # noqa: SLF001  # fields are told apart by them
} | _markers("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY")
