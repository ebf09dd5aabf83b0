"""Calls to be stopped: they run for ever, or block in C; and ordinary calls beside them.

For tests of cancelling, time limits and ends of pools. A worker imports this module, so it
imports little; it has ordinary calls of its own, so that a worker that has run one of them
has imported all that the call to be stopped needs. Calls with a shield are in `shielded`,
objects whose pickling takes for ever in `slow_pickles`.
"""

import _interpreters
import os
import threading
import time
from _functools import partial
from _operator import call

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
    """Run for ever, and swallow every Exception; each formats a message, in C."""
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


# -- calls that block in C ----------------------------------------------------


def knock_and(knocker: int, block: "Callable[[], object]") -> None:
    """Knock, and block, in one step of C code: no bytecode is left when the knock is heard.

    Else an exception that is thrown might be raised between the two.
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


def keep_the_lock(handle: "Handle") -> None:
    """Keep the GIL of the interpreter, in C, from the knock until the gate opens."""
    import ctypes

    knocker, entrance = handle
    libc = ctypes.PyDLL(None)  # unlike CDLL it keeps the GIL
    buffer = ctypes.create_string_buffer(b"!")
    steps = [partial(libc.write, knocker, buffer, 1), partial(libc.read, entrance, buffer, 1)]
    list(map(call, steps))


def read_or_fail(reader: int) -> None:
    """Read from a pipe, or raise BlockingIOError when it is empty."""
    os.set_blocking(reader, False)
    os.read(reader, 1)


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


def half(value: int) -> float:
    """Fail for zero."""
    return 1 / value


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


# -- pools inside ------------------------------------------------------------------


def cancel_inside(knocker: int, knocks: int) -> tuple[bool, int]:
    """Use a pool in a worker; cancel a call that runs there."""
    from interpexec import InterpreterPoolExecutor

    with InterpreterPoolExecutor(1) as pool:
        future = pool.submit(spin, knocker)
        os.read(knocks, 1)
        was_cancelled = future.cancel()
        return was_cancelled, pool.submit(same, 5).result(20)
