"""Definitions that have arrived: functions and classes, made from their parts.

    the sender's `definitions` -> number, stream -> arrive() -> the function, or the class

A stream is a row of pickles with one memo: the definition, then each global that its code reads.
It is unpickled once in each interpreter; its number says that it was. Each object in it has a key,
and a version, so an object that another stream has brought is left alone: it is the worker's
now, and lives on. It is changed only where the sender has changed it since.

    obtain_*    the object that has this key, or a new one, still empty
    fill_*      what is in it, when everything that refers to it can find it

An interpreter's own objects have keys, too: what comes back is the object that was sent.

A worker imports this when the first definition arrives.
"""

import _io  # `io` is not in a bare interpreter
import marshal
import sys
from _functools import partial
from _pickle import Unpickler
from _thread import RLock
from _weakref import ref

from interpexec._core import main_module
from interpexec._core.cpython import PLAIN, own_builtins
from interpexec._sharing import identities
from interpexec._sharing.identities import IDENTITIES, OWN, Recent, codes, is_newer, same

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Iterable
    from types import CellType, CodeType, FunctionType, ModuleType
    from typing import Any

    from interpexec._core.known_source import Key
    from interpexec._sharing.identities import Changed, Text
    from interpexec._sharing.package import Packed

    type Space = tuple[str, str | None, bool, int]
    """Globals: a module's name, its package, whether it is to be imported; and a number that
    tells them from others of this name, or 0: the module's own."""

_FUNCTION: "type[FunctionType]" = type(lambda: None)  # type: ignore[assignment]  # without `types`
_CELL: "type[CellType]" = type((lambda n: lambda: n)(0).__closure__[0])  # type: ignore[index]  # noqa: PLC3002  # the shortest way

_MOST_KEPT = 1024  # code objects, definitions
_MOST_BYTES = 1 << 23  # of streams whose definitions are kept

# `__main__` of a worker has these from the beginning; they are the sender's all the same.
_ALWAYS_SET = frozenset({"__name__", "__doc__", "__file__", "__package__"})

_arrived: dict[int, object] = {}  # definitions of calls, by the number of the stream
_weights: dict[int, int] = {}  # how long these streams were
_weight = [0]  # all of them together
_last: dict[int, int] = Recent(_MOST_KEPT)  # by the id of a definition: the last stream of it
_came_back: "dict[int, ref[Any]]" = Recent(_MOST_KEPT)  # definitions of results and messages
_spaces: "dict[Space, Callable[[], Namespace | None]]" = Recent(_MOST_KEPT)

OFFERED = -1  # the version of a binding that tells where a source is: see `source_texts`

# The thread that loads holds it: objects that one thread has filled are whole for the others.
_lock = RLock()
_updates = [False]  # whether what is here already is to be changed


def arrive(number: int, stream: "Packed", gone: bytes = b"") -> object:
    """Return the definition of a call, with the changes that were made since an earlier one.

    Threads of the caller may send several at once, in any order: the latest change stays.
    gone: the keys of functions and classes that are no more, and will not be sent again.
    """
    found = _arrived.get(number)
    if found is None or _last.get(id(found)) != number:
        found = _load(number, stream, updates=True)
        if (before := _last.get(id(found))) != number and before is not None:
            _drop(before)
        _last[id(found)] = number
        for key in memoryview(gone).cast("Q"):
            _drop(_last.get(id(IDENTITIES.get(key)), 0))
    return found


def arrive_back(number: int, stream: "Packed") -> object:
    """Return the definition of a result or a message: it changes nothing that is here.

    It is not kept alive: its sender has one, and sends it again.
    """
    known = _came_back.get(number)
    found = None if known is None else known()
    if found is None:
        found = _load(number, stream, updates=False)
        if type(found) is _FUNCTION or isinstance(found, type):
            _came_back[number] = ref(found)
    return found


def _load(number: int, stream: "Packed", *, updates: bool) -> object:
    with _lock:
        before, _updates[0] = _updates[0], updates
        try:
            if isinstance(stream, bytes | memoryview):
                found = _loads(stream)
            else:
                found = stream.load(_loads)
        finally:
            _updates[0] = before
        # A definition with out-of-band data, a socket, say, is let go of when the call ends.
        if updates and isinstance(stream, bytes | memoryview):
            _keep(number, found, len(stream))
    return found


def _keep(number: int, found: object, weight: int) -> None:
    """Keep the definitions that have come last: the next call may be of one of them."""
    _weight[0] += weight - _weights.pop(number, 0)
    _arrived[number], _weights[number] = found, weight
    while len(_weights) > _MOST_KEPT or (_weight[0] > _MOST_BYTES and len(_weights) > 1):
        _drop(next(iter(_weights)))


def _drop(number: int) -> None:
    """Keep a definition no longer."""
    with _lock:
        _weight[0] -= _weights.pop(number, 0)
        _arrived.pop(number, None)


def _forget(before: "dict[str, object]") -> None:
    """Let what the program defines when it is run here take the places of what has come.

    Globals that it has not set stay, with the state that calls have left in them; definitions
    come again. before: the globals before the run.
    """
    globals_, of_run = vars(sys.modules["__main__"]), main_module.of_run
    gone = {name for name, value in before.items() if name in of_run or IDENTITIES.has(value)}
    for name in gone - of_run.keys():
        globals_.pop(name, None)
    namespaces = [(space, found()) for space, found in _spaces.items()]
    IDENTITIES.clear()
    _arrived.clear()
    _last.clear()
    _came_back.clear()
    _weights.clear()
    _weight[0] = 0
    _spaces.clear()
    for space, found in namespaces:
        if found is not None and found.globals is globals_:
            for name in gone:
                found.versions.pop(name, None)
            _spaces[space] = partial(same, found)


main_module.when_run.append(_forget)


def _loads(stream: "Buffer", /, *, buffers: "Iterable[Any] | None" = None) -> object:
    """Unpickle a stream: see `definitions`."""
    unpickler = _Unpickler(_io.BytesIO(stream), buffers=buffers)
    root = unpickler.load()
    while (binding := unpickler.load()) is not None:
        _bind(*binding)
    return root


class _Unpickler(Unpickler):
    """Puts something in the place of what cannot be imported: most of it is never used."""

    def find_class(self, module_name: str, global_name: str, /) -> object:
        try:
            return super().find_class(module_name, global_name)
        except ImportError as error:
            return _unavailable(f"{module_name}.{global_name}", error)


def _unavailable(name: str, error: ImportError) -> object:
    from interpexec._sharing import unavailable  # most modules can be imported

    return unavailable.Unavailable(name, error)


# -- globals ------------------------------------------------------------------------


class Namespace:
    """The globals of functions, and the versions of those that have come."""

    __slots__ = ("__weakref__", "globals", "module", "versions")

    def __init__(self, module: "ModuleType") -> None:
        self.module = module
        self.globals = vars(module)
        self.versions: dict[str, int] = {}


NAMESPACE = "__interpexec_namespace__"
"""The global that keeps a `Namespace`, where the globals are no module's."""


def namespace(space: "Space") -> Namespace:
    """Return the globals of functions."""
    known = _spaces.get(space)
    found = None if known is None else known()
    if found is None:
        found = Namespace(_module_of(space))
        if space[-1]:  # it goes with the functions
            found.globals[NAMESPACE] = found
            _spaces[space] = ref(found)
        else:
            _spaces[space] = partial(same, found)
    return found


def _module_of(space: "Space") -> "ModuleType":
    name, package, is_imported, ident = space
    if is_imported:
        __import__(name)
    module = sys.modules.get(name)
    is_module = is_imported or (not ident and (name == "__main__" or not main_module.is_worker()))
    if is_module and module is not None:
        if package is not None and main_module.is_worker():
            vars(module)["__package__"] = package
        return module
    import builtins  # of most functions the globals are a module's

    made: Any = type(sys)(name)
    # A loader and a spec that say nothing make 3.15 warn in every traceback.
    del made.__loader__, made.__spec__
    vars(made).update(__package__=package, __builtins__=builtins)
    return made  # type: ignore[no-any-return]  # a module


def _bind(space: "Space", name: str, version: int, value: object) -> None:
    """Set a global, unless that was done already: it belongs to this interpreter then."""
    if version == 0:
        return  # a module that is only to be imported
    if version == OFFERED:
        _take_source(*value)  # type: ignore[misc]  # a key and a text
        return
    found = namespace(space)
    globals_, versions = found.globals, found.versions
    known = versions.get(name)
    if known is not None and not is_newer(version, known):
        return
    if known is None:
        may_set = name not in globals_ or (name in _ALWAYS_SET and main_module.is_worker())
        may_set = may_set or _is_of_run(globals_, name, value)
    else:
        may_set = _updates[0]
    if may_set:
        if value is absent:
            globals_.pop(name, None)
        else:
            globals_[name] = value
    versions[name] = version


def _is_of_run(globals_: "dict[str, Any]", name: str, value: object) -> bool:
    """Say whether a global is a plain value that the program's run here has left, unchanged.

    Then the caller's value takes its place: it may have been changed there since.
    """
    of_run = main_module.of_run.get(name, absent)
    is_plain = type(value) in PLAIN and type(of_run) in PLAIN
    return is_plain and globals_ is vars(sys.modules["__main__"]) and globals_[name] is of_run


def _take_source(key: "Key", text: "Text") -> None:
    """Learn where a source is, for calls that ask. A worker does; the maker of calls has it."""
    if main_module.is_worker():
        identities.sources[key] = text
        if len(identities.sources) == 1 or "linecache" in sys.modules:
            main_module.when_imported("linecache", _register_sources)


def _register_sources(linecache: "ModuleType") -> None:
    from interpexec._sharing import source_texts  # few calls ask

    source_texts.register_all(linecache)


def absent() -> None:
    """Stand for a global that the sender has deleted."""


def find_module(name: str) -> object:
    """Import a module. When that fails, what uses it gets the error."""
    if name == "__main__":
        return sys.modules[name]
    try:
        __import__(name)
    except ImportError as error:
        return _unavailable(name, error)
    return sys.modules[name]


def obtain_module(key: int, space: "Space") -> object:
    """Return a module that cannot be imported: its globals come as code mentions them."""
    found = IDENTITIES.get(key)
    if found is None:
        found = namespace(space).module
        register(key, found)
    return found


# -- functions ----------------------------------------------------------------------


def obtained(key: int, name: str | None) -> object:
    """Return what has a key here already, or the program's own definition; or None.

    name: by which it is found in `__main__`, if it is.
    """
    found = IDENTITIES.get(key)
    if found is None and name in main_module.of_run:
        return vars(sys.modules["__main__"]).get(name)
    return found


def register(key: int, obj: object) -> None:
    """Let an object that was made here have a key."""
    IDENTITIES.set(key, obj)


def names_to_fill(
    obj: object, key: int, base: int, changed: "Changed", parts: "dict[Any, Any]"
) -> "Iterable[Any]":
    """Return the names of the parts of an object that are to be set, or deleted.

    All, if it is new; otherwise those that the sender has changed since they came.
    """
    if IDENTITIES.get(key) is not obj:
        return ()
    known = IDENTITIES.versions.get(key)
    if known is not None and (known == OWN or not _updates[0]):
        return ()
    if not known or known[0] != base:
        IDENTITIES.versions[key] = base, changed
        return [*parts]
    before = known[1]
    newer = {name: each for name, each in changed.items() if is_newer(each, before.get(name, base))}
    IDENTITIES.versions[key] = base, before | newer
    return newer


def obtain_function(
    key: int, name: str | None, code: bytes, space: "Space", cells: "tuple[CellType, ...] | None"
) -> object:
    """Return a function, over the globals of its module."""
    found = obtained(key, name)
    if found is None:
        found = _FUNCTION(code_of(code), namespace(space).globals, closure=cells)
        register(key, found)
    return found


def code_of(pickled: bytes) -> "CodeType":
    code: CodeType | None = codes.get(pickled)
    if code is None:
        code = codes[pickled] = marshal.loads(pickled)  # noqa: S302  # our own bytes
    return code


def fill_function(function: "Any", state: "tuple[int, int, Changed, dict[str | int, Any]]") -> None:
    """Give a function its variables and attributes."""
    key, base, changed, parts = state
    for name in names_to_fill(function, key, base, changed, parts):
        if type(name) is int:
            _set_cell(function.__closure__[name], parts, name)
        elif name == "__code__":
            function.__code__ = code_of(parts[name])
        elif name in parts:
            setattr(function, name, parts[name])
        elif name in function.__dict__:
            delattr(function, name)


def _set_cell(cell: "CellType", parts: "dict[str | int, Any]", index: int) -> None:
    if index in parts:
        cell.cell_contents = parts[index]
    else:
        del cell.cell_contents


def fill_with(obj: object, state: "tuple[Callable[[object, Any], None], Any, object]") -> None:
    """Fill a function or a class by another function."""
    fill, parts, _ = state
    fill(obj, parts)


def make_cell() -> "CellType":
    """Return a new cell, for one or more functions."""
    return _CELL()
