"""Entries of `sys.path` that were added after workers had started: calls bring them along.

A worker gets `sys.path` when it starts. As long as it is here what the first worker has got, a
call brings nothing. Otherwise it brings the new entries, and the worker adds those that it
does not have, before it imports anything for the call.
"""

import sys

from interpexec._sharing import importable, reducers

_latest: list[object] = []  # before the first look
_added: list[tuple[list[str], list[str]]] = []


def has_new_entries() -> bool:
    """Say whether there are entries that workers may not have. On the caller's side."""
    path = sys.path
    if _latest != path:
        _latest[:] = path
        importable.forget()
        reducers.forget_types()
        _added[:] = [_new_entries(path)]
    # While there are some, this is asked for each call.
    importable.settled[:] = () if (has_some := any(_added[0])) else path
    return has_some


def _new_entries(path: list[str]) -> tuple[list[str], list[str]]:
    """Return those that stand before the ones that workers have, and all others."""
    front: list[str] = []
    back: list[str] = []
    place = front
    for entry in path:
        if entry in importable.given:
            place = back
        elif isinstance(entry, str):
            place.append(entry)
    return front, back


class After:
    """A function that is sent after the new entries."""

    def __init__(self, function: object) -> None:
        self._function = function

    def __reduce__(self) -> "tuple[object, ...]":
        """Be the function itself, for the receiver."""
        return second, (_Entries(), self._function)


class _Entries:
    """Adds the entries, where it is unpickled."""

    def __reduce__(self) -> "tuple[object, ...]":
        return add, _added[0]


def add(front: list[str], back: list[str]) -> None:
    """Add entries to `sys.path`, in a worker."""
    path = sys.path
    path[:0] = [entry for entry in front if entry not in path]
    path += [entry for entry in back if entry not in path]


def second(_: object, function: object) -> object:
    """Return the function."""
    return function
