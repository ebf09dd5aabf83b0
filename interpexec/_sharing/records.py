"""Records of functions and classes that were sent, and of the globals of functions.

A record refers to all that its object was made of, and so, as a rule, to the object itself. It is
an attribute of the object: so it lives as long as that, and no longer.

    Record       the definition of an object; or why it cannot be sent
    Sent         the parts of an object as they were sent last, and a version of each
    Namespace    the globals of functions that were sent, and a version of each

A part has the version of the object, until it changes: then it gets one of its own. So a receiver
sees which parts are new, and leaves all others as they are there.
"""

import sys
from _functools import partial
from _thread import RLock
from _weakref import ref

from interpexec._core.cpython import own_builtins
from interpexec._core.sigint import unbroken
from interpexec._sharing.changes import Reads
from interpexec._sharing.identities import IDENTITIES, OWN, Recent
from interpexec._sharing.importable import real_name

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from interpexec._sharing.identities import Changed
    from interpexec._sharing.rebuilding import Space

    type Parts = dict[str | int, tuple[object, Reads | None]]
    """By its name, the object that a part was, and what is in that, where it may change."""

# `typing.Protocol` takes no attribute whose name begins so for one of its members.
ATTRIBUTE = "_abc_interpexec_record"
"""The attribute of a function or a class that has its record."""


class Record:
    """A record of an object that was sent."""

    __slots__ = ("_of", "by_name", "definition", "failure", "namespace", "sent")

    def __init__(self, obj: object) -> None:
        self._of = ref(obj)
        self.definition: Any = None
        """The last one of `definitions`."""
        self.by_name: Any = None
        """The last stream of `after_run`, with its number, and what was read for it."""
        self.failure: tuple[Reads, str] | None = None
        """Why it could not be sent, and what was read until then."""
        self.sent: Sent | None = None
        self.namespace: Namespace | None = None

    def __reduce__(self) -> "tuple[object, ...]":
        """Be None for other libraries, which pickle the attributes of functions."""
        return type(None), ()

    def is_of(self, obj: object) -> bool:
        """Say whether it is that of an object: attributes are copied by decorators."""
        return self._of() is obj

    def update(self, key: int, parts: "Parts", version: int) -> "tuple[int, Changed]":
        """Return the versions of these parts: those of the object, and of what has changed.

        version: the one at which they were read.
        """
        sent = self.sent
        if sent is None:
            sent = self.sent = Sent(*_received(key), parts)
        return sent.base, sent.update(parts, version)


def record_of(obj: "Any") -> Record:
    """Return the record of a function, a class or a module; a new one if there is none."""
    found = _record_or_none(obj)
    if found is None:
        _keep(obj, Record(obj))
        found = _record_or_none(obj)  # another thread's, it may be
    return found or Record(obj)


def _record_or_none(obj: "Any") -> Record | None:
    found: Record | None = obj.__dict__.get(ATTRIBUTE) or _others.get(id(obj))
    return found if found is not None and found.is_of(obj) else None


def _keep(obj: "Any", record: Record) -> None:
    if not isinstance(obj, type):
        if type(obj) is type(sys):  # its attributes are globals
            _others[id(obj)] = record
        else:
            obj.__dict__[ATTRIBUTE] = record
        return
    try:
        type.__setattr__(obj, ATTRIBUTE, record)
    except TypeError:  # it cannot be changed
        _others[id(obj)] = record


_others: dict[int, Record] = Recent(64)


def _received(key: int) -> "tuple[int, Changed]":
    """Return the versions in which an object was received; new ones, if it was made here."""
    received = IDENTITIES.versions.get(key, OWN)
    return received or (IDENTITIES.next(), {})


class Sent:
    """The parts of an object as they were sent last."""

    __slots__ = ("_latest", "base")

    def __init__(self, base: int, changed: "Changed", parts: "Parts") -> None:
        self.base = base
        """The version of the object."""
        self._latest = parts, changed, 0  # replaced as one, for other threads

    def update(self, parts: "Parts", version: int) -> "Changed":
        """Give each part that has changed a new version: that at which all were read.

        Return the versions of those that have changed since the object was sent first, or are
        gone. Another thread may have read them later than this one, and was here before.
        """
        before, known, latest = self._latest
        changed = dict(known)
        for name in before.keys() | parts.keys():
            if not _is_same(before.get(name), parts.get(name)):
                changed[name] = version
        if version > latest:
            self._latest = parts, changed, version
        return changed


_reading = RLock()


def read[T](reader: "Callable[[], T]") -> tuple[T, int]:
    """Return what a function reads, and a version: a greater one if it was read later."""
    with _reading:
        return reader(), IDENTITIES.next()


def _is_same(
    before: "tuple[object, Reads | None] | None", now: "tuple[object, Reads | None] | None"
) -> bool:
    if before is None or now is None:
        return False
    (old, reads), new = before, now[0]
    if old is not new and not _is_same_tuple(old, new):
        return False
    return reads is None or reads.are_unchanged()


def _is_same_tuple(old: object, new: object) -> bool:
    """Compare tuples that may be made anew each time somebody asks for them."""
    if type(old) is not tuple or type(new) is not tuple or len(old) != len(new):
        return False
    return all(one is other for one, other in zip(old, new, strict=True))


# -- globals ------------------------------------------------------------------------


class Namespace:
    """The globals of functions: those that were sent, with their versions and `Reads`."""

    __slots__ = ("__weakref__", "_ident", "_sent", "globals")

    def __init__(self, globals_: "dict[str, Any]") -> None:
        self.globals = globals_
        self._ident = IDENTITIES.next()
        self._sent: dict[str, tuple[int, Reads]] = {}

    def space(self) -> "Space":
        """Return what tells a receiver which globals these are."""
        name = real_name(str(self.globals.get("__name__")))
        is_module = getattr(sys.modules.get(name), "__dict__", None) is self.globals
        return name, self.globals.get("__package__"), False, 0 if is_module else self._ident

    def was_sent(self, name: str) -> bool:
        """Say whether a global was sent, or that it is absent."""
        return name in self._sent

    def version(self, name: str, reads: Reads, version: int) -> int:
        """Return the version of a global: the one it had, if nothing of it has changed.

        version: the one at which it was read.
        """
        known = self._sent.get(name)
        # Both: another thread may have read the global later than this one, or earlier.
        if known is not None and known[1].are_unchanged() and reads.are_unchanged():
            return known[0]
        if known is None or version > known[0]:
            self._sent[name] = version, reads
        return version


# By the id of the globals. The records of functions keep those of other globals than a module's.
_namespaces: "dict[int, ref[Namespace]]" = {}
_of_modules: dict[int, Namespace] = {}


def namespace_of(globals_: "dict[str, Any]") -> Namespace:
    """Return what was sent of some globals."""
    known = _namespaces.get(id(globals_))
    found = None if known is None else known()
    if found is not None:  # so the globals are alive, and no others have their id
        return found
    found = Namespace(globals_)
    _namespaces[id(globals_)] = ref(found, _Forget(id(globals_)))
    if found.space()[-1] == 0:
        for ident, other in [*_of_modules.items()]:
            if other.space()[-1]:  # the module is gone, or is replaced for a while
                _of_modules.pop(ident, None)
        _of_modules[id(globals_)] = found
    return found


def namespace_of_module(module: "ModuleType") -> Namespace:
    """Return what was sent of the globals of a module; it is kept as long as the module."""
    found, ident = namespace_of(vars(module)), id(module)
    known = _modules.get(ident)
    if known is None or known[0]() is not module:
        _modules[ident] = ref(module, partial(_forget_module, ident)), found
    return found


_modules: "dict[int, tuple[ref[ModuleType], Namespace]]" = {}


@unbroken
def _forget_module(ident: int, reference: "ref[ModuleType]") -> None:
    if ident in _modules and _modules[ident][0] is reference:
        del _modules[ident]


class _Forget:
    """Takes a namespace that is gone out of the table."""

    def __init__(self, ident: int) -> None:
        self._ident = ident

    def __call__(self, reference: "ref[Namespace]") -> None:
        if _namespaces.get(self._ident) is reference:
            _namespaces.pop(self._ident, None)
