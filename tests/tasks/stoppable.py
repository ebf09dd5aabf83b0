"""Calls to be stopped: they run for ever, block in C, use a shield, or are unpickled for ever.

For tests of cancelling, time limits and ends of pools. A worker imports this module, so it
imports little; it has some ordinary calls of its own, so that a worker that has run one of them
has imported what the call to be stopped needs.
"""

import _interpreters
import os
import threading
import time
from _functools import partial
from _operator import call

from interpexec import TaskCancelled, cancelled, current_task, shield

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gates import Handle

state: list[object] = []
"""Module state of one interpreter."""


def interpreter() -> int:
    """Return the number of the interpreter that runs this."""
    return int(_interpreters.get_current()[0])


def same[T](value: T) -> T:
    """Return what was given."""
    return value


def note(descriptor: int, word: bytes = b"!") -> None:
    """Write something into a pipe."""
    os.write(descriptor, word)


def add_state(value: object = None) -> list[object]:
    """Remember a value in this interpreter; return all that was remembered here."""
    state.append(value)
    return state


def linger_after_answers(handle: "Handle") -> None:
    """Have this worker knock after each answer, and go on when it is let in."""
    from interpexec._worker.main import Worker

    reply = Worker.reply

    def reply_and_linger(*args: object) -> None:
        reply(*args)  # type: ignore[arg-type]  # what it was given
        knock_and_pass(handle)

    Worker.reply = reply_and_linger  # type: ignore[method-assign]


# -- calls that never end by themselves ------------------------------------


def spin(knocker: int) -> None:
    """Say that the call has begun; run for ever."""
    os.write(knocker, b"!")
    while True:
        pass


def spin_and_tell(knocker: int, teller: int) -> None:
    """Run for ever; tell the name of what ends it."""
    try:
        spin(knocker)
    except BaseException as error:
        os.write(teller, type(error).__name__.encode())
        raise


def spin_and_clean(knocker: int, teller: int) -> None:
    """Run for ever; tell in two nested `finally` and one `with` that it was ended."""

    class Cleaner:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None:
            os.write(teller, b"w")

    try:
        try:
            with Cleaner():
                spin(knocker)
        finally:
            os.write(teller, b"i")
    finally:
        os.write(teller, b"o")


def spin_among_exceptions(knocker: int) -> None:
    """Run for ever, and swallow every Exception."""
    os.write(knocker, b"!")
    while True:
        try:
            [].pop()
        except Exception:  # the point of it
            pass


def spin_among_messages(knocker: int) -> None:
    """As above; each Exception formats a message, in C."""
    os.write(knocker, b"!")
    while True:
        try:
            int("x")
        except Exception:
            pass


def spin_in_state(knocker: int) -> None:
    """Leave something behind in the module, and run for ever."""
    state.append("half")
    spin(knocker)


def swallow(knocker: int, teller: int) -> str:
    """Run until stopped, and return a value all the same."""
    try:
        spin(knocker)
    except BaseException:
        os.write(teller, b"s")
    return "swallowed"


def stay_after_stop(knocker: int, teller: int, entrance: int) -> str:
    """Run until stopped, then stay until a gate opens."""
    try:
        spin(knocker)
    except BaseException:
        os.write(teller, b"s")
    os.read(entrance, 1)
    return "stayed"


def clean_slowly(knocker: int, teller: int, entrance: int) -> None:
    """Run until stopped; then a `finally` that waits at a gate and tells of its end."""
    try:
        spin(knocker)
    finally:
        os.write(teller, b"f")
        os.read(entrance, 1)
        for _ in range(100_000):
            pass
        os.write(teller, b"e")


# -- calls that block in C ----------------------------------------------------


def knock_and(knocker: int, block: "Callable[[], object]") -> None:
    """Knock, and block, in one step of C code: who hears it knows that there is no bytecode left.

    Else what is thrown might be raised between the two.
    """
    list(map(call, [partial(os.write, knocker, b"!"), block]))


def block_in_read(handle: "Handle", teller: int | None = None) -> str:
    """Knock; block in `os.read`; tell of the end."""
    knocker, entrance = handle
    try:
        knock_and(knocker, partial(os.read, entrance, 1))
    finally:
        if teller is not None:
            os.write(teller, b"e")
    return "through"


def block_in_lock(handle: "Handle", teller: int | None = None) -> str:
    """Knock; block in `Lock.acquire` until another thread passes the gate."""
    knocker, entrance = handle
    lock = threading.Lock()
    lock.acquire()

    def release() -> None:
        os.read(entrance, 1)
        lock.release()

    threading.Thread(target=release).start()
    try:
        knock_and(knocker, lock.acquire)
    finally:
        if teller is not None:
            os.write(teller, b"e")
    return "through"


def block_and_tell(how: str, knocker: int, entrance: int, teller: int) -> None:
    """Knock; block in some system call for a very long time; tell what ended it."""
    import select
    import socket

    ours, theirs = socket.socketpair()
    ways = {
        "sleep": partial(time.sleep, 1000),
        "read": partial(os.read, entrance, 1),
        "select": partial(select.select, [entrance], [], [], 1000),
        "recv": partial(ours.recv, 1),
    }
    try:
        with ours, theirs:
            knock_and(knocker, ways[how])
    except BaseException as error:
        os.write(teller, type(error).__name__.encode())
        raise


# -- what travels badly --------------------------------------------------------


class SpinsWhenPickled:
    """Runs for ever when it is pickled in a worker."""

    def __init__(self, knocker: int) -> None:
        self.knocker = knocker

    def __reduce__(self) -> tuple[object, ...]:
        spin(self.knocker)
        return int, ()


def make_spinner(knocker: int) -> SpinsWhenPickled:
    """Return a value whose pickling runs for ever."""
    return SpinsWhenPickled(knocker)


class SpinsOnArrival:
    """Runs for ever when it is unpickled in a worker."""

    def __init__(self, knocker: int) -> None:
        self.knocker = knocker

    def __reduce__(self) -> tuple[object, ...]:
        return spin, (self.knocker,)


class SpinningError(Exception):
    """Runs for ever when it is pickled as what a call raised."""

    def __init__(self, knocker: int) -> None:
        super().__init__(knocker)

    def __reduce__(self) -> tuple[object, ...]:
        spin(self.args[0])
        return ValueError, ()


def raise_spinner(knocker: int) -> None:
    """Raise what cannot be pickled in finite time."""
    raise SpinningError(knocker)


# -- the call as it sees itself ------------------------------------------------


def task_here() -> tuple[bool, bool]:
    """Return whether there is a task, and whether it says that it was cancelled."""
    task = current_task()
    return task is not None, task is not None and task.cancelled()


def task_in_thread() -> bool:
    """Return whether a thread that the call starts has a task."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(current_task()))
    thread.start()
    thread.join()
    return found != [None]


def poll_shielded(knocker: int, teller: int) -> None:
    """Under a shield, look whether the call was cancelled; then tell, and leave the shield."""
    task = current_task()
    assert task is not None
    try:
        with task.shield():
            os.write(knocker, b"!")
            while not task.cancelled():
                pass
            for _ in range(100_000):
                pass
            os.write(teller, b"u")  # unharmed
        os.write(teller, b"!")  # never comes here
    except TaskCancelled:
        os.write(teller, b"c")
        raise
    finally:
        os.write(teller, b"f")


def poll_by_functions(knocker: int, teller: int) -> None:
    """As `poll_shielded`, by the functions that need no task."""
    try:
        with shield():
            os.write(knocker, b"!")
            while not cancelled():
                pass
            os.write(teller, b"u")
        os.write(teller, b"!")
    except TaskCancelled:
        os.write(teller, b"c")
        raise


def shield_anywhere(value: object) -> object:
    """Use a shield, inside of a call or not."""
    with shield(), shield():
        return value if not cancelled() else None


def shield_in_thread(value: object) -> object:
    """As `shield_anywhere`, in a thread that the call started."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(shield_anywhere(value)))
    thread.start()
    thread.join()
    return found[0]


def poll_nested(knocker: int, teller: int) -> None:
    """As `poll_shielded`, with a shield in a shield."""
    task = current_task()
    assert task is not None
    try:
        with task.shield():
            with task.shield():
                os.write(knocker, b"!")
                while not task.cancelled():
                    pass
                os.write(teller, b"i")
            for _ in range(100_000):
                pass
            os.write(teller, b"o")
    except TaskCancelled:
        os.write(teller, b"c")
        raise


def shield_in_passing(value: object) -> object:
    """Use a shield without being cancelled."""
    task = current_task()
    assert task is not None
    with task.shield():
        return value


def leave_shield_open() -> None:
    """Enter a shield and never leave it."""
    task = current_task()
    assert task is not None
    shield = task.shield()
    shield.__enter__()
    state.append(shield)


def fail_under_shield(error: Exception) -> None:
    """Raise in a shield."""
    task = current_task()
    assert task is not None
    with task.shield():
        raise error


def shield_elsewhere() -> str:
    """Use the shield in a thread that the call started; return the name of the error."""
    task = current_task()
    assert task is not None
    found: list[str] = []

    def use() -> None:
        try:
            with task.shield():
                found.append("none")
        except RuntimeError:
            found.append("RuntimeError")

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    return found[0]


def watch_from_thread(knocker: int, teller: int) -> None:
    """Give the task to a thread, that sees when the call is cancelled."""
    task = current_task()
    assert task is not None
    may_go = threading.Event()

    def watch() -> None:
        while not task.cancelled():
            pass
        os.write(teller, b"t")
        may_go.set()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        spin(knocker)
    finally:
        thread.join()


# -- ordinary calls --------------------------------------------------------------


def count_to(number: int) -> int:
    """Take some time, in Python."""
    total = 0
    for _ in range(number):
        total += 1
    return total


def work(number: int) -> tuple[int, int]:
    """Do some of everything: allocate, format, import, catch."""
    total = 0
    for index in range(number):
        try:
            total += len(str([index] * 3))
            if index % 7 == 0:
                total += [1, 2, 3][index]
        except IndexError as error:
            total += len(error.args)
    return number, total


def nap(seconds: float) -> float:
    """Sleep, and return for how long."""
    time.sleep(seconds)
    return seconds


def fail_with(number: int) -> None:
    """Raise an error that names a number."""
    raise LookupError(number)


def knock_and_pass(handle: "Handle", value: object = None) -> object:
    """Knock at a gate, wait until it lets this in, return `value`."""
    knocker, entrance = handle
    os.write(knocker, b"!")
    os.read(entrance, 1)
    return value


def spin_until(knocker: int, entrance: int, value: object = None) -> object:
    """Knock; run Python until the gate opens; return `value`."""
    import select

    os.write(knocker, b"!")
    while not select.select([entrance], [], [], 0)[0]:
        pass
    return value


def call_quietly(fn: "Callable[[], object]") -> object:
    """Return what a function returns."""
    return fn()


def swallow_item(knocker: int, teller: int, item: int) -> int:
    """For a map: the first item runs until stopped, and swallows that; the others tell."""
    if item == 0:
        try:
            spin(knocker)
        except BaseException:  # the point of it
            pass
    else:
        os.write(teller, b"!")
    return item


# -- pools inside ------------------------------------------------------------------


def cancel_inside(knocker: int, knocks: int) -> tuple[bool, int]:
    """Use a pool in a worker; cancel a call that runs there."""
    from interpexec import InterpreterPoolExecutor

    with InterpreterPoolExecutor(1) as pool:
        future = pool.submit(spin, knocker)
        os.read(knocks, 1)
        was_cancelled = future.cancel()
        return was_cancelled, pool.submit(same, 5).result(20)


def keep_the_lock(handle: "Handle") -> None:
    """Keep the GIL of the interpreter, in C, from the knock until the gate opens."""
    import ctypes

    knocker, entrance = handle
    libc = ctypes.PyDLL(None)  # unlike CDLL it keeps the GIL
    buffer = ctypes.create_string_buffer(b"!")
    steps = [partial(libc.write, knocker, buffer, 1), partial(libc.read, entrance, buffer, 1)]
    list(map(call, steps))


def stay_shielded(knocker: int, teller: int, entrance: int) -> None:
    """Stay under a shield until a gate opens."""
    task = current_task()
    assert task is not None
    with task.shield():
        spin_until(knocker, entrance)
        os.write(teller, b"u")


def read_or_fail(reader: int) -> None:
    """Read from a pipe, or raise BlockingIOError when it is empty."""
    os.set_blocking(reader, False)
    os.read(reader, 1)


class Finalized:
    """Does something when it is collected."""

    def __del__(self) -> None:
        for _ in range(50):
            pass


def spin_in_finalizers(knocker: int) -> None:
    """Run for ever, mostly in `__del__`, where CPython drops exceptions."""
    os.write(knocker, b"!")
    while True:
        Finalized()


def spin_at_work(knocker: int) -> None:
    """Run for ever, and do some of everything."""
    os.write(knocker, b"!")
    while True:
        work(50)


def spin_in_imports(knocker: int) -> None:
    """Import one module for ever."""
    import sys

    os.write(knocker, b"!")
    while True:
        sys.modules.pop("colorsys", None)
        import colorsys  # noqa: F401


def knock_and_spin(knocker: int, farewell: int) -> None:
    """Say that the call has begun; run until it is stopped, and say so."""
    try:
        os.write(knocker, b"!")
        while True:
            pass
    finally:
        os.write(farewell, b"!")


def spin_or(value: int, knocker: int, farewell: int) -> int:
    """Return a positive value, spin for another one."""
    if value <= 0:
        knock_and_spin(knocker, farewell)
    return value


def half(value: int) -> float:
    """Fail for zero."""
    return 1 / value


class Unpickled:
    """Calls `at_home`, if it is set, when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickle, ()


at_home: "Callable[[], object] | None" = None


def _unpickle() -> Unpickled:
    if at_home is not None:
        at_home()
    return Unpickled()


def pass_and_make(handle: "Handle") -> Unpickled:
    """Wait at a gate; return what calls `at_home` when it arrives."""
    knock_and_pass(handle)
    return Unpickled()


class PassesGate:
    """Stands at a gate when it is unpickled, with something large."""

    def __init__(self, handle: "Handle") -> None:
        self._handle = handle

    def __reduce__(self) -> tuple[object, ...]:
        return _pass_with, (self._handle, "x" * (1 << 20))


def _pass_with(handle: "Handle", large: str) -> int:
    knock_and_pass(handle)
    return len(large)


def make_gated(handle: "Handle") -> PassesGate:
    """Return what stands at a gate when it comes home."""
    return PassesGate(handle)
