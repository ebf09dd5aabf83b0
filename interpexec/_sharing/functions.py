"""The parts of a function, for one that is sent by value: its variables, and its attributes."""

import marshal
import sys
from _operator import attrgetter
from types import FunctionType, ModuleType

from interpexec._sharing import annotations
from interpexec._sharing.changes import watched
from interpexec._sharing.importable import is_by_name, is_importable
from interpexec._sharing.records import ATTRIBUTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interpexec._sharing.changes import Reads
    from interpexec._sharing.rebuilding import Space
    from interpexec._sharing.records import Parts

_get_code, _get_cell = attrgetter("__code__"), attrgetter("cell_contents")
_get_defaults, _get_kwdefaults = attrgetter("__defaults__"), attrgetter("__kwdefaults__")


def parts_of(function: "Any", *, has_annotations: bool) -> "dict[str | int, Any]":
    """Return what a function has: variables of the functions around it, by number; attributes."""
    code = function.__code__
    parts: dict[Any, Any] = {"__code__": code}
    for index, cell in enumerate(function.__closure__ or ()):
        try:
            parts[index] = cell.cell_contents
        except ValueError:
            continue  # it is empty
    parts["__defaults__"], parts["__kwdefaults__"] = function.__defaults__, function.__kwdefaults__
    usual = code.co_name, code.co_qualname, function.__globals__.get("__name__"), _doc_of(code), ()
    for name, value in zip(_USUAL, usual, strict=True):
        if getattr(function, name) != value:
            parts[name] = getattr(function, name)
    if has_annotations:
        parts |= annotations.of_function(function)
    parts.update(function.__dict__)
    parts.pop(ATTRIBUTE, None)
    return parts


_USUAL = "__name__", "__qualname__", "__module__", "__doc__", "__type_params__"
_UNWATCHED = frozenset({"__code__", "__annotations__", "__annotate__", *_USUAL})


def watched_parts(function: "Any", parts: "dict[str | int, Any]") -> "Parts":
    """Return the parts, each with what is noted of it."""
    names = function.__code__.co_freevars
    return {
        name: (value, None)
        if name in _UNWATCHED or (type(name) is int and names[name] == _CLASSDICT)
        else (value, watched(value))
        for name, value in parts.items()
    }


def note_reads(function: "Any", parts: "Parts", reads: "Reads", *, is_root: bool) -> None:
    """Note what a function was made of.

    is_root: its definition looks at the function itself, and keeps nothing alive.
    """
    cells = function.__closure__ or ()
    for name, (value, inner) in parts.items():
        if type(name) is not int:
            if name not in _UNWATCHED and name not in _OWN:
                reads.note(function.__dict__.get, name, value)
        elif function.__code__.co_freevars[name] != _CLASSDICT:
            reads.note(_get_cell, cells[name], value)
        if inner is not None:
            reads.add(inner)
    if not is_root:
        for get in (_get_code, _get_defaults, _get_kwdefaults):
            reads.note(get, function, get(function))
        if len(function.__dict__) < FEW:
            reads.note(len, function.__dict__, len(function.__dict__))


_OWN = frozenset({"__defaults__", "__kwdefaults__"})
_CLASSDICT = "__classdict__"  # the body of a class, where annotations look first
FEW = 256
"""Smaller numbers are the same object each time."""


def pickled_parts(function: "Any", parts: "dict[str | int, Any]") -> "dict[str | int, Any]":
    """Return the parts as they are sent."""
    code = function.__code__
    found = {**parts, "__code__": marshal.dumps(code)}
    if _CLASSDICT in code.co_freevars:
        index = code.co_freevars.index(_CLASSDICT)
        content = found[index]
        found[index] = {name: content[name] for name in content.keys() & set(code.co_names)}
    return found


def takes_module(
    globals_: "dict[str, Any]", space: "Space", names: frozenset[str], changed: frozenset[str]
) -> bool:
    """Say whether a function is to have the globals of a module that is imported.

    Where they may change there; but no module is imported for constants alone.
    """
    module = sys.modules.get(space[0])
    if space[0] == "__main__" or module is None or vars(module) is not globals_:
        return False
    if not is_importable(space[0]):
        return False
    values = (globals_[name] for name in names if name in globals_)
    return bool(changed) or not all(map(_is_constant, values))


def _is_constant(value: object) -> bool:
    """Say whether a copy of a module's global is as good as itself."""
    if type(value) is FunctionType or isinstance(value, type):
        return is_by_name(value)
    return type(value) in _CONSTANTS


_CONSTANTS = frozenset({int, float, complex, bool, type(None), str, bytes, type(len), ModuleType})


def _doc_of(code: "Any") -> str | None:
    """Return the docstring that a function of this code has from the beginning."""
    has_doc = code.co_flags & _HAS_DOCSTRING
    return code.co_consts[0] if has_doc else None


_HAS_DOCSTRING = 0x4000000
