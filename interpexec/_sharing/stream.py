"""The stream of a definition: the function or class, and the globals that its code needs.

It is a row of pickles with one memo: so an object that two of them refer to is one object in the
receiver. Each part has a key, or a name, and a version: a new one when the part has changed since
it was sent before.
"""

import copyreg
import sys
import types
from _functools import partial

from interpexec._core.cpython import own_builtins
from interpexec._core.error_text import of_users
from interpexec._sharing import (
    annotations,
    classes,
    functions,
    imports_inside,
    new_classes,
    rebuilding,
    reducers,
    source_texts,
)
from interpexec._sharing.by_value import (
    ValuePickler,
    name_in_program,
    owner_of,
    place_of,
)
from interpexec._sharing.changes import Reads
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.names_read import names_of
from interpexec._sharing.records import namespace_of, namespace_of_module, read, record_of
from interpexec._sharing.unsendable import UnsendableError

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sized
    from typing import Any

    from interpexec._core.known_source import Key
    from interpexec._sharing.pickler import Packer
    from interpexec._sharing.rebuilding import Space

    type User = tuple[str, types.CodeType | None]
    """The user of a global: its name, and its code."""

_MODULE = types.ModuleType


class Stream(ValuePickler):
    """Writes a definition and the globals that it needs: a row of pickles with one memo."""

    makes_sentinels = True
    has_annotations = True

    def __init__(self, packer: "Packer", reads: Reads) -> None:
        """Begin. reads: gets all that is read."""
        super().__init__(packer, 5)
        self._root: object = None
        self.dispatch_table = reducers.table()  # type: ignore[assignment]  # it holds any recipe
        self._reads = reads
        self._begun: set[type] = set()
        self._needed: set[tuple[int, str]] = set()
        self._imported: set[str] = set()
        self._modules: dict[int, Any] = {}  # that no receiver can import, by their ids
        self._mentioned: set[str] = set()  # in all code of it
        self._globals: list[tuple[Space, str, int, object, User]] = []
        self._sources: set[Key] = set()

    def write(self, root: "Any") -> None:
        """Write all of it."""
        self._root = root
        self.dump(root)
        if (name := name_in_program(root)) is not None:
            main = vars(sys.modules["__main__"])
            self._need(main, name, frozenset(), (f"the program's {name!r}", None))
        while self._globals or self._reach():
            *binding, user = self._globals.pop()
            try:
                self.dump(tuple(binding))
            except Exception as error:
                _, what, _, value = binding
                text, code = user
                message = text, f"the global {what!r}", value
                raise UnsendableError(*message, error, code) from of_users(error)
        self.dump(None)
        registered = len(copyreg.dispatch_table)
        if (
            self._begun and registered < functions.FEW
        ):  # another one may be of a class that was sent
            self._reads.note(len, copyreg.dispatch_table, registered)

    def definition(self, obj: object) -> "Any":
        """Write the parts of a function or a class."""
        if isinstance(obj, _MODULE):
            return self._module(obj)
        return self._class(obj) if isinstance(obj, type) else self._function(obj)

    def reducer_override(self, obj: object) -> "Any":
        """Say how members of an enumeration are sent that is being sent itself."""
        cls = type(obj)
        if cls in self._begun and classes.is_enumeration(cls):
            data = classes.data_of(obj)  # type: ignore[arg-type]  # it is one
            name, value = obj.__dict__.get("_name_"), obj.__dict__.get("_value_")
            return new_classes.raw_member, (cls, name, value, data), obj.__dict__
        return super().reducer_override(obj)

    def by_value(self, obj: "Any") -> "Any":
        # The methods and classes of a class that is under way are among its attributes.
        if owner_of(obj)[0] in self._begun:
            return self.definition(obj)
        return super().by_value(obj)

    # -- functions

    def _function(self, function: "Any") -> "Any":
        code, namespace = function.__code__, namespace_of(function.__globals__)
        name, key = name_in_program(function), IDENTITIES.key_of(function)
        record = record_of(function)
        record.namespace, space = namespace, namespace.space()
        reader = partial(functions.parts_of, function, has_annotations=self.has_annotations)
        parts, read_at = read(reader)
        self._need_globals(function, space, parts)
        self._offer_source(function)
        names, changed, *_ = names_of(code)
        if functions.takes_module(function.__globals__, space, names, changed):
            space = space[0], space[1], True, 0
        watched = functions.watched_parts(function, parts)
        # The definition of a function looks for itself, and keeps nothing alive.
        functions.note_reads(function, watched, self._reads, is_root=function is self._root)
        versions = record.update(key, watched, read_at)
        pickled = functions.pickled_parts(function, parts)
        return (
            rebuilding.obtain_function,
            (key, name, pickled["__code__"], space, function.__closure__),
            (key, *versions, pickled),
            None,
            None,
            rebuilding.fill_function,
        )

    def _offer_source(self, function: "Any") -> None:
        """Tell the receiver of source that is in no file."""
        offer = source_texts.offer_of(function.__code__, function.__globals__)
        if offer is not None and offer[0] not in self._sources:
            self._sources.add(offer[0])
            self._globals.append((_NOWHERE, "", rebuilding.OFFERED, offer, ("", None)))

    def _need_globals(self, function: "Any", space: "Space", parts: "dict[str | int, Any]") -> None:
        """Have the globals be sent that a function reads, if they are not those of a module."""
        globals_ = function.__globals__
        names, changed, mentioned, imported = names_of(function.__code__)
        self._mentioned |= mentioned
        if imported:
            self._provide(imports_inside.modules_for(imported, globals_))
        for name, value in parts.items():
            if type(name) is int and type(value) is _MODULE:
                self._import_parts(value, mentioned)
        if functions.takes_module(globals_, space, names, changed):
            return
        if self.has_annotations:
            names |= annotations.named_by_function(function)
        user = f"function {function.__qualname__!r}", function.__code__
        for each in names:
            self._need(globals_, each, mentioned, user)

    def _need(
        self, globals_: "dict[str, Any]", name: str, mentioned: frozenset[str], user: "User"
    ) -> None:
        """Have a global be sent, too, if there is one."""
        if name == "__builtins__":
            return
        imports_inside.import_lazy(globals_, name)
        value, read_at = read(partial(globals_.get, name, _ABSENT))
        if type(value) is _MODULE:
            self._import_parts(value, mentioned)
        if (id(globals_), name) in self._needed:
            return
        self._needed.add((id(globals_), name))
        reads, namespace = Reads(), namespace_of(globals_)
        if value is _ABSENT or value is None:
            reads.note(globals_.__contains__, name, value is None)
        if value is not _ABSENT:
            reads.note(globals_.get, name, value)
            reads.watch(value)
            reads.watch_module(value)
        if value is not _ABSENT or namespace.was_sent(name):
            version = namespace.version(name, reads, read_at)
            sent = rebuilding.absent if value is _ABSENT else value
            self._globals.append((namespace.space(), name, version, sent, user))
        self._reads.add(reads)

    def _import_parts(self, package: "Any", mentioned: frozenset[str]) -> None:
        """Have modules of a package be imported that are reached by its name."""
        if not hasattr(package, "__path__"):
            return
        prefix = f"{package.__name__}."
        imports_inside.import_lazy_parts(prefix, mentioned)
        for name, module in [*sys.modules.items()]:
            if (
                name.startswith(prefix)
                and module is not None
                and name not in self._imported
                and mentioned.issuperset(name.removeprefix(prefix).split("."))
            ):
                self._imported.add(name)
                self._globals.append((_NOWHERE, name, 0, module, (f"module {name!r}", None)))

    def _provide(self, modules: "Iterable[tuple[str, types.ModuleType | None]]") -> None:
        """Have modules be made that code imports, and that no receiver finds."""
        for name, module in modules:
            self._reads.note(sys.modules.get, name, module)
            if module is not None and name not in self._imported:
                self._imported.add(name)
                provided = imports_inside.Provided(name, module)
                self._globals.append((_NOWHERE, name, 0, provided, (f"import {name}", None)))

    # -- modules

    def module(self, module: "Any") -> "Any":
        """Return what imports a module, or makes one; or the program's own, which is there."""
        if module.__name__ == "__main__":
            self._modules[id(module)] = module
        return super().module(module)

    def _module(self, module: "Any") -> "Any":
        """Have a module be made in the receiver. It gets the globals that `_reach` finds."""
        self._modules[id(module)] = module
        space = namespace_of_module(module).space()
        return rebuilding.obtain_module, (IDENTITIES.key_of(module), space)

    def _reach(self) -> bool:
        """Have globals of modules be sent that the code mentions; say if there are any.

        Code may reach a module in any way (`PLUGINS[name].run()`), so the names decide.
        """
        for module in [*self._modules.values()]:
            globals_ = vars(module)
            mentioned = globals_.keys() if module is self._root else self._mentioned | _BY_NAME
            user = f"module {module.__name__!r}", None
            if module.__name__ != "__main__":
                self._reads.note(partial(_has_length, globals_), len(globals_), True)
            for name in (globals_.keys() & mentioned) - _OWN_OF_MODULE:
                self._need(globals_, name, frozenset(self._mentioned), user)
        return bool(self._globals)

    # -- classes

    def _class(self, cls: "Any") -> "Any":
        self._begun.add(cls)
        place, key = place_of(cls), IDENTITIES.key_of(cls)
        attributes, read_at = read(partial(classes.attributes_of, cls))
        if not self.has_annotations:
            for each in annotations.NAMES:
                attributes.pop(each, None)
        else:
            self._need_named(cls)
        registered = classes.registered_with(cls)
        watched = classes.watched_parts(cls, attributes, registered)
        classes.note_reads(cls, watched, self._reads)
        versions = record_of(cls).update(key, watched, read_at)
        self._register(cls)
        return (
            new_classes.obtain_class,
            (key, place, type(cls), cls.__name__, cls.__bases__, classes.body_of(cls)),
            (key, *versions, attributes, registered),
            None,
            None,
            new_classes.fill_class,
        )

    def _register(self, cls: type) -> None:
        """Have the receiver reduce objects of a class as was registered here."""
        reducer = copyreg.dispatch_table.get(cls)
        if reducer is not None:
            self._reads.note(copyreg.dispatch_table.get, cls, reducer)
            sent = new_classes.Registration(cls, reducer)
            what = f"copyreg.dispatch_table[{cls.__qualname__}]"
            user = f"class {cls.__qualname__!r}", None
            self._globals.append((_NOWHERE, what, 0, sent, user))

    def _need_named(self, cls: type) -> None:
        """Have the classes be sent that annotations name, which are evaluated later."""
        globals_, names = annotations.named_by_class(cls)
        for name in names:
            self._need(globals_, name, frozenset(), (f"class {cls.__name__!r}", None))


_BY_NAME = frozenset({"__getattr__"})  # of a module: called for other names
_OWN_OF_MODULE = frozenset(
    {
        *("__name__", "__package__", "__builtins__", "__cached__"),
        *("__loader__", "__spec__", "__path__", rebuilding.NAMESPACE),
    }
)
_ABSENT = object()
_NOWHERE: "Space" = ("", None, False, 0)


def _has_length(container: "Sized", length: int) -> bool:
    return len(container) == length
