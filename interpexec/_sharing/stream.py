"""The stream of a definition: the function or class, and the globals that its code needs.

It is a row of pickles with one memo: so an object that two of them refer to is one object in the
receiver. Each part has a key, or a name, and a version: a new one when the part has changed since
it was sent before.
"""

import marshal
import sys
import types
from _functools import partial
from _operator import attrgetter
from itertools import repeat

from interpexec._core.cpython import own_builtins
from interpexec._core.error_text import of_users
from interpexec._sharing import annotations, classes, loading, new_classes, rebuilding, reducers
from interpexec._sharing.by_value import (
    ValuePickler,
    found_by_name,
    is_by_name,
    name_in_program,
    owner_of,
    place_of,
)
from interpexec._sharing.changes import Reads
from interpexec._sharing.identities import HERE, IDENTITIES, OWN, Recent
from interpexec._sharing.importable import is_importable, real_name
from interpexec._sharing.names_read import names_of
from interpexec._sharing.unsendable import UnsendableError

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sized
    from typing import Any

    from interpexec._sharing.pickler import Packer
    from interpexec._sharing.rebuilding import Space

_FUNCTION, _MODULE = types.FunctionType, types.ModuleType

ATTRIBUTE = "__interpexec_definition__"
"""The attribute of a function without a name that has its definition."""

_get_code, _get_cell = attrgetter("__code__"), attrgetter("cell_contents")
_get_defaults, _get_kwdefaults = attrgetter("__defaults__"), attrgetter("__kwdefaults__")

_versions: "dict[object, tuple[int, int, Reads]]" = Recent(1 << 14)
"""The key and the version of named definitions, and of globals, with their `Reads`."""


def _version(where: object, key: int, reads: Reads) -> int:
    """Return the version of a part: the one it had, if nothing of it has changed.

    where: by what it is found: a definition in `__main__` by its name; None: it has none.
    """
    known = _versions.get(where)
    if known is not None and known[0] == key and known[2].are_unchanged():
        return known[1]
    version = IDENTITIES.next()
    if known is None:
        received = IDENTITIES.versions.get(key, OWN)
        version = version if received == OWN else received
    if where is not None:
        _versions[where] = key, version, reads
    return version


class Stream(ValuePickler):
    """Writes a definition and the globals that it needs: a row of pickles with one memo."""

    makes_sentinels = True
    _has_annotations = True

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
        self._globals: list[tuple[Space, str, int, object, str]] = []

    def write(self, root: "Any") -> None:
        """Write all of it."""
        self._root = root
        self.dump(root)
        if (name := name_in_program(root)) is not None:
            main = vars(sys.modules["__main__"])
            self._need(main, _space_of(main), name, frozenset(), f"the program's {name!r}")
        while self._globals or self._reach():
            *binding, user = self._globals.pop()
            try:
                self.dump(tuple(binding))
            except Exception as error:
                _, what, _, value = binding
                message = user, f"the global {what!r}", value
                raise UnsendableError(*message, error) from of_users(error)
        self.dump(None)

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
        code, space = function.__code__, _space_of(function.__globals__)
        name, key = name_in_program(function), IDENTITIES.key_of(function)
        reads = Reads()
        cells = function.__closure__ or ()
        contents = tuple(map(_content, cells, code.co_freevars, repeat(code), repeat(reads)))
        attributes, items = _attributes_of(function, reads)
        if self._has_annotations:
            attributes |= annotations.of_function(function)
        names, changed, mentioned = names_of(code)
        self._mentioned |= mentioned
        for content in contents:
            if content and type(content[0]) is _MODULE:
                self._import_parts(content[0], mentioned)
        if self._takes_module(function.__globals__, space, names, changed):
            space = space[0], space[1], True, 0
        else:
            user = f"function {function.__qualname__!r}"
            if self._has_annotations:
                names |= annotations.named_by_function(function)
            for each in names:
                self._need(function.__globals__, space, each, mentioned, user)
        # The definition of a function without a name looks for itself, and keeps nothing alive.
        if name is not None or function is not self._root:
            for get in (_get_code, _get_defaults, _get_kwdefaults):
                reads.note(get, function, get(function))
        version = _version(name, key, reads)
        self._reads.add(reads)
        pickled = marshal.dumps(code)
        return (
            rebuilding.obtain_function,
            (key, name, pickled, space, cells),
            (key, version, pickled, contents, attributes, items),
            None,
            None,
            rebuilding.fill_function,
        )

    @staticmethod
    def _takes_module(
        globals_: "dict[str, Any]",
        space: "Space",
        names: frozenset[str],
        changed: frozenset[str],
    ) -> bool:
        """Say whether a function is to have the globals of a module that is imported.

        Where they may change there; but no module is imported for constants alone.
        """
        module = sys.modules.get(space[0])
        if space[0] == "__main__" or module is None or vars(module) is not globals_:
            return False
        if not is_importable(space[0]):
            return False
        values = (globals_[name] for name in names if name in globals_)
        return bool(changed) or not all(map(_is_constant, values))

    def _need(
        self,
        globals_: "dict[str, Any]",
        space: "Space",
        name: str,
        mentioned: frozenset[str],
        user: str,
    ) -> None:
        """Have a global be sent, too, if there is one."""
        if name == "__builtins__":
            return
        value = globals_.get(name, _ABSENT)
        if type(value) is _MODULE:
            self._import_parts(value, mentioned)
        if (id(globals_), name) in self._needed:
            return
        self._needed.add((id(globals_), name))
        reads = Reads()
        where = id(globals_), name
        if value is _ABSENT or value is None:
            reads.note(globals_.__contains__, name, value is None)
        if value is not _ABSENT:
            reads.note(globals_.get, name, value)
            reads.watch(value)
        if value is not _ABSENT or where in _versions:
            version = _version(where, 0, reads)
            sent = rebuilding.absent if value is _ABSENT else value
            self._globals.append((space, name, version, sent, user))
        self._reads.add(reads)

    def _import_parts(self, package: "Any", mentioned: frozenset[str]) -> None:
        """Have modules of a package be imported that are reached by its name."""
        if not hasattr(package, "__path__"):
            return
        prefix = f"{package.__name__}."
        for name, module in [*sys.modules.items()]:
            if (
                name.startswith(prefix)
                and module is not None
                and name not in self._imported
                and mentioned.issuperset(name.removeprefix(prefix).split("."))
            ):
                self._imported.add(name)
                self._globals.append((_NOWHERE, name, 0, module, f"module {name!r}"))

    # -- modules

    def module(self, module: "Any") -> "Any":
        """Return what imports a module, or makes one; or the program's own, which is there."""
        if module.__name__ == "__main__":
            self._modules[id(module)] = module
        return super().module(module)

    def _module(self, module: "Any") -> "Any":
        """Have a module be made in the receiver. It gets the globals that `_reach` finds."""
        self._modules[id(module)] = module
        space = _space_of(vars(module))
        return rebuilding.obtain_module, (IDENTITIES.key_of(module), space)

    def _reach(self) -> bool:
        """Have globals of modules be sent that the code mentions; say if there are any.

        Code may reach a module in any way (`PLUGINS[name].run()`), so the names decide.
        """
        for module in [*self._modules.values()]:
            globals_ = vars(module)
            mentioned = globals_.keys() if module is self._root else self._mentioned | _BY_NAME
            space, user = _space_of(globals_), f"module {module.__name__!r}"
            if module.__name__ != "__main__":
                self._reads.note(partial(_has_length, globals_), len(globals_), True)
            for name in (globals_.keys() & mentioned) - _OWN_OF_MODULE:
                self._need(globals_, space, name, frozenset(self._mentioned), user)
        return bool(self._globals)

    # -- classes

    def _class(self, cls: "Any") -> "Any":
        self._begun.add(cls)
        place, key = place_of(cls), IDENTITIES.key_of(cls)
        attributes = classes.attributes_of(cls)
        if not self._has_annotations:
            for each in annotations.NAMES:
                attributes.pop(each, None)
        else:
            self._need_named(cls)
        reads = Reads()
        classes.note_reads(cls, attributes, reads, deep=not classes.is_enumeration(cls))
        version = _version(place, key, reads)
        self._reads.add(reads)
        body = classes.body_of(cls)
        return (
            new_classes.obtain_class,
            (key, place, type(cls), cls.__name__, cls.__bases__, body),
            (key, version, attributes, classes.registered_with(cls)),
            None,
            None,
            new_classes.fill_class,
        )

    def _need_named(self, cls: type) -> None:
        """Have the classes be sent that annotations name, which are evaluated later."""
        globals_, names = annotations.named_by_class(cls)
        for name in names:
            self._need(globals_, _space_of(globals_), name, frozenset(), f"class {cls.__name__!r}")


class WithoutAnnotations(Stream):
    """The second try, where something cannot be sent: few functions look at their annotations."""

    _has_annotations = False


class WithLoadedModules(WithoutAnnotations):
    """The last try: modules from files that no worker finds are loaded from these there."""

    def by_value(self, obj: "Any") -> "Any":
        """Return what loads the module of a function or a class, and finds it there."""
        if found_by_name(obj) and obj.__module__ != "__main__":
            source = loading.source_of_definition(obj)
            if source is not None:
                return loading.load_definition, source
        return super().by_value(obj)

    def definition(self, obj: object) -> "Any":
        """Return what loads a module; or write the parts of something."""
        source = loading.source_of(obj) if isinstance(obj, _MODULE) else None
        return super().definition(obj) if source is None else (loading.load, source)


_BY_NAME = frozenset({"__getattr__"})  # of a module: called for other names
_OWN_OF_MODULE = frozenset(
    {
        *("__name__", "__package__", "__builtins__", "__cached__"),
        *("__loader__", "__spec__", "__path__"),
    }
)
_ABSENT = object()
_NOWHERE: "Space" = ("", None, False, 0)


def _has_length(container: "Sized", length: int) -> bool:
    return len(container) == length


def _is_constant(value: object) -> bool:
    """Say whether a copy of a module's global is as good as itself."""
    if type(value) is _FUNCTION or isinstance(value, type):
        return is_by_name(value)
    return type(value) in _CONSTANTS


_CONSTANTS = frozenset({int, float, complex, bool, type(None), str, bytes, type(len), _MODULE})


def _space_of(globals_: "dict[str, Any]") -> "Space":
    name = real_name(str(globals_.get("__name__")))
    is_module = getattr(sys.modules.get(name), "__dict__", None) is globals_
    ident = 0 if is_module else id(globals_) << _ID_BITS | HERE
    return name, globals_.get("__package__"), False, ident


_ID_BITS = 20  # of an interpreter's number


def _content(cell: "Any", name: str, code: types.CodeType, reads: Reads) -> "tuple[object, ...]":
    """Return what is in a cell, if there is something."""
    try:
        content = cell.cell_contents
    except ValueError:  # it is empty
        return ()
    if name == "__classdict__":  # the body of a class, where annotations look first
        own = content.keys() & set(code.co_names)
        return ({each: content[each] for each in own},)
    reads.note(_get_cell, cell, content)
    reads.watch(content)
    return (content,)


def _attributes_of(function: "Any", reads: Reads) -> "tuple[dict[str, Any], dict[str, Any]]":
    """Return what a function has beside its code and its variables."""
    code, found = function.__code__, {}
    found["__defaults__"], found["__kwdefaults__"] = function.__defaults__, function.__kwdefaults__
    reads.watch(function.__defaults__)
    reads.watch(function.__kwdefaults__)
    usual = code.co_name, code.co_qualname, function.__globals__.get("__name__"), _doc_of(code), ()
    names = "__name__", "__qualname__", "__module__", "__doc__", "__type_params__"
    for name, value in zip(names, usual, strict=True):
        if getattr(function, name) != value:
            found[name] = getattr(function, name)
    items = {name: value for name, value in function.__dict__.items() if name != ATTRIBUTE}
    for name, value in items.items():
        reads.note(function.__dict__.get, name, value)
        reads.watch(value)
    return found, items


def _doc_of(code: "Any") -> str | None:
    """Return the docstring that a function of this code has from the beginning."""
    has_doc = code.co_flags & _HAS_DOCSTRING
    return code.co_consts[0] if has_doc else None


_HAS_DOCSTRING = 0x4000000
