"""How objects of each type are reduced, when they are packed for another interpreter.

Pickle asks the table by an object's type. The table is filled as types are met: types that
have the protocol (`__share__`), were registered, exceptions (`exceptions`), and sockets, files
and views of memory (`stdlib_types`) get a reducer of this package. For all other types the
table holds C code that does what pickle does by itself. So a list of 100,000 objects costs what
it costs pickle: no Python code runs for each of them.
"""

import copyreg
from _operator import methodcaller
from _pickle import Pickler
from _thread import get_ident

from interpexec._core import main_module
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._sharing import packing
from interpexec._sharing.importable import is_by_name, is_importable

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from _typeshed import SupportsWrite

    type Reducer = Callable[[Any], object]

registered: "dict[type, Reducer]" = {}
"""The reducers that were added by `interpexec.sharing.register`, by type."""

# Does what pickle itself does with a type that is in no table. A C function: a table made of
# these is as fast as none.
_BY_PICKLE = methodcaller("__reduce_ex__", 5)

_MOST_TYPES = 4096  # in the table

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: other types are there as long as the process

# The types that `stdlib_types` knows, by name: it is imported when one of them is met.
_STDLIB_TYPES = frozenset(
    {
        "builtins.memoryview",
        "mmap.mmap",
        "socket.socket",
        "multiprocessing.connection.Connection",
        "_io.FileIO",
        "_io.BufferedReader",
        "_io.BufferedWriter",
        "_io.BufferedRandom",
        "_io.TextIOWrapper",
        "tempfile._TemporaryFileWrapper",
    }
)

_LOOP_MODULES = frozenset({"asyncio.locks", "asyncio.queues"})
"""Modules with classes of which copies are of no use."""


class _Table(dict[type, "Reducer"]):
    """The reducers of all types that were met so far."""

    def __init__(self) -> None:
        self.known = dict(copyreg.dispatch_table)
        super().__init__(self.known)
        self.update(registered)

    def __missing__(self, cls: type) -> "Reducer":
        """Find out how objects of a type are reduced, and remember it."""
        if issubclass(cls, type):
            raise KeyError(cls)  # a class: it is sent by its name
        if len(self) > _MOST_TYPES:
            self.clear()
            self.update(self.known | registered)
        reducer = self[cls] = _reducer_of(cls)
        if cls.__flags__ & _HEAP_TYPE and not is_by_name(cls):
            passing.append(cls)
        return reducer


def _reducer_of(cls: type) -> "Reducer":
    reducer = _own_reducer_of(cls)
    if reducer is not _BY_PICKLE or main_module.is_worker():
        return reducer
    is_program = cls.__module__ == "__main__" or not is_importable(cls.__module__)
    return _reduce_of_program if is_program else reducer


def _reduce_of_program(obj: object) -> object:
    """Reduce an object of a class that a worker cannot import.

    Raises NotShareableError where classes are not sent by value: nothing more is pickled then.
    """
    packer = packing.by_thread.get(get_ident())
    if packer is not None and not packer.takes_program:
        message = f"{type(obj).__qualname__} is a class of the program"
        raise NotShareableError(message)
    return _BY_PICKLE(obj)


def _own_reducer_of(cls: type) -> "Reducer":
    if f"{cls.__module__}.{cls.__qualname__}" in _STDLIB_TYPES:
        from interpexec._sharing import stdlib_types  # few calls need them

        return stdlib_types.reducer_of(cls) or _BY_PICKLE
    if any("__share__" in vars(base) for base in cls.__mro__):
        return _reduce_by_protocol
    if cls is object:
        from interpexec._sharing import sentinels  # few programs have any

        return sentinels.reduce
    if issubclass(cls, BaseException):
        from interpexec._sharing import exceptions  # most workers never fail

        return _BY_PICKLE if exceptions.has_own_reduce(cls) else exceptions.reduce
    if any(base.__module__ in _LOOP_MODULES for base in cls.__mro__):
        from interpexec._sharing import hints  # few programs send one

        return _refuse if hints.is_bound_to_loop(cls) else _BY_PICKLE
    return _BY_PICKLE


def _refuse(obj: object) -> "tuple[object, ...]":
    """Refuse an object that pickle would copy, where a copy is of no use. See `hints`."""
    message = f"a {type(obj).__qualname__} is of use to one event loop only"
    raise NotShareableError(message)


def _reduce_by_protocol(obj: "Any") -> "tuple[object, ...]":
    cls = type(obj)
    if not callable(getattr(cls, "__unshare__", None)):
        message = f"{cls.__qualname__} has a __share__, but no class method __unshare__(token)"
        raise NotShareableError(message)
    return unshare, (cls, checked(cls, obj.__share__()))


def unshare(cls: "Any", token: bytes) -> object:
    """Make an object from the bytes that its `__share__` has given."""
    return cls.__unshare__(token)


def checked(cls: type, token: object) -> bytes:
    """Return what a share function has returned, which must be `bytes`."""
    if type(token) is not bytes:
        message = f"sharing a {cls.__qualname__} must give bytes, not {type(token).__qualname__}"
        raise NotShareableError(message)
    return token


_table = _Table()

passing: list[type] = []
"""Types that nobody can import: a class may be made for one call. See `let_pass`."""


def let_pass() -> None:
    """Forget the types that may come and go: the object that had them was packed."""
    while passing:
        try:
            _table.pop(passing.pop(), None)
        except IndexError:  # another thread was here
            return


def table() -> _Table:
    """Return the table, which follows `copyreg`'s."""
    global _table  # noqa: PLW0603  # one for each interpreter
    if _table.known != copyreg.dispatch_table:
        _table = _Table()
    return _table


def forget_types() -> None:
    """Look each type up anew: something was registered."""
    global _table  # noqa: PLW0603  # one for each interpreter
    _table = _Table()


def dump(obj: object, file: "SupportsWrite[bytes]") -> None:
    """Pickle an object by the table; functions and classes by their names."""
    pickler = Pickler(file, 5)
    pickler.dispatch_table = table()  # type: ignore[assignment]  # it holds any recipe
    pickler.dump(obj)
