"""Changes to what a definition was made of: seen without pickling it again.

While a definition is pickled, each variable that it reads is noted in `Reads`: how it is read,
of what, and the object that was there. To look is to read all of them again, in C:

    get(name) is value     a global, an attribute, a cell, the parts of a function
    items are the same     a list, dictionary, set: of the very same objects
    the pickle is equal    any other object that may change in place

So rebinding is seen, and a change in place. Numbers, strings, functions, classes, modules and
what is immutable are compared by their identity alone.
"""

import sys
from _operator import call, is_
from _pickle import Pickler
from copyreg import dispatch_table
from functools import partial
from io import BytesIO

from interpexec._sharing import reducers
from interpexec._sharing.importable import spec_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

_FUNCTION, _MODULE = type(lambda: None), type(reducers)
_FIXED: frozenset[type] = frozenset(
    {
        *(int, float, complex, bool, type(None), str, bytes, range, type(...), object),
        *(property, classmethod, staticmethod, memoryview),
        *(type(NotImplemented), type(len), _FUNCTION, type(_FUNCTION.__code__)),  # type: ignore[attr-defined]
        *(type(str.upper), type(str.__add__), type(int.real), type(_FUNCTION.__globals__)),  # type: ignore[attr-defined]
        *(type(dict.__dict__["fromkeys"]), type("".__add__), type(reducers)),
    }
)
# Types of the standard library whose objects do not change, by name.
_FIXED_NAMES = frozenset(
    {
        *("datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta"),
        *("datetime.timezone", "decimal.Decimal", "fractions.Fraction", "uuid.UUID", "re.Pattern"),
        *("pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath"),
        *("pathlib._local.PosixPath", "pathlib.PureWindowsPath", "logging.Logger"),
        *("typing.TypeVar", "typing.ParamSpec", "typing.TypeVarTuple", "typing.NewType"),
        *("typing.TypeAliasType", "_operator.itemgetter", "_operator.attrgetter"),
        *("_operator.methodcaller", "functools._lru_cache_wrapper", "builtins.sentinel"),
    }
)
_CONTAINERS = frozenset({tuple, list, dict, set, frozenset, bytearray})


class Reads:
    """Variables that were read, and their values."""

    __slots__ = ("_arguments", "_expected", "_getters", "_seen")

    def __init__(self) -> None:
        self._getters: list[Callable[[Any], object]] = []
        self._arguments: list[object] = []
        self._expected: list[object] = []
        self._seen: dict[int, object] = {}  # kept alive: their ids are their names

    def note(self, getter: "Callable[[Any], object]", argument: object, expected: object) -> None:
        """Note that `getter(argument)` was this very object."""
        self._getters.append(getter)
        self._arguments.append(argument)
        self._expected.append(expected)

    def add(self, other: "Reads") -> None:
        """Note all that another one has noted."""
        self._getters += other._getters  # noqa: SLF001  # of this class
        self._arguments += other._arguments  # noqa: SLF001  # of this class
        self._expected += other._expected  # noqa: SLF001  # of this class

    def are_unchanged(self) -> bool:
        """Read all of it again, and say whether it is what it was."""
        try:
            return all(map(is_, map(call, self._getters, self._arguments), self._expected))
        except Exception:  # a cell that is empty now; or the user's classes run
            return False

    def watch(self, value: object) -> None:
        """Note what is in an object, and in the objects in it, if that may change."""
        waiting = [value]
        while waiting:
            value = waiting.pop()
            cls = type(value)
            if cls in _FIXED or isinstance(value, type) or id(value) in self._seen:
                continue
            if cls in _CONTAINERS:
                self._seen[id(value)] = value
                items = self._watch_items(value)
                if not _FIXED.issuperset(map(type, items)):
                    waiting += items
            elif not _is_fixed(cls):
                self._seen[id(value)] = value
                self._watch_pickle(value)

    def watch_module(self, value: object) -> None:
        """Note the module of something that is sent by name: that may be loaded again."""
        if type(value) is _MODULE:
            module: Any = value
        elif type(value) is _FUNCTION or isinstance(value, type):
            module = sys.modules.get(value.__module__)
        else:
            return
        name = getattr(module, "__name__", "__main__")
        is_own = name != "__main__" and name.partition(".")[0] not in sys.stdlib_module_names
        if is_own and spec_of(module) is not None:
            self.note(spec_of, module, spec_of(module))

    def _watch_items(self, value: "Any") -> "list[object]":
        if type(value) is dict:
            keys, values = [*value], [*value.values()]
            self.note(partial(_has_items, value, keys), values, True)
            return keys + values
        items = [*value]
        if type(value) not in {tuple, frozenset}:
            self.note(partial(_has, value), items, True)
        return items

    def _watch_pickle(self, value: object) -> None:
        for kind in (_Fingerprint, _PartialFingerprint):
            try:
                pickled, kept = _fingerprint(value, kind)
            except Exception:  # noqa: S112  # the user's classes run here
                continue
            self._seen |= kept
            self.note(partial(_has_pickle, value, kind), pickled, True)
            return


def watched(value: object) -> Reads | None:
    """Return what is noted of an object that may change, and of the objects in it."""
    if type(value) in _FIXED or isinstance(value, type):
        return None
    reads = Reads()
    reads.watch(value)
    return reads


def _has_items(value: "dict[object, object]", keys: list[object], values: list[object]) -> bool:
    # The keys themselves: equal ones may differ, as 1, 1.0 and True do.
    has_length = len(value) == len(keys)
    return has_length and all(map(is_, value.values(), values)) and all(map(is_, value, keys))


def _has(value: "Collection[object]", items: list[object]) -> bool:
    return len(value) == len(items) and all(map(is_, value, items))


def _has_pickle(value: object, kind: "type[_Fingerprint]", pickled: bytes) -> bool:
    return _fingerprint(value, kind)[0] == pickled


def _is_fixed(cls: type) -> bool:
    """Say whether objects of a type do not change, or are shared and not copied."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    if name in _FIXED_NAMES or type(cls).__name__ == "EnumType":
        return True
    return cls in reducers.registered or any("__share__" in vars(base) for base in cls.__mro__)


def _fingerprint(value: object, kind: "type[_Fingerprint]") -> "tuple[bytes, dict[int, object]]":
    """Return a pickle of an object, without the functions and classes in it.

    And the objects, by their ids, that are only named in it.
    """
    file, kept = BytesIO(), dict[int, object]()
    kind(file, kept).dump(value)
    return file.getvalue(), kept


class _Fingerprint(Pickler):
    """Names functions, classes and modules only: these have reads of their own."""

    def __init__(self, file: BytesIO, kept: dict[int, object]) -> None:
        super().__init__(file, 5)
        self._kept = kept

    def persistent_id(self, obj: object) -> "int | None":
        """Return what stands for an object."""
        if isinstance(obj, type) or type(obj) in _FIXED_BUT_PLAIN:
            return id(obj)
        return None


class _PartialFingerprint(_Fingerprint):
    """Only names, too, what pickle cannot take: a lock that is shared, a context variable."""

    def reducer_override(self, obj: "Any") -> "tuple[Any, ...]":
        """Return what pickle is to take of an object."""
        cls = type(obj)
        if cls is _PROXY:
            return dict, (dict(obj),)
        reduced: object = None
        if not _is_fixed(cls):
            try:
                reducer = dispatch_table.get(cls)
                reduced = obj.__reduce_ex__(5) if reducer is None else reducer(obj)
            except Exception:  # the user's classes run here
                reduced = None
        if isinstance(reduced, tuple):
            return reduced
        self._kept[id(obj)] = obj
        return id, (id(obj),)


_PROXY = type(vars(object))
_FIXED_BUT_PLAIN = _FIXED - {int, float, complex, bool, type(None), str, bytes, range}
