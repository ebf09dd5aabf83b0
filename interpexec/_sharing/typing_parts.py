"""Definitions that `typing` makes: type variables, aliases, new types. Sent by value, too.

And the markers of `dataclasses`, of which there may be only one in an interpreter.
"""

import dataclasses
import sys
import typing
from keyword import iskeyword

from interpexec._sharing import new_typing
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.importable import is_importable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._sharing.new_typing import Box, Lazy

    type Parts = tuple[tuple[Any, ...], dict[str, Any]]
    type Reducer = Callable[[Any, Any], Any]


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


def _by_value(parts: "Callable[[Any], Parts]") -> "Reducer":
    """Return a reducer of what a call makes, of these arguments and options."""

    def reduce(_: object, obj: "Any") -> "Any":
        if _is_by_name(obj):
            return NotImplemented
        arguments, options = parts(obj)
        options["__module__"] = obj.__module__
        kind = type(obj).__name__
        return new_typing.obtain_eager, (*_names(obj), kind, arguments, options)

    return reduce


def _by_parts(stars: str, parts: "Callable[[Any], Parts]") -> "Reducer":
    """Return a reducer of type parameters: made by a statement, or by a call."""
    by_call = _by_value(parts)

    def reduce(self: object, obj: "Any") -> "Any":
        name: str = obj.__name__
        of_statement = getattr(obj, "__infer_variance__", True) and name.isidentifier()
        if not of_statement or iskeyword(name) or _is_by_name(obj):
            return by_call(self, obj)
        box = _expressions(obj)
        recipe = (*_names(obj), stars + name, obj.__module__, (*box,))
        return new_typing.obtain_parameter, recipe, box, None, None, new_typing.fill

    return reduce


def _expressions(obj: "Any") -> "Box":
    """Return what the expressions in a type parameter have given."""
    box = {}
    if (constraints := _lazy(obj, "__constraints__", ())) != ((),):
        box["constraints"] = constraints
    elif (bound := _lazy(obj, "__bound__", None)) != (None,):
        box["bound"] = bound
    if obj.has_default():
        box["default"] = _lazy(obj, "__default__", None)
    return box


def _lazy(obj: "Any", name: str, absent: object) -> "Lazy":
    """Return what an expression gives: in a tuple, or the error that it raises."""
    try:
        return (getattr(obj, name, absent),)
    except Exception as error:  # an expression of the program's
        return type(error), error.args


def _alias(_: object, obj: "Any") -> "Any":
    if _is_by_name(obj):
        return NotImplemented
    names = obj.__name__, getattr(obj, "__qualname__", obj.__name__)
    recipe = (*_names(obj), names, obj.__module__, obj.__type_params__)
    box = {"value": _lazy(obj, "__value__", None)}
    return new_typing.obtain_alias, recipe, box, None, None, new_typing.fill


def _is_by_name(obj: "Any") -> bool:
    is_named = getattr(sys.modules.get(obj.__module__), obj.__name__, None) is obj
    return is_named and obj.__module__ != "__main__" and is_importable(obj.__module__)


def _names(obj: "Any") -> tuple[int, str | None]:
    """Return the key of an object, and its name in the program."""
    name: str = obj.__name__
    is_global = vars(sys.modules["__main__"]).get(name) is obj
    return IDENTITIES.key_of(obj), name if is_global else None


def _markers(*names: str) -> "dict[type, Reducer]":
    """Return reducers of markers that are known by their identity.

    On 3.15 some are of Python's own class for such objects, which pickle knows.
    """

    def reducer_of(name: str) -> "Reducer":
        return lambda _self, _obj: (getattr, (dataclasses, name))

    types = {name: type(getattr(dataclasses, name)) for name in names}
    return {
        kind: reducer_of(name) for name, kind in types.items() if kind.__module__ == "dataclasses"
    }


def _field_marker(_: object, obj: "Any") -> "Any":
    return getattr, (dataclasses, obj.name)


REDUCERS: "dict[type, Reducer]" = {
    typing.TypeVar: _by_parts("", _variable),
    typing.ParamSpec: _by_parts("**", _simple),
    typing.TypeVarTuple: _by_parts("*", _simple),
    typing.NewType: _by_value(_new_type),
    typing.TypeAliasType: _alias,
    type(dataclasses._FIELD): _field_marker,  # type: ignore[attr-defined]  # noqa: SLF001  # fields are told apart by them
} | _markers("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY")
