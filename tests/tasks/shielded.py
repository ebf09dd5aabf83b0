"""Calls that look at themselves: their task, its shield, and whether they were cancelled.

Workers import this module, so it imports little.
"""

import os
import threading

from interpexec import TaskCancelled, cancelled, current_task, shield
from stoppable import spin, spin_until, state


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
    """Poll under a shield, as `poll_shielded`, by the functions that need no task."""
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
    """Use a shield in a thread that the call started, as `shield_anywhere` does."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(shield_anywhere(value)))
    thread.start()
    thread.join()
    return found[0]


def poll_nested(knocker: int, teller: int) -> None:
    """Poll under a shield in a shield, as `poll_shielded`; tell at the end of each."""
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


def stay_shielded(knocker: int, teller: int, entrance: int) -> None:
    """Stay under a shield until a gate opens."""
    task = current_task()
    assert task is not None
    with task.shield():
        spin_until(knocker, entrance)
        os.write(teller, b"u")


remaining_at_start: list[float | None] = []
"""The seconds that the initializer had left."""


def note_remaining() -> None:
    """Note what the initializer has left of its time."""
    task = current_task()
    remaining_at_start.append(task.remaining() if task is not None else -1)


def remaining_here(_item: object = None) -> float | None:
    """Return how much time the call has left."""
    task = current_task()
    return None if task is None else task.remaining()


def remaining_is_less(_item: object = None) -> bool:
    """Say whether there is less time left, the longer the call runs; in a thread of it, too."""
    task = current_task()
    assert task is not None
    seen = [task.remaining()]
    while task.remaining() == seen[0]:
        pass
    thread = threading.Thread(target=lambda: seen.append(task.remaining()))
    thread.start()
    thread.join()
    first, second = seen
    return first is not None and second is not None and second < first


def remaining_in_initializer() -> float | None:
    """Return what the initializer has noted."""
    return remaining_at_start[0]


def remaining_when_over(teller: int) -> None:
    """Tell what is left when the time is over."""
    task = current_task()
    assert task is not None
    with task.shield():
        while not task.cancelled():
            pass
        os.write(teller, repr(task.remaining()).encode())
