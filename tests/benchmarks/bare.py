"""Interpreters without any pool: the floor under workers that are ready."""

import importlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from benchmarks.meeting import WORKERS
from benchmarks.missing import MissingError


@contextmanager
def bare_interpreters(module: ModuleType, count: int = WORKERS) -> Iterator[None]:
    """Create an interpreter in each of so many threads, have it run a statement, close all."""
    made = []

    def make() -> None:
        interpreter = module.create()
        made.append(interpreter)
        interpreter.exec("import pickle")

    threads = [threading.Thread(target=make) for _ in range(count)]
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


def bare_start(count: int) -> float:
    """Return how many ms so many bare interpreters take until each has run a statement."""
    module = interpreters_module()
    start = time.perf_counter()
    with bare_interpreters(module, count):
        return (time.perf_counter() - start) * 1e3
