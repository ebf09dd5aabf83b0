"""The threads of a worker, below `threading`, which many calls never need.

With `functools` and `collections`, which it imports, `threading` takes a worker 1 ms and some
150 KB: without it, `warm()` of two workers takes 24.5 ms and not 25.3 on 3.14, 27.3 and not 28.4
on 3.13.0 (medians of 30 pools). So a thread is started here by what `threading` itself is made
of; and when that is imported, it is told of the threads that are there. Else it would call them
"Dummy-1" (and on 3.13.0 complain about them at the interpreter's end).
"""

import _imp
import _thread
import sys
from _functools import partial
from _thread import get_ident, get_native_id, start_joinable_thread

from interpexec._core.cpython import RAW_THREADS_ABORT, own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# By its ident: the name of a thread, and its number in the system. Of those that run.
_names: dict[int, tuple[str, int]] = {}
_threading: "ModuleType | None" = None  # when it was told of them
_modules = sys.modules  # what CPython looks into, whatever becomes of `sys`


def name_this(name: str) -> None:
    """Give the calling thread a name in this interpreter: it entered from another one."""
    ident = get_ident()
    _names[ident] = name, get_native_id()
    # In this order: a thread that imports `threading` meanwhile tells of it, or did it before.
    if _threading is not None:
        _tell(_threading, ident)


def expect_threading() -> None:
    """Tell `threading` of the threads here when it is imported; or now."""
    when_imported("threading", _tell_all)
    if RAW_THREADS_ABORT:
        _thread.start_new_thread = _start_new_thread


def start(function: "Callable[[], object]", name: str) -> "_thread._ThreadHandle":
    """Start a thread; return its handle, for `join()`. RuntimeError when none can be made.

    Join it before its interpreter ends.
    """
    forget = _forget

    def run() -> None:
        try:
            _tell_system(name)
            name_this(name)
            function()
            forget()
        except BaseException:  # noqa: S110  # a call has damaged what this is made of: it says so
            pass

    return start_joinable_thread(run, daemon=False)


def _start_new_thread(
    function: "Callable[..., object]",
    args: tuple[object, ...],
    kwargs: dict[str, object] | None = None,
) -> int:
    """Start a thread as `_thread.start_new_thread` does, but one that its interpreter waits for."""
    run = partial(function, *args, **(kwargs or {}))
    return start_joinable_thread(run, daemon=False).ident


join_all: "Callable[[], None]" = _thread._shutdown  # type: ignore[attr-defined]  # noqa: SLF001  # as `threading` does
"""Wait for all other threads of this interpreter. C code."""


def end_all() -> None:
    """Wait for the threads that calls have left. By the thread that entered the interpreter.

    CPython would ask `threading` for that, if it found it. Where calls have damaged it, or
    taken it away, the process dies, or hangs, as the interpreter ends before its threads.
    """
    threading = _modules.get("threading")
    if threading is not None or _threading is not None:
        try:
            (_threading or threading)._shutdown()  # type: ignore[union-attr]  # noqa: SLF001  # executors end theirs
            threading._threading_atexits.clear()  # type: ignore[union-attr]  # noqa: SLF001  # CPython does it again
        except BaseException:  # it is damaged, or a thread throws at this one
            _modules.pop("threading", None)
    for _ in range(_MOST_THROWN):
        try:
            join_all()
        except BaseException:  # noqa: S112  # some thread throws at this one
            continue
        return


# How many exceptions a thread that ends may throw at the one that waits for it.
_MOST_THROWN = 64


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
    thread._started.set()  # noqa: SLF001  # the hook into its privates
    thread._ident = ident  # noqa: SLF001  # the hook into its privates
    thread._native_id = native_id  # noqa: SLF001  # the hook into its privates
    threading._active[ident] = thread  # noqa: SLF001  # the hook into its privates
    if ident not in _names:  # it has ended meanwhile
        threading._active.pop(ident, None)  # noqa: SLF001  # the hook into its privates


def _forget() -> None:
    """Make the calling thread, which ends, unknown."""
    ident = get_ident()
    _names.pop(ident, None)  # before the other: see `_tell`
    if _threading is not None:
        try:
            _threading._active.pop(ident, None)  # noqa: SLF001  # the hook into its privates
        except AttributeError:
            pass  # a call has emptied it


def when_imported(name: str, then: "Callable[[ModuleType], object]") -> None:
    """Call a function with a module when that is imported; or now, if it was before."""
    if (module := sys.modules.get(name)) is not None:
        then(module)
    else:
        sys.meta_path.insert(0, Import(name, then))


def when_refused(then: "Callable[[ImportError], object]") -> None:
    """Call a function with each ImportError of an extension module that is loaded here.

    Its modules cost nothing that could be measured beside the loading of a library.
    """
    create = _imp.create_dynamic

    def create_dynamic(*args: "Any") -> object:
        try:
            return create(*args)
        except ImportError as error:
            try:
                then(error)
            except Exception:  # noqa: S110  # a call has damaged what that needs
                pass
            raise

    # CPython leaves frames of this file out of the tracebacks of imports.
    file = "<frozen importlib._bootstrap_external>"
    create_dynamic.__code__ = create_dynamic.__code__.replace(co_filename=file)
    _imp.create_dynamic = create_dynamic  # type: ignore[assignment]  # it takes the same


class Import:
    """A finder before all others, which notices once that a module is imported."""

    def __init__(self, name: str, then: "Callable[[ModuleType], object]") -> None:
        self._name = name
        self._then = then

    def find_spec(
        self, name: str, path: "Sequence[str] | None", target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Find a module as the others do."""
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            if (spec := finder.find_spec(name, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self._then)  # type: ignore[assignment]  # all that is asked of it
                return spec
        return None


class _Loader:
    """Loads a module, and says so."""

    def __init__(self, loader: "Loader", then: "Callable[[ModuleType], object]") -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        """Make the module as the loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module as the loader does, and say so."""
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then(module)
