"""Ordinary calls: they return, fail, wait at a gate, say where they run, leave something behind.

The first place to look for a function to submit. A worker imports this module, so it imports
little.
"""

import _interpreters
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gates import Handle

calls = 0
"""How often `count_call` ran in this interpreter: module state lives on."""

kept: list[object] = []
"""Objects that `keep` was given in this interpreter."""


def same[T](value: T) -> T:
    """Return what was given."""
    return value


def arguments(*args: object, **kwargs: object) -> tuple[object, ...]:
    """Return all that was given."""
    return args, kwargs


def fail(error: BaseException) -> None:
    """Raise what was given."""
    raise error


def divide(a: int, b: int) -> float:
    """Return a quotient, or raise ZeroDivisionError."""
    return a / b


def apply[T](fn: "Callable[..., T]", /, *args: object, **kwargs: object) -> T:
    """Call a function that came as an argument."""
    return fn(*args, **kwargs)


def pass_gate[T](handle: "Handle", value: T = None) -> T:  # type: ignore[assignment]
    """Knock at a gate, wait until it lets this in, return `value`."""
    knocker, entrance = handle
    os.write(knocker, b"!")
    os.read(entrance, 1)
    return value


def pass_gate_and_break_worker(handle: "Handle") -> None:
    """Do as `pass_gate`, and have the worker fail at its next call."""
    from interpexec._worker import run_call

    pass_gate(handle)
    run_call.attempt = None  # type: ignore[assignment]  # on purpose


def pass_gate_and_fail(handle: "Handle", error: BaseException) -> None:
    """Do as `pass_gate`, and raise."""
    pass_gate(handle)
    raise error


def interpreter() -> int:
    """Return the number of the interpreter that runs this."""
    return int(_interpreters.get_current()[0])


def thread_name() -> str:
    """Return the name of the running thread."""
    return threading.current_thread().name


def os_thread_name() -> str:
    """Return the name the operating system shows for the running thread (Linux)."""
    path = f"/proc/self/task/{threading.get_native_id()}/comm"
    with open(path, encoding="utf-8") as file:  # pathlib is dear to import
        return file.read().strip()


def count_call(_: object = None) -> int:
    """Return how often this ran in this interpreter."""
    global calls  # noqa: PLW0603  # the module state that the tests look at
    calls += 1
    return calls


def counting() -> "Callable[[], int]":
    """Return a function without a name here, that does what `count_call` does."""

    def count() -> int:
        global calls  # noqa: PLW0603  # as there
        calls += 1
        return calls

    return count


def keep(value: object) -> None:
    """Remember a value in this interpreter."""
    kept.append(value)


def kept_values() -> list[object]:
    """Return what `keep` was given in this interpreter."""
    return kept


def note(descriptor: int, value: int) -> int:
    """Write one byte that says that this ran, and return the value."""
    os.write(descriptor, bytes([value]))
    return value


def paths() -> tuple[list[str], list[str]]:
    """Return `sys.path` and `sys.argv`."""
    return sys.path, sys.argv


class Shape:
    """Something with methods of each kind."""

    def __init__(self, side: int) -> None:
        self.side = side

    def area(self) -> int:
        """Return the area."""
        return self.side**2

    def __call__(self, factor: int) -> int:
        """Return the area of a strip."""
        return self.side * factor

    @classmethod
    def unit(cls) -> "Shape":
        """Return the shape of side 1."""
        return cls(1)

    @staticmethod
    def corners() -> int:
        """Return how many corners there are."""
        return 4

    class Inner:
        """A class inside another one."""

        @staticmethod
        def name() -> str:
            """Return a name."""
            return "inner"


def interpreter_of(_: object) -> int:
    """Return the number of the interpreter, for a map."""
    return interpreter()


def pass_gate_if[T](handle: "Handle", slow: bool, value: T) -> T:
    """Wait at the gate if told so; return the value."""
    return pass_gate(handle, value) if slow else value


class Mortal:
    """Knocks when it dies in a worker."""

    def __init__(self, knocker: int, *, here: bool = False) -> None:
        self.knocker = knocker
        self.knocks = here

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.knocks = True

    def __del__(self) -> None:
        if self.knocks:
            os.write(self.knocker, b"!")


def fail_with(mortal: Mortal, _: object) -> None:
    """Raise an exception that holds on to nothing, from a frame that holds `mortal`."""
    raise ValueError(type(mortal).__name__)


def identity_of(value: object) -> int:
    """Return the identity of a value, for a map."""
    return id(value)


def interpreter_behind(handle: "Handle") -> int:
    """Wait at a gate; return the number of the interpreter."""
    pass_gate(handle)
    return interpreter()


def kept_values_for(_: object) -> list[object]:
    """Return what `keep` was given in this interpreter, for a map."""
    return kept


def leave_thread(handle: "Handle") -> None:
    """Start a thread that waits at a gate, and return."""
    threading.Thread(target=pass_gate, args=(handle,)).start()


def _increase(n: int) -> int:
    return n + 1


def _double(n: int) -> int:
    return 2 * n


def leave_thread_pool(n: int) -> int:
    """Use a ThreadPoolExecutor and do not shut it down."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(2)
    kept.append(pool)
    return pool.submit(_increase, n).result()


def use_inner_pool(items: list[int], *, leave: bool) -> list[int]:
    """Use a pool of interpreters inside this one; leave it behind if told so."""
    from interpexec import InterpreterPoolExecutor

    pool = InterpreterPoolExecutor(1)
    kept.append(pool)
    results = list(pool.map(_double, items))
    if not leave:
        pool.shutdown()
    return results


def print_error(text: str) -> None:
    """Print to standard error, which is not flushed by itself here."""
    sys.stderr.reconfigure(line_buffering=False)  # type: ignore[union-attr]
    sys.stderr.write(text)


def run_loop(numbers: list[int]) -> list[int]:
    """Run an asyncio loop in the worker."""
    import asyncio

    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    async def main() -> list[int]:
        return list(await asyncio.gather(*map(double, numbers)))

    return asyncio.run(main())


def close_output() -> None:
    """Close standard output and error, one of them in the rudest way."""
    sys.stdout.close()
    sys.stderr = None  # type: ignore[assignment]


def empty_path() -> None:
    """Leave nothing to import from."""
    sys.path.clear()


def empty_path_and_divide(a: int, b: int) -> float:
    """Do both."""
    empty_path()
    return divide(a, b)


def worker_index() -> int:
    """Return the index of the worker that runs this, and keep it, too."""
    from interpexec import current_worker

    worker = current_worker()
    assert worker is not None
    kept.append(worker.index)
    return worker.index


def worker_identity() -> tuple[int, str, str]:
    """Return the index and the name of the worker that runs this, and the name of its thread."""
    from interpexec import current_worker

    worker = current_worker()
    assert worker is not None
    return worker.index, worker.name, thread_name()


def worker_index_of_thread() -> int:
    """Return the index that a thread of the call sees."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(worker_index()))
    thread.start()
    thread.join()
    return found[0]


def pass_gate_and_tell_index(handle: "Handle") -> int:
    """Knock at a gate, wait until it lets this in, return the worker's index."""
    pass_gate(handle)
    return worker_index()


def index_inside_and_outside() -> tuple[int, int, str]:
    """Return the index here, and that of a worker of a pool that is made here."""
    from interpexec import InterpreterPoolExecutor

    with InterpreterPoolExecutor(1, "inner") as pool:
        index, name, _ = pool.submit(worker_identity).result(20)
    return worker_index(), index, name
