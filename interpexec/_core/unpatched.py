"""Real threads and locks where gevent or eventlet has patched Python's.

`monkey.patch_all()` puts greenlets in the place of threads: in the modules `_thread`, `threading`
and `select`, for the whole program. A pool needs real ones: its threads enter interpreters, and
stay there. So where such a patch is found, the modules of this package import others of these
names, with what was there before:

    _thread, select    what the library has kept of them
    threading          a second one, made of that

They find them by an `__import__` of their own, late imports included. All else of the program
keeps what it has. Without a patch, none of this is loaded.
"""

import builtins
import sys
from importlib.machinery import PathFinder
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from typing import Any

_PACKAGE = f"{__name__.partition('.')[0]}."
_NAMES = "_thread", "select"


def install() -> None:
    """Have the modules of this package import what was there before a patch, if there is one.

    Where it comes after the first of them, nothing is done: see `refuse_late_patch`.
    """
    original = _original()
    if original is None or _is_installed() or f"{_PACKAGE}_core.cpython" in sys.modules:
        return
    modules = {name: original(name) for name in _NAMES}
    space = vars(builtins) | {"__import__": _importer(modules)}
    modules["threading"] = _second_threading(space)
    sys.meta_path.insert(0, _Finder(space))


def refuse_late_patch() -> None:
    """Raise RuntimeError where a patch of threads came after the import of this package."""
    if _original() is not None and not _is_installed():
        raise RuntimeError(
            "gevent or eventlet has put greenlets in the place of threads after interpexec was"
            " imported, and a pool needs threads: call monkey.patch_all(), or"
            " eventlet.monkey_patch(), before anything is imported from interpexec"
        )


def _is_installed() -> bool:
    return any(isinstance(each, _Finder) for each in sys.meta_path)


def _original() -> "Callable[[str], ModuleType] | None":
    """Return what gives a module as it was before a patch of threads; None if there is none."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and any(map(gevent.is_module_patched, ("threading", *_NAMES))):
        get = gevent.get_original
        return lambda name: _copy(
            name, {each: get(name, each) for each in _attributes(name, gevent)}
        )
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None and any(map(eventlet.is_monkey_patched, ("thread", "select"))):
        return lambda name: _copy(name, vars(eventlet.original(name)))
    return None


def _attributes(name: str, gevent: "Any") -> "set[str]":
    """Return the names in a module, those that gevent has taken away included."""
    return {*vars(sys.modules[name]), *gevent.saved.get(name, ())}


def _copy(name: str, content: "Mapping[str, object]") -> ModuleType:
    module = ModuleType(name)
    vars(module).update(content)
    return module


def _importer(modules: "Mapping[str, ModuleType]") -> "Callable[..., object]":
    """Return an `__import__` that finds these modules."""
    import_ = builtins.__import__

    def find(
        name: str,
        variables: "dict[str, object] | None" = None,
        own: "dict[str, object] | None" = None,
        names: "Sequence[str]" = (),
        level: int = 0,
    ) -> object:
        found = modules.get(name)
        return import_(name, variables, own, names, level) if found is None else found

    return find


def _second_threading(space: "dict[str, object]") -> ModuleType:
    """Return a module `threading` that is made of the modules that `space` imports."""
    import threading

    spec = threading.__spec__
    assert spec is not None
    module = ModuleType("threading")
    vars(module).update({"__builtins__": space, "__spec__": spec, "__file__": spec.origin})
    code = spec.loader.get_code("threading")  # type: ignore[union-attr]  # Python's own
    exec(code, vars(module))  # noqa: S102  # as an import does
    vars(module)["_register_atexit"] = _register_atexit  # for this package
    return module


def _register_atexit(function: "Callable[[], object]") -> None:
    """Have a function be called once when the program ends.

    CPython asks the `threading` that all others have. Under eventlet that takes its main thread
    for ended, and calls nothing: then the function is called a little later, by `atexit`.
    """
    import atexit
    import threading

    todo = [function]

    def call() -> None:
        while todo:
            todo.pop()()

    threading._register_atexit(call)  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way
    atexit.register(call)


class _Finder:
    """Finds the modules of this package, and has them import by another `__import__`."""

    def __init__(self, space: "dict[str, object]") -> None:
        self._space = space

    def find_spec(
        self, name: str, path: "Sequence[str] | None", target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        """Find a module as Python does."""
        if not name.startswith(_PACKAGE):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._space)  # type: ignore[assignment]  # all that is asked of it
        return spec


class _Loader:
    """Loads a module with other builtins."""

    def __init__(self, loader: "Loader", space: "dict[str, object]") -> None:
        self._loader = loader
        self._space = space

    def create_module(self, spec: "ModuleSpec") -> ModuleType | None:
        """Make the module as the loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module as the loader does."""
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self._loader
        vars(module)["__builtins__"] = self._space
        self._loader.exec_module(module)
