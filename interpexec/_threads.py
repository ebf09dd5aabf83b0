"""The threads of a worker, below `threading`, which many calls never need.

It takes a worker 1 to 2 ms and some 400 KB, with `functools` and `collections`, which
it imports. So a thread is started here by what `threading` itself is made of; and when
somebody imports `threading`, it is told who is there. Else it would call them "Dummy-1"
(and on 3.13.0 complain about them at the interpreter's end).
"""

import _thread
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# By its ident: the name of a thread, and its number in the system. Of those that run.
_names: dict[int, tuple[str, int]] = {}
_threading: "ModuleType | None" = None  # when it was told of them


def name_this(name: str) -> None:
    """Give the calling thread a name in this interpreter: it entered from another one."""
    ident = _thread.get_ident()
    _names[ident] = name, _thread.get_native_id()
    # In this order: who imports `threading` meanwhile tells of it, or did it before.
    if _threading is not None:
        _tell(_threading, ident)


def expect_threading() -> None:
    """Tell `threading` of the threads here when it is imported; or now."""
    if (threading := sys.modules.get("threading")) is not None:
        _tell_all(threading)
    else:
        sys.meta_path.insert(0, _Import())


def start(function: "Callable[[], object]", name: str) -> "_thread._ThreadHandle":
    """Start a thread; return what to `join()`. RuntimeError when there is none to be had.

    Join it before its interpreter ends.
    """

    def run() -> None:
        _tell_system(name)
        name_this(name)
        try:
            function()
        finally:
            _forget()

    return _thread.start_joinable_thread(run, daemon=False)


def _tell_system(name: str) -> None:
    """Name the calling thread for the system, as `threading` does from 3.14 on."""
    if (set_name := getattr(_thread, "set_name", None)) is not None:
        try:
            set_name(name)
        except OSError:
            pass  # nobody needs it


def _tell_all(threading: "ModuleType") -> None:
    global _threading  # noqa: PLW0603  # there is one
    _threading = threading
    for ident in list(_names):
        _tell(threading, ident)


def _tell(threading: "ModuleType", ident: int) -> None:
    """Let `threading` take a thread for what it is: alive and running."""
    name, native_id = _names.get(ident, ("", 0))
    thread = threading.Thread(name=name, daemon=False)
    thread._started.set()  # noqa: SLF001  # there is no public way
    thread._ident = ident  # noqa: SLF001  # as above
    thread._native_id = native_id  # noqa: SLF001  # as above
    threading._active[ident] = thread  # noqa: SLF001  # as above
    if ident not in _names:  # it has ended meanwhile
        threading._active.pop(ident, None)  # noqa: SLF001  # as above


def _forget() -> None:
    """Make the calling thread, which ends, unknown."""
    ident = _thread.get_ident()
    del _names[ident]  # before the other: see `_tell`
    if _threading is not None:
        _threading._active.pop(ident, None)  # noqa: SLF001  # as above


class _Import:
    """Is there when `threading` is imported, once: a finder, before all others."""

    def find_spec(
        self, name: str, path: "Sequence[str] | None", target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Find what the others find."""
        if name != "threading":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            if (spec := finder.find_spec(name, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]  # all that is asked of it
                return spec
        return None


class _Loader:
    """Loads `threading`, and tells it who is there."""

    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        """Make what the loader makes."""
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        """Do what the loader does, and tell."""
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _tell_all(module)
