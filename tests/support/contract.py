"""The three classes that `test_contract*.py` hold to one contract."""

import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

import pytest

import tasks
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor

try:
    from concurrent.futures import InterpreterPoolExecutor as StdlibPool
except ImportError:
    StdlibPool = None  # type: ignore[assignment,misc]  # 3.13

_FIND_TASKS = f"import sys; sys.path.append({str(Path(tasks.__file__).parent)!r})"


class Maker(Protocol):
    """Makes a pool of the class that is under test."""

    def __call__(self, max_workers: int | None = None) -> Executor:
        """Make it."""


def _stdlib_pool(max_workers: int | None = None) -> Executor:
    """Make the standard library's pool; its workers do not see our `sys.path`."""
    return StdlibPool(max_workers, initializer=exec, initargs=(_FIND_TASKS,))


MAKERS: dict[str, Maker] = {"threads": ThreadPoolExecutor, "ours": InterpreterPoolExecutor}
CLASSES: list[type[Executor]] = [ThreadPoolExecutor, InterpreterPoolExecutor]
if StdlibPool is not None:
    MAKERS["stdlib"] = _stdlib_pool
    CLASSES.append(StdlibPool)

each_pool = pytest.mark.parametrize("make_pool", MAKERS.values(), ids=MAKERS)
"""Runs a test once for each class."""


def need_buffersize(make_pool: Maker) -> None:
    """Skip the test for a class whose `map` has no `buffersize`."""
    if make_pool is not InterpreterPoolExecutor and sys.version_info < (3, 14):
        pytest.skip("map() has no buffersize before 3.14")


def wait_for(future: "Future[object]") -> None:
    """Wait until a future is done, however it ended."""
    assert not wait([future], TIME_LIMIT).not_done


def queue_up(pool: Executor, gate: Gate, count: int = 12) -> "list[Future[object]]":
    """Occupy a pool's only worker, and queue calls behind that call."""
    first = pool.submit(tasks.pass_gate, gate.handle, 0)
    gate.await_knocks(1)
    return [first, *(pool.submit(tasks.pass_gate, gate.handle, n) for n in range(1, count))]
