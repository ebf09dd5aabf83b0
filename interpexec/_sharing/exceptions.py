"""How an exception is sent: with its type, attributes and fields, and all that it refers to.

Pickle rebuilds an exception by calling its class with `args`. That fails, or says
everything twice, when `__init__` takes something else than it passes on; it forgets the
fields that C keeps beside the attributes; and it recurses for ever in an exception that can
reach itself. Here an empty one is made first, by the `__new__` that is written in C, and
filled when the objects that refer to it know it already:

    make(class)                  -> the exception, empty
    fill(exception, contents)       its arguments, attributes, and fields

The members of a group must be there before the group: they are made empty, too, and are
filled together with it. Classes that define how they are pickled are pickled so.

Not included: the traceback, and the exceptions that it was raised from or beside. `raised`
sends these as text.
"""

import _pickle

from interpexec._core import current_call, main_module
from interpexec._sharing import packing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Iterator
    from typing import Any

    type Field = Any  # a descriptor that is written in C

    type Contents = tuple[tuple[object, ...], dict[str, object], dict[str, object]]
    """The arguments, the attributes, and the fields that C and slots keep."""

_C_METHOD, _C_NEW = type(BaseException.__reduce__), type(BaseException.__new__)
_SLOT, _GETTER = type(OSError.errno), type(BaseException.args)

_ATTRIBUTES: "Field" = BaseException.__dict__["__dict__"]
_ARGS: "Field" = BaseException.__dict__["args"]
_MESSAGE: "Field" = BaseExceptionGroup.__dict__["message"]
_MEMBERS: "Field" = BaseExceptionGroup.__dict__["exceptions"]

_NO_FIELDS = {"__dict__", "__weakref__"}

_MOST_BYTES = 1 << 16  # of what an AttributeError is about


def reduce(error: BaseException) -> "Any":
    """Return the recipe for an exception whose class does not define how it is pickled."""
    if id(error) in packing.current().made_empty:
        return _empty(error)
    contents = [(error, _contents(error))]
    if isinstance(error, BaseExceptionGroup):
        members = list(_members_of(error, {id(error)}))
        packing.current().made_empty.update(map(id, members))
        contents += [(member, _contents(member)) for member in members]
    return (*_empty(error), contents, None, None, fill)


def has_own_reduce(cls: type[BaseException]) -> bool:
    """Say whether a class defines how it is pickled."""
    ways: tuple[Any, ...] = cls.__reduce__, cls.__reduce_ex__
    return any(type(way) is not _C_METHOD or _is_foreign(way) for way in ways)


def _is_foreign(attribute: "Any") -> bool:
    """Say whether something was not defined by a class of Python's own."""
    return bool(attribute.__objclass__.__module__ != "builtins")


def _empty(error: BaseException) -> "tuple[Callable[..., object], tuple[object, ...]]":
    """Return how an empty exception is made: the function, and its arguments."""
    if not isinstance(error, BaseExceptionGroup):
        return make, (type(error),)
    return make, (type(error), _MESSAGE.__get__(error), _MEMBERS.__get__(error))


def _members_of(
    group: "BaseExceptionGroup[BaseException]", seen: set[int]
) -> "Iterator[BaseException]":
    """Yield the members of a group that are to be made empty, and theirs."""
    for member in _MEMBERS.__get__(group):
        if id(member) in seen or packing.current().reducer_of(type(member)) is not reduce:
            continue
        seen.add(id(member))
        yield member
        if isinstance(member, BaseExceptionGroup):
            yield from _members_of(member, seen)


def _contents(error: BaseException) -> "Contents":
    fields = {}
    for name, field in fields_of(type(error)).items():
        try:
            value = field.__get__(error)
        except AttributeError:
            continue  # it was never set
        if value is None and not _is_foreign(field):
            continue  # it was never set: C fields are None then
        fields[name] = _IfSendable(value) if field is AttributeError.obj else value
    return _ARGS.__get__(error), _ATTRIBUTES.__get__(error), fields


def fields_of(cls: type[BaseException]) -> "dict[str, Field]":
    """Return the fields of a class beside the attributes, by name: the fields of C, and slots."""
    fields: dict[str, Field] = {}
    for base in reversed(cls.__mro__[: cls.__mro__.index(BaseException)]):
        if base is BaseExceptionGroup:
            continue  # `make` has set its fields
        fields |= {
            name: field
            for name, field in vars(base).items()
            if isinstance(field, (_SLOT, _GETTER)) and name not in _NO_FIELDS
        }
    return fields


def make(cls: type[BaseException], *parts: object) -> BaseException:
    """Make an empty exception, without calling the Python code of its classes.

    parts: the message and the members of a group.
    """
    for base in cls.__mro__:
        new = vars(base).get("__new__")
        if isinstance(new, _C_NEW):
            return new(cls, *parts)
    raise AssertionError(cls)  # BaseException, at the end, has one


def fill(_: BaseException, contents: "list[tuple[BaseException, Contents]]") -> None:
    """Fill exceptions that were made empty.

    Past a `__setattr__` of their classes, which a frozen dataclass uses to forbid it.
    """
    for error, (args, attributes, fields) in contents:
        _ARGS.__set__(error, args)
        _ATTRIBUTES.__get__(error).update(attributes)
        if fields:
            setters = fields_of(type(error))
            for name, value in fields.items():
                setters[name].__set__(error, value)


class _IfSendable:
    """The object of an AttributeError, if it can be sent and is small; else None.

    Python itself notes it, and it may be anything. An error must not be lost because of
    that, nor take a whole program along.
    """

    __slots__ = ("_obj", "_parts", "_room")

    def __init__(self, obj: object) -> None:
        self._obj = obj
        self._room = _MOST_BYTES
        self._parts: list[bytes] = []

    def write(self, part: "Buffer") -> None:
        """Take what the pickler has written."""
        self._parts.append(bytes(part))
        self._room -= len(self._parts[-1])
        if self._room < 0:
            raise OverflowError

    def __reduce__(self) -> "tuple[object, ...]":
        try:
            _pickle.Pickler(self, 5).dump(self._obj)
        except BaseException as error:  # the user's classes run here; or it is too much
            current_call.end_if_stopped(error)
            if isinstance(error, KeyboardInterrupt) and not main_module.is_worker():
                raise  # Ctrl-C
            return _none, ()
        return _loads_or_none, (b"".join(self._parts),)


def _none() -> None:
    """Stand for an object that could not be sent."""


def _loads_or_none(pickled: bytes) -> object:
    from interpexec._sharing import unpickling  # few errors come here

    try:
        return unpickling.loads_anything(pickled)
    except Exception:  # the user's classes run here
        return None
