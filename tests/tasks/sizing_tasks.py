"""Items of maps: at some places they wait, fail or break their worker, and tell that they ran.

For tests of how a map cuts its items into calls. Workers import this module.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gates import Handle

_KINDS = {
    kind.__name__: kind
    for kind in (
        ValueError,
        StopIteration,
        StopAsyncIteration,
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
    )
}


def wait_at(knocker: int, entrance: int, places: str, number: int) -> int:
    """Knock and wait at a gate if this is one of the places; return the number.

    All arguments are sent in columns. places: numbers between commas.
    """
    if f",{number}," in places:
        os.write(knocker, b"!")
        os.read(entrance, 1)
    return number


def wait_beside(handle: "Handle", place: int, number: int, _luggage: object) -> int:
    """Do as `wait_at`, for one place, with luggage."""
    return wait_at(*handle, f",{place},", number)


def wait_and_stop(knocker: int, entrance: int, place: int, number: int) -> int:
    """Do as `wait_at`, but raise StopIteration there."""
    if wait_at(knocker, entrance, f",{place},", number) == place:
        raise StopIteration
    return number


def tell_and_wait_at(writer: int, knocker: int, entrance: int, place: int, number: int) -> int:
    """Write a byte, since this has begun; go on as `wait_at`."""
    os.write(writer, b".")
    return wait_at(knocker, entrance, f",{place},", number)


def raise_at(kind: str, places: str, number: int) -> int:
    """Raise an exception if this is one of the places; return the number."""
    if f",{number}," in places:
        raise _KINDS[kind](number)
    return number


def take_a_while(seconds: float, number: int) -> int:
    """Take so long, at least; return the number."""
    time.sleep(seconds)
    return number


def tell_and_take_a_while(writer: int, seconds: float, number: int) -> int:
    """Write a byte and do as `take_a_while`."""
    os.write(writer, b".")
    return take_a_while(seconds, number)


def some_result(number: int, bad: int, luggage: object) -> object:
    """Return the number with luggage; for the bad one something that cannot be sent."""
    if number == bad:
        return number, (each for each in "")
    return number, luggage


def break_worker_at(place: int, number: int) -> int:
    """Break the worker this runs in, at one place: its next answer raises. Return the number."""
    if number == place:
        from interpexec._worker.main import Worker

        Worker.reply = None  # type: ignore[assignment,method-assign]
    return number


def sum_of_a_map(count: int) -> int:
    """Map inside of a worker."""
    from interpexec import InterpreterPoolExecutor

    with InterpreterPoolExecutor(1) as pool:
        return sum(pool.map(abs, range(count)))
