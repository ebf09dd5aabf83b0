"""The entries of packages: data that must be given back if nobody takes it.

An entry is mostly a descriptor, duplicated for the receiver. Others have an owner: a class that
knows how they are given back. A list of entries belongs to one package, or to one packer. When
the interpreter ends, the entries of all lists are given back.
"""

import os
from _pickle import dumps
from _pickle import loads as _unpickle

from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.descriptors import duplicate
from interpexec._core.handles import release_at_end
from interpexec._core.sigint import keep_whole

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    class Owner(Protocol):
        """A class for entries that are more than descriptors. Found by its name: see `key_of`."""

        @staticmethod
        def abandon(*fields: Any, **_: Any) -> None:
            """Give back an entry that nobody has taken."""

        @staticmethod
        def descriptors(*fields: Any, **_: Any) -> "Sequence[int]":
            """Return the descriptors that belong to an entry."""


keep_whole()

type Entry = tuple[bytes | None, tuple[Any, ...]]
"""The key of its owner (None: plain descriptors), and what the owner's methods take."""


def key_of(owner: "type[Owner]") -> bytes:
    """Return the key by which any interpreter finds a class that owns entries.

    The key is the pickled name of the class. An interpreter that only passes an entry on does
    not import the module of its owner.
    """
    return dumps(owner, 5)


def duplicates(fds: "Sequence[int]") -> tuple[int, ...]:
    """Return duplicates of descriptors: of all, or of none."""
    copies: list[int] = []
    try:
        copies.extend(map(duplicate, fds))
    except OSError as error:
        for fd in copies:
            os.close(fd)
        message = f"descriptor {fds[len(copies)]} cannot be duplicated: {error.strerror}"
        raise NotShareableError(message) from error
    return tuple(copies)


# The lists of entries that packages own, by id: also of packages whose destructor was
# interrupted.
_kept: "dict[int, list[Entry | None]]" = {}


def keep(entries: "list[Entry | None]") -> None:
    """Give the entries of a list back at the interpreter's end, if nobody does before."""
    _kept[id(entries)] = entries
    release_at_end(_KEEPER)


def disown(entries: "list[Entry | None]") -> None:
    """Leave the entries of a list to another owner."""
    _kept.pop(id(entries), None)


def abandon_all(entries: "list[Entry | None]") -> None:
    """Give back the entries of a list that nobody has taken."""
    for index, entry in enumerate(entries):
        entries[index] = None
        if entry is not None:
            _abandon(entry)
    disown(entries)


def _abandon(entry: Entry) -> None:
    key, fields = entry
    if key is not None:
        _owner(key).abandon(*fields)
        return
    for fd in fields:
        os.close(fd)


def _owner(key: bytes) -> "type[Owner]":
    return _unpickle(key)  # type: ignore[no-any-return]  # see `key_of`


class _Keeper:
    """Gives back what packages own, when the interpreter ends."""

    @staticmethod
    def release() -> None:
        for entries in list(_kept.values()):
            abandon_all(entries)

    @staticmethod
    def after_fork() -> None:
        """Close the child's descriptors: all else that is to be given back is the parent's."""
        for entries in list(_kept.values()):
            for index, entry in enumerate(entries):
                entries[index] = None
                if entry is not None:
                    key, fields = entry
                    for fd in fields if key is None else _owner(key).descriptors(*fields):
                        os.close(fd)


_KEEPER = _Keeper()
