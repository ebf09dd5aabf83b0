"""Annotations of functions and classes: how they are sent, and what those in strings name.

An annotation that is a string is evaluated when somebody asks for it (`typing.get_type_hints`).
So the classes that it names go along.
"""

import sys

from interpexec._sharing.names_read import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

NAMES = "__annotations__", "__annotate_func__", "__annotate__"
"""The attributes of a class that hold them."""


def of_function(function: "Any") -> "dict[str, Any]":
    """Return the attributes that hold the annotations of a function."""
    annotate = getattr(function, "__annotate__", None)  # from 3.14 on
    if annotate is not None:
        return {"__annotate__": annotate}
    return {"__annotations__": function.__annotations__} if function.__annotations__ else {}


def named_by_function(function: "Any") -> "frozenset[str]":
    """Return the globals that strings among the annotations of a function name."""
    if function.__name__ == "__annotate__":  # what makes them, from 3.14 on
        found: Iterable[Any] = function.__code__.co_consts
    elif getattr(function, "__annotate__", None) is not None:
        return frozenset()  # it is sent, too, and asked then
    else:
        found = function.__annotations__.values()
    return frozenset(_named(found, function.__globals__))


def named_by_class(cls: type) -> "tuple[dict[str, Any], frozenset[str]]":
    """Return the globals of the module of a class, and which of them strings in it name."""
    globals_ = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    found = vars(cls).get("__annotations__")
    texts = found.values() if isinstance(found, dict) else ()
    return globals_, frozenset(_named(texts, globals_))


def _named(texts: "Iterable[Any]", globals_: "dict[str, Any]") -> "Iterator[str]":
    """Yield the names of classes in texts. A text may also be the name of an argument."""
    for text in texts:
        if type(text) is str:
            for name in _names_in(text):
                value = globals_.get(name)
                if isinstance(value, type) or type(value).__module__ in {"types", "typing"}:
                    yield name


def _names_in(text: str) -> "frozenset[str]":
    """Return the names that an annotation reads, also in strings in it."""
    try:
        code = compile(text, "<annotation>", "eval")
    except (SyntaxError, ValueError):
        return frozenset()  # it is something else
    inner = (_names_in(each) for each in code.co_consts if type(each) is str)
    return names_of(code)[0].union(*inner)
