"""The parts of a class, for one that is sent by value: what it is made with, and its attributes.

Its body is not run again: the class gets its bases, its metaclass and its slots when it is
made, and then all attributes as they are here. So what decorators, metaclasses, `__set_name__`
and `__init_subclass__` have done is not done twice.
"""

import sys
from functools import partial

from interpexec._core.main_module import RUN_NAME
from interpexec._sharing.changes import watched
from interpexec._sharing.importable import real_name
from interpexec._sharing.new_classes import NOT_SENT, REGISTERED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum
    from typing import Any

    from interpexec._sharing.changes import Reads
    from interpexec._sharing.records import Parts

_MEMBER = "member_descriptor"


def body_of(cls: type) -> "dict[str, Any]":
    """Return what a class must have when it is made."""
    own = vars(cls)
    body = {"__module__": real_name(cls.__module__), "__qualname__": cls.__qualname__}
    if "__slots__" in own:
        slots = own["__slots__"]
        if not isinstance(slots, str | tuple | list | dict):  # an iterator, used up
            slots = tuple(name for name in own if _is_slot(cls, name))
        body["__slots__"] = slots
    if "__parameters__" in own:  # `cls[int]` needs them, and may be in what comes afterwards
        body["__parameters__"] = own["__parameters__"]
    return body


def attributes_of(cls: type) -> "dict[str, Any]":
    """Return what a class gets afterwards."""
    found = {
        name: value
        for name, value in vars(cls).items()
        if name not in NOT_SENT and name != "__slots__" and not _is_slot(cls, name)
    }
    if found.get("__module__") == RUN_NAME:
        found["__module__"] = "__main__"
    return found


def _is_slot(cls: type, name: str) -> bool:
    value: Any = vars(cls)[name]
    return type(value).__name__ == _MEMBER and value.__objclass__ is cls


def registered_with(cls: type) -> "tuple[type, ...] | None":
    """Return the classes that an abstract one was told of (`register`); None if it is none."""
    if "_abc_impl" not in vars(cls):
        return None
    from _abc import _get_dump

    found = (reference() for reference in _get_dump(cls)[0])
    # In one order, so that the same ones are seen to be the same.
    return tuple(sorted((each for each in found if each is not None), key=id))


def watched_parts(
    cls: type, attributes: "dict[str, Any]", registered: "tuple[type, ...] | None"
) -> "Parts":
    """Return the parts of a class, each with what is noted of it."""
    if is_enumeration(cls):  # its members are what they were when it was made
        return {name: (value, None) for name, value in attributes.items()}
    parts: Parts = {name: (value, watched(value)) for name, value in attributes.items()}
    if registered is not None:
        parts[REGISTERED] = registered, None
    return parts


def note_reads(cls: type, parts: "Parts", reads: "Reads") -> None:
    """Note what a class was made of."""
    own = vars(cls)
    reads.note(partial(_has_names, own), frozenset(own) - NOT_SENT, True)
    for name, (value, inner) in parts.items():
        if name == REGISTERED:
            reads.note(partial(_is_registered_with, cls), value, True)
        else:
            reads.note(own.get, name, value)
        if inner is not None:
            reads.add(inner)


def _has_names(own: "Mapping[str, Any]", names: frozenset[str]) -> bool:
    return own.keys() - NOT_SENT == names


def _is_registered_with(cls: type, known: "tuple[type, ...]") -> bool:
    found = registered_with(cls) or ()
    return len(found) == len(known) and all(each in known for each in found)


def is_enumeration(cls: type) -> bool:
    """Say whether a class has members, made when it was."""
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(cls, enum.EnumType)


def data_of(member: "Enum") -> "tuple[Any, ...]":
    """Return the type that makes a member, and what it makes it of."""
    kind = type(member)._member_type_  # type: ignore[attr-defined]  # documented in the how-to of enum
    if kind not in {int, str, float, bytes, tuple, complex, frozenset}:
        return (object,)
    return kind, kind(member) if kind is not str else str.__str__(member)
