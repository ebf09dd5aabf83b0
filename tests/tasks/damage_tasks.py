"""Calls that damage the interpreter that runs them. Workers import this module.

Each function below is one way; `WAYS` has them all, by name.
"""
# ruff: noqa: D103  # the name of each function says what it does

import _thread
import builtins
import gc
import importlib.machinery
import os
import signal
import sys
import threading
import warnings
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

kept: list[object] = []
"""What stays when the call has ended."""


class Damage(Exception):  # noqa: N818  # that is what it is
    """Raised by what a call has left behind."""


def explode(*_: object, **__: object) -> "NoReturn":
    raise Damage("left behind")


class Exploding:
    """Raises whatever is done with it."""

    def __getattribute__(self, name: str) -> object:
        raise Damage(name)

    def __repr__(self) -> str:
        raise Damage("repr")

    __call__ = __len__ = __iter__ = __bool__ = __str__ = explode  # type: ignore[assignment]
    __eq__ = __hash__ = explode  # type: ignore[assignment]


class Bomb:
    """Raises when it dies."""

    def __del__(self) -> None:
        raise Damage("died")


# -- standard streams -----------------------------------------------------------


def stdout_none() -> None:
    sys.stdout = None  # type: ignore[assignment]


def stdout_deleted() -> None:
    del sys.stdout


def stderr_deleted() -> None:
    del sys.stderr


def all_streams_deleted() -> None:
    del sys.stdout, sys.stderr, sys.stdin
    del sys.__stdout__, sys.__stderr__, sys.__stdin__  # type: ignore[misc]


def streams_closed() -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is not None:
            stream.detach()


def stdout_of_exit() -> None:
    class Leaving:
        """Leaves when it is written to."""

        def flush(self) -> None:
            raise SystemExit(5)

        write = flush

    sys.stdout = sys.stderr = Leaving()  # type: ignore[assignment]


def stdout_exploding() -> None:
    sys.stdout = Exploding()  # type: ignore[assignment]


def stdout_interrupting() -> None:
    class Interrupting:
        """Raises what no handler of Exception takes."""

        def flush(self) -> None:
            raise KeyboardInterrupt

    sys.stdout = Interrupting()  # type: ignore[assignment]


# -- the import system ------------------------------------------------------------


def path_none() -> None:
    sys.path = None  # type: ignore[assignment]


def path_emptied() -> None:
    sys.path.clear()


def path_deleted() -> None:
    del sys.path


def path_of_numbers() -> None:
    sys.path[:] = [1, 2, 3]  # type: ignore[list-item]


def meta_path_emptied() -> None:
    sys.meta_path.clear()


def meta_path_none() -> None:
    sys.meta_path = None  # type: ignore[assignment]


def meta_path_exploding() -> None:
    sys.meta_path.insert(0, Exploding())  # type: ignore[arg-type]


def path_hooks_emptied() -> None:
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()


def path_hooks_exploding() -> None:
    sys.path_hooks.insert(0, explode)
    sys.path_importer_cache.clear()


def importer_cache_none() -> None:
    sys.path_importer_cache = None  # type: ignore[assignment]


def flags_none() -> None:
    sys.flags = None  # type: ignore[assignment]


def modules_cleared() -> None:
    sys.modules.clear()


def modules_none() -> None:
    sys.modules = None  # type: ignore[assignment]


def modules_deleted() -> None:
    del sys.modules


def modules_replaced() -> None:
    sys.modules = {}


def modules_of_ours_dropped() -> None:
    for name in [each for each in sys.modules if each.startswith("interpexec")]:
        del sys.modules[name]


def modules_of_ours_none() -> None:
    for name in [each for each in sys.modules if each.startswith("interpexec")]:
        sys.modules[name] = None  # type: ignore[assignment]


def modules_all_none() -> None:
    for name in list(sys.modules):
        sys.modules[name] = None  # type: ignore[assignment]


def modules_all_exploding() -> None:
    for name in list(sys.modules):
        sys.modules[name] = Exploding()  # type: ignore[assignment]


def basic_modules_dropped() -> None:
    for name in ("builtins", "sys", "os", "_thread", "threading", "_io", "posix", "io"):
        sys.modules.pop(name, None)


def pickle_modules_none() -> None:
    for name in ("pickle", "_pickle", "copyreg", "_compat_pickle"):
        sys.modules[name] = None  # type: ignore[assignment]


def threading_none() -> None:
    sys.modules["threading"] = None  # type: ignore[assignment]


def threading_dropped() -> None:
    del sys.modules["threading"]


def main_dropped() -> None:
    del sys.modules["__main__"]


def import_none() -> None:
    builtins.__import__ = None  # type: ignore[assignment]


def import_exploding() -> None:
    builtins.__import__ = explode  # type: ignore[assignment]


def import_deleted() -> None:
    del builtins.__import__


def importlib_emptied() -> None:
    importlib._bootstrap.__dict__.clear()  # type: ignore[attr-defined]


def import_lock_kept() -> None:
    import _imp

    _imp.acquire_lock()


# -- builtins ----------------------------------------------------------------------


def builtins_emptied() -> None:
    builtins.__dict__.clear()


def builtins_none() -> None:
    for name in list(vars(builtins)):
        setattr(builtins, name, None)


def builtins_exploding() -> None:
    for name in ("len", "isinstance", "issubclass", "type", "map", "iter", "print", "repr"):
        setattr(builtins, name, explode)
    for name in ("bytes", "str", "int", "list", "dict", "set", "tuple", "range", "getattr"):
        setattr(builtins, name, explode)


def exceptions_replaced() -> None:
    for name in ("BaseException", "Exception", "OSError", "ImportError", "BlockingIOError"):
        setattr(builtins, name, None)


def build_class_deleted() -> None:
    del builtins.__build_class__  # type: ignore[attr-defined]


# -- pickle ------------------------------------------------------------------------


def pickle_emptied() -> None:
    import pickle

    pickle.__dict__.clear()
    sys.modules["_pickle"].__dict__.clear()


def pickle_exploding() -> None:
    import _pickle

    _pickle.loads = _pickle.dumps = explode  # type: ignore[assignment]
    _pickle.Pickler = _pickle.Unpickler = explode  # type: ignore[misc,assignment]


def copyreg_broken() -> None:
    import copyreg

    copyreg.__dict__.clear()


def dispatch_table_exploding() -> None:
    import copyreg

    for kind in (int, str, tuple, set, dict, list, type, type(len), type(explode)):
        copyreg.pickle(kind, explode)  # type: ignore[arg-type]


def dispatch_table_none() -> None:
    import copyreg

    copyreg.dispatch_table = None  # type: ignore[assignment]


def compat_pickle_broken() -> None:
    import _compat_pickle

    _compat_pickle.__dict__.clear()


# -- hooks --------------------------------------------------------------------------


def trace_exploding() -> None:
    sys.settrace(explode)


def profile_exploding() -> None:
    sys.setprofile(explode)


def threads_traced() -> None:
    threading.settrace(explode)
    threading.setprofile(explode)


def trace_exploding_later() -> None:
    def trace(*_: object) -> object:
        if len(kept) > 20:
            explode()
        kept.append(None)
        return trace

    sys.settrace(trace)


def monitoring_exploding() -> None:
    events = sys.monitoring.events
    sys.monitoring.use_tool_id(3, "damage")
    sys.monitoring.register_callback(3, events.PY_START, explode)
    sys.monitoring.set_events(3, events.PY_START)


def monitoring_exploding_everywhere() -> None:
    events = sys.monitoring.events
    sys.monitoring.use_tool_id(3, "damage")
    for event in (events.LINE, events.PY_RETURN, events.CALL, events.JUMP):
        sys.monitoring.register_callback(3, event, explode)
    sys.monitoring.set_events(3, events.LINE | events.PY_RETURN | events.CALL | events.JUMP)


def audit_exploding() -> None:
    sys.addaudithook(explode)


def audit_of_import_exploding() -> None:
    def hook(event: str, _: object) -> None:
        if event == "import":
            explode()

    sys.addaudithook(hook)


def audit_of_pickle_exploding() -> None:
    def hook(event: str, _: object) -> None:
        if event.startswith("pickle"):
            explode()

    sys.addaudithook(hook)


def audit_of_os_exploding() -> None:
    def hook(event: str, _: object) -> None:
        if event.startswith(("os.", "open", "_thread", "sys.")):
            explode()

    sys.addaudithook(hook)


def unraisable_hook_exploding() -> None:
    sys.unraisablehook = explode
    kept_circle(Bomb())


def unraisable_hook_deleted() -> None:
    del sys.unraisablehook


def excepthook_deleted() -> None:
    del sys.excepthook, sys.__excepthook__, sys.unraisablehook
    threading.excepthook = None  # type: ignore[assignment]


def displayhook_none() -> None:
    sys.displayhook = None  # type: ignore[assignment]
    sys.breakpointhook = None  # type: ignore[assignment]


def warnings_are_errors() -> None:
    warnings.simplefilter("error")


def warnings_broken() -> None:
    warnings.__dict__.clear()


def bomb_at_end() -> None:
    sys.unraisablehook = _quiet
    kept.append(Bomb())


def weakref_callback_exploding() -> None:
    sys.unraisablehook = _quiet
    kept.append(weakref.ref(Bomb, explode))
    weakref.finalize(Damage, explode)


def _quiet(_: object) -> None:
    """Say nothing."""


# -- garbage --------------------------------------------------------------------------


def kept_circle(of: object) -> None:
    circle = [of]
    circle.append(circle)


def gc_callback_exploding() -> None:
    sys.unraisablehook = _quiet
    gc.callbacks.append(explode)
    gc.set_threshold(1)


def gc_callbacks_none() -> None:
    gc.callbacks = None  # type: ignore[assignment]
    gc.collect()


def gc_threshold_one() -> None:
    gc.set_threshold(1, 1, 1)


def gc_frozen() -> None:
    gc.freeze()
    gc.disable()


def gc_emptied() -> None:
    gc.__dict__.clear()


def gc_debugs_and_saves_all() -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    kept_circle(1)
    gc.collect()


# -- limits of the interpreter -----------------------------------------------------------


def recursion_limit_tiny() -> None:
    for limit in range(1, 200):
        try:
            sys.setrecursionlimit(limit)
        except RecursionError:
            continue
        return


def recursion_limit_huge() -> None:
    sys.setrecursionlimit(5000)


def recursion_deep() -> None:
    recursion_deep()


def switch_interval_huge() -> None:
    sys.setswitchinterval(1e6)


def int_digits_few() -> None:
    sys.set_int_max_str_digits(640)


def memory_out() -> None:
    bytearray(2**62)


def context_nested() -> object:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


# -- exceptions -----------------------------------------------------------------------------


class UnsaidError(Exception):
    """Nothing of it can be asked."""

    __str__ = __repr__ = __reduce__ = __reduce_ex__ = explode  # type: ignore[assignment]


class DisguisedError(Exception):
    """It says that it is something else."""

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise Damage("class")

    @property
    def __traceback__(self) -> object:  # type: ignore[override]
        raise Damage("traceback")

    __cause__ = __context__ = __traceback__  # type: ignore[assignment]


class Leaving(SystemExit):
    """A subclass of what ends a program."""


def raise_unsaid() -> None:
    raise UnsaidError


def raise_disguised() -> None:
    raise DisguisedError


def raise_leaving() -> None:
    raise Leaving(7)


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def raise_generator_exit() -> None:
    raise GeneratorExit


def raise_stop() -> None:
    raise StopIteration


def raise_stop_async() -> None:
    raise StopAsyncIteration


def raise_cancelled_by_itself() -> None:
    from interpexec import TaskCancelled

    raise TaskCancelled


def return_what_explodes() -> object:
    return Exploding()


def return_what_damages() -> object:
    return Damaging()


class Damaging:
    """Damages its interpreter when it is pickled, and fails where it arrives."""

    def __reduce__(self) -> "tuple[object, ...]":
        sys.modules.clear()
        sys.path.clear()
        return explode, ()


# -- threads ----------------------------------------------------------------------------------


def _throw(ident: int, kind: type[BaseException]) -> None:
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))


def throw_at_itself() -> None:
    _throw(_thread.get_ident(), Damage)


def throw_at_itself_later() -> None:
    """From a thread that is woken by the worker's next look for a call."""
    ident = _thread.get_ident()

    def throw() -> None:
        for _ in range(20):
            os.sched_yield()
            _throw(ident, Damage)

    threading.Thread(target=throw).start()


def throw_exit_at_itself_later() -> None:
    ident = _thread.get_ident()

    def throw() -> None:
        for _ in range(20):
            os.sched_yield()
            _throw(ident, SystemExit)

    threading.Thread(target=throw).start()


def throw_at_all_others() -> None:
    """Throw something at our helper thread, say."""
    for ident in _ours()["interpexec._worker.threads"]._names:
        if ident != _thread.get_ident():
            _throw(ident, Damage)


def throw_exit_at_all_others() -> None:
    for ident in _ours()["interpexec._worker.threads"]._names:
        if ident != _thread.get_ident():
            _throw(ident, SystemExit)


def thread_exploding() -> None:
    threading.excepthook = _quiet
    threading.Thread(target=explode).start()


def thread_left() -> None:
    event = threading.Event()
    threading.Timer(0.05, event.set).start()
    threading.Thread(target=event.wait).start()


def raw_thread_left() -> None:
    import time

    _thread.start_new_thread(time.sleep, (0.05,))


def raw_thread_left_and_modules_cleared() -> None:
    import time

    threading.Thread(target=time.sleep, args=(0.05,)).start()
    sys.modules.clear()


def threading_emptied() -> None:
    threading.__dict__.clear()


def thread_registry_emptied() -> None:
    threading._active.clear()  # type: ignore[attr-defined]


def thread_module_exploding() -> None:
    _thread.allocate_lock = _thread.get_ident = explode  # type: ignore[assignment]
    _thread.start_joinable_thread = _thread.start_new_thread = explode  # type: ignore[assignment]


def atexit_exploding() -> None:
    import atexit

    sys.unraisablehook = _quiet
    atexit.register(explode)


def atexit_slow() -> None:
    import atexit
    import time

    atexit.register(time.sleep, 0.05)


def threading_atexit_exploding() -> None:
    sys.unraisablehook = _quiet
    threading._register_atexit(explode)  # type: ignore[attr-defined]


# -- the process as it is seen from here ----------------------------------------------------------


def environ_cleared() -> None:
    os.environ = {}  # type: ignore[assignment]  # noqa: B003  # the process's stays as it is


def os_functions_exploding() -> None:
    os.write = os.read = os.close = os.dup = explode  # type: ignore[assignment]


def os_emptied() -> None:
    os.__dict__.clear()
    sys.modules["posix"].__dict__.clear()


def sys_emptied() -> None:
    sys.__dict__.clear()


def time_exploding() -> None:
    import time

    time.monotonic = time.monotonic_ns = explode  # type: ignore[assignment]


def signals_reset() -> None:
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except ValueError:
        pass
    signal.__dict__.clear()


# -- what is ours ---------------------------------------------------------------------


def _ours() -> "dict[str, Any]":
    return {name: module for name, module in sys.modules.items() if name.startswith("interpexec.")}


def worker_emptied() -> None:
    _ours()["interpexec._worker.main"].__dict__.clear()


def calls_emptied() -> None:
    _ours()["interpexec._worker.run_call"].__dict__.clear()


def messages_emptied() -> None:
    _ours()["interpexec._worker.wire"].__dict__.clear()


def line_emptied() -> None:
    _ours()["interpexec._core.message_queue"].__dict__.clear()


def runtime_emptied() -> None:
    _ours()["interpexec._core.cpython"].__dict__.clear()


def callbacks_emptied() -> None:
    _ours()["interpexec._worker.control"].__dict__.clear()


def all_of_ours_emptied() -> None:
    for module in _ours().values():
        module.__dict__.clear()


def worker_class_exploding() -> None:
    worker = _ours()["interpexec._worker.main"].Worker
    worker.reply = worker._next = worker._send = worker._run = explode


def helper_class_exploding() -> None:
    helper = _ours()["interpexec._worker.control"].Helper
    helper.stop = helper._follow = helper._wake_stopped = explode


def interruptible_exploding() -> None:
    thread = _ours()["interpexec._core.cancellation"].Interruptible
    thread.arm = thread.disarm = thread.answer_asks = explode


def failures_exploding() -> None:
    from interpexec._sharing import raised

    raised.pack = raised._describe = explode  # type: ignore[assignment]
    raise Damage("not packed")


def slots_of_ours_released() -> None:
    """Release the memory by which home sees what the worker does."""
    for each in gc.get_objects():
        if type(each).__name__ == "Worker" and type(each).__module__ == "interpexec._worker.main":
            each._slot.release()
    frame = sys._getframe()
    while frame is not None:
        slot = frame.f_locals.get("slot")
        if isinstance(slot, memoryview):
            slot.release()
        frame = frame.f_back  # type: ignore[assignment]


def running_calls_forgotten() -> None:
    tasks = _ours()["interpexec._core.current_call"]
    tasks.running.clear()


def interpreters_emptied() -> None:
    sys.modules["_interpreters"].__dict__.clear()
    sys.modules["_interpchannels"].__dict__.clear()


# -- no damage --------------------------------------------------------------------------


def same[T](value: T) -> T:
    return value


class Unloadable:
    """Cannot be unpickled anywhere."""

    def __reduce__(self) -> "tuple[object, ...]":
        return explode, ()


class InGoodFaith:
    """What programs do."""

    @staticmethod
    def replace_print() -> None:
        builtins.print = same  # type: ignore[assignment]

    @staticmethod
    def add_finder() -> None:
        sys.meta_path.insert(0, importlib.machinery.BuiltinImporter)  # type: ignore[arg-type]

    @staticmethod
    def add_module() -> None:
        sys.modules["of_mine"] = sys

    @staticmethod
    def add_builtin() -> None:
        builtins.of_mine = 1  # type: ignore[attr-defined]
        sys.of_mine = 1  # type: ignore[attr-defined]
        del sys.of_mine  # type: ignore[attr-defined]


def _ways() -> "dict[str, Callable[[], object]]":
    return {
        name: way
        for name, way in globals().items()
        if callable(way)
        and getattr(way, "__module__", "") == __name__
        and isinstance(way, type(explode))
        and not name.startswith("_")
        and name not in {"explode", "kept_circle", "same"}
    }


WAYS = _ways()
