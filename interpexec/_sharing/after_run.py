"""Calls for a worker that runs the program again: the last resort for what cannot be sent.

Everything that can be sent by value is. The rest is named, and the worker takes it from the
program that it has run: a class of the program that has a lock, a global that is one. These are
found by trying: the definition that was being pickled when it failed is named the next time.

In the results of such a worker all that it has from running the program is named: the maker of
the call has that, too.
"""

from _operator import getitem
from _pickle import Pickler
from types import FunctionType, ModuleType

from interpexec._core import main_module
from interpexec._sharing import pickler, rebuilding, reducers
from interpexec._sharing.by_value import ValuePickler, name_in_program
from interpexec._sharing.changes import Reads
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.importable import found_by_name, real_name
from interpexec._sharing.records import record_of
from interpexec._sharing.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._sharing.package import Packed
    from interpexec._sharing.pickler import Packer

    type Call = tuple[Callable[..., object], tuple[object, ...], dict[str, object]]


def pack(call: "Call", reason: str) -> "Packed | None":
    """Pickle a call. reason: why it cannot be sent by value alone.

    By names, if all of it has one. Returns None, or raises what pickling raises, if the program
    that is run again would not help.
    """
    fn, args, kwargs = call
    because = _Because(reason, fn), args, kwargs
    try:
        return _pack_by_names(because)
    except Exception:  # some of it has no name
        named = _Named()
    while True:
        dump = _dump_with(named)
        try:
            return pickler.pack(because, dump, lends=True)
        except Exception as error:
            if isinstance(error, RecursionError) or not named.learn():
                raise


def _pack_by_names(because: "tuple[_Because, object, object]") -> "Packed | None":
    count = 0

    def dump(obj: object, packer: "Packer") -> None:
        nonlocal count
        by_names = _ByNames(packer, 5)
        by_names.dispatch_table = reducers.table()  # type: ignore[assignment]  # it holds any recipe
        by_names.dump(obj)
        count = by_names.count

    packed = pickler.pack(because, dump, lends=True)
    return packed if count else None


class _ByNames(Pickler):
    """Names all definitions of the program."""

    count = 0

    def reducer_override(self, obj: "Any") -> "Any":
        """Say how functions and classes of the program are found where it was run."""
        if type(obj) is not FunctionType and not isinstance(obj, type):
            return NotImplemented
        if real_name(obj.__module__) != "__main__" or not found_by_name(obj):
            return NotImplemented
        self.count += 1
        return main_module.find_in_program, (obj.__qualname__,)


class _Because:
    """A function that is sent after the reason why the program must be run."""

    def __init__(self, reason: str, function: object) -> None:
        self._parts = reason, function

    def __reduce__(self) -> "tuple[object, ...]":
        """Be the function itself, for the receiver, which has run the program before."""
        reason, function = self._parts
        return getitem, ((_Run(reason), function), 1)


class _Run:
    """Runs the program, where it is unpickled."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __reduce__(self) -> "tuple[object, ...]":
        return main_module.run_for, (self._reason,)


class _Named:
    """The definitions and the globals of the program that are named in one call."""

    def __init__(self) -> None:
        self.definitions: dict[int, str] = {}
        """The names of functions and classes, by id."""
        self.globals: set[str] = set()
        self.under_way: list[object] = []
        """Functions and classes that are being pickled: the last one is part of the others."""
        self.binding: str | None = None
        """The global of the program that is being pickled."""

    def name_of(self, obj: object) -> str | None:
        """Return the name of a definition, if it is to be named."""
        return self.definitions.get(id(obj))

    def is_named(self, name: str) -> bool:
        """Say whether a global is to be named."""
        return name in self.globals

    def learn(self) -> bool:
        """Name what could not be pickled. Returns False where it has no name."""
        under_way, self.under_way = self.under_way, []
        binding, self.binding = self.binding, None
        for obj in reversed(under_way):
            name = name_in_program(obj)
            if name is not None and id(obj) not in self.definitions:
                self.definitions[id(obj)] = name
                return True
        if binding is None or binding in self.globals:
            return False
        self.globals.add(binding)
        return True


class _AllOfRun(_Named):
    """All that the program has when it has run."""

    def name_of(self, obj: object) -> str | None:
        return name_in_run(obj)

    def is_named(self, name: str) -> bool:
        return name in main_module.of_run


def name_in_run(obj: object) -> str | None:
    """Return the name of a definition that was made here when the program was run."""
    of_run = main_module.of_run
    if not _names:
        _names.update((id(value), name) for name, value in of_run.items())
    name = _names.get(id(obj))
    return name if name is not None and of_run[name] is obj else None


_names: dict[int, str] = {}
"""The names of the globals of the program just after it was run, by the ids of these."""


def for_caller(obj: object) -> "tuple[int, Packed]":
    """Return the stream of a definition, with its number, for the maker of the call."""
    return _stream(obj, _AllOfRun())[1:]


def _dump_with(named: _Named) -> "Callable[[object, Packer], None]":
    def dump(obj: object, packer: "Packer") -> None:
        call = _Call(packer, named)
        call.dispatch_table = reducers.table()  # type: ignore[assignment]  # it holds any recipe
        call.dump(obj)

    return dump


class _Call(ValuePickler):
    """Pickles the call itself."""

    def __init__(self, packer: "Packer", named: _Named) -> None:
        super().__init__(packer, 5)
        self._named = named

    def by_value(self, obj: "Any") -> "Any":
        name = self._named.name_of(obj)
        return super().by_value(obj) if name is None else (main_module.find_in_program, (name,))

    def definition(self, obj: object) -> "Any":
        record = record_of(obj)
        found = record.by_name
        if found is None or not found[0].are_unchanged():
            found = record.by_name = _stream(obj, self._named)
        return rebuilding.arrive, found[1:]


def _stream(obj: object, named: _Named) -> "tuple[Reads, int, Packed]":
    reads = Reads()

    def dump(obj: object, packer: "Packer") -> None:
        _Stream(packer, reads, named).write(obj)

    return reads, IDENTITIES.next(), pickler.pack(obj, dump, is_alone=True)


class _Stream(Stream):
    """Pickles a definition, and notes what is under way."""

    def __init__(self, packer: "Packer", reads: Reads, named: _Named) -> None:
        super().__init__(packer, reads)
        self._named = named

    def dump(self, obj: "Any") -> None:
        """Pickle the definition, or a binding of a global."""
        self._named.binding = None
        if type(obj) is tuple:
            (module, _, _, ident), name, version, _ = obj
            if module == "__main__" and not ident and version:
                self._named.binding = name
                if self._named.is_named(name):
                    obj = (*obj[:3], _OfProgram(name))
        super().dump(obj)

    def by_value(self, obj: "Any") -> "Any":
        name = self._named.name_of(obj)
        return super().by_value(obj) if name is None else (main_module.find_in_program, (name,))

    def definition(self, obj: object) -> "Any":
        if isinstance(obj, ModuleType):
            return super().definition(obj)
        under_way = self._named.under_way
        under_way.append(obj)
        make, parts, state, *_, fill = super().definition(obj)
        return make, parts, (fill, state, _End(under_way)), None, None, rebuilding.fill_with


class _OfProgram:
    """A global that the receiver takes from the program that it has run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> "tuple[object, ...]":
        return main_module.find_in_program, (self._name,)


class _End:
    """Is pickled behind the parts of a definition: they could be."""

    def __init__(self, under_way: list[object]) -> None:
        self._under_way = under_way

    def __reduce__(self) -> "tuple[object, ...]":
        self._under_way.pop()
        return bool, ()
