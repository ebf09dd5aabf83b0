"""Ways to damage an interpreter: threads that are left, or thrown at; `os`, `time`, `signal`."""
# ruff: noqa: D103  # the name of each function says what it does

import _thread
import os
import signal
import sys
import threading

from damage.exploding import Damage, explode, our_modules, quiet


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
    for ident in our_modules()["interpexec._worker.threads"]._names:
        if ident != _thread.get_ident():
            _throw(ident, Damage)


def throw_exit_at_all_others() -> None:
    for ident in our_modules()["interpexec._worker.threads"]._names:
        if ident != _thread.get_ident():
            _throw(ident, SystemExit)


def thread_exploding() -> None:
    threading.excepthook = quiet
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

    sys.unraisablehook = quiet
    atexit.register(explode)


def atexit_slow() -> None:
    import atexit
    import time

    atexit.register(time.sleep, 0.05)


def threading_atexit_exploding() -> None:
    sys.unraisablehook = quiet
    threading._register_atexit(explode)  # type: ignore[attr-defined]


# -- the process as the interpreter sees it -----------------------------------------


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
