"""Cells of a program of a test's own, as a notebook has, and calls of its functions."""

from collections.abc import Callable
from types import ModuleType

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

type Pool = InterpreterPoolExecutor


def run(program: ModuleType, text: str) -> None:
    """Run a cell."""
    exec(compile(text, "<cell>", "exec"), vars(program))  # of a test


def result(pool: Pool, fn: Callable[..., object], *args: object) -> object:
    """Return the result of a call."""
    return pool.submit(fn, *args).result(TIME_LIMIT)
