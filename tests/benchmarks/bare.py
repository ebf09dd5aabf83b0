"""Two interpreters without any pool: the floor under two ready workers."""

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from benchmarks.meeting import WORKERS
from benchmarks.missing import MissingError


@contextmanager
def bare_interpreters(module: ModuleType) -> Iterator[None]:
    """Create an interpreter in each of two threads, have it run a statement, close both."""
    made = []

    def make() -> None:
        interpreter = module.create()
        made.append(interpreter)
        interpreter.exec("import pickle")

    threads = [threading.Thread(target=make) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield
    for interpreter in made:
        interpreter.close()


def interpreters_module() -> ModuleType:
    """Return ``concurrent.interpreters``; raise MissingError before CPython 3.14."""
    try:
        return importlib.import_module("concurrent.interpreters")
    except ImportError as error:
        raise MissingError(str(error)) from error
