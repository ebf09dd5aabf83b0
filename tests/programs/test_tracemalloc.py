"""`tracemalloc`, which crashes CPython before 3.15 when a subinterpreter ends."""

import logging
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor
from interpexec._core import memory_tracing
from interpexec._core.cpython import Interpreter
from programs import error_of, output, run, write

IS_SAFE = sys.version_info >= (3, 15)
unsafe = pytest.mark.skipif(IS_SAFE, reason="it is safe on this Python")

PROGRAM = """
    import tracemalloc

    if __name__ == "__main__":
        assert tracemalloc.is_tracing()
        with InterpreterPoolExecutor(2) as pool:
            print(list(pool.map(pow, [2, 3], [4, 5])))
        tracemalloc.take_snapshot()
"""


@pytest.fixture(autouse=True)
def _is_off() -> Iterator[None]:
    """Let it not be on beyond a test."""
    yield
    tracemalloc.stop()


@unsafe
def test_no_worker_is_started_while_it_is_on() -> None:
    """`submit` and the like say so; when it is off, the same pool works."""
    with InterpreterPoolExecutor(2) as pool:
        tracemalloc.start()
        for attempt in (
            lambda: pool.submit(tasks.same, 1),
            lambda: list(pool.map(tasks.same, [1, 2])),
            pool.warm,
        ):
            with pytest.raises(RuntimeError, match="tracemalloc is on") as raised:
                attempt()
            assert not isinstance(raised.value, BrokenInterpreterPool)
        tracemalloc.stop()
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
        assert list(pool.map(tasks.same, [1, 2])) == [1, 2]


@unsafe
def test_it_is_stopped_when_a_worker_ends(caplog: pytest.LogCaptureFixture) -> None:
    """`tracemalloc` was started beside workers: a warning says so, and the program lives."""
    with InterpreterPoolExecutor(2) as pool:
        pool.warm()
        tracemalloc.start()
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()
    (record,) = [each for each in caplog.records if "tracemalloc" in each.message]
    assert (record.name, record.levelno) == ("interpexec", logging.WARNING)


@unsafe
def test_calls_that_no_worker_can_run_any_more_fail() -> None:
    """The last worker has ended, and no other one may be started: nothing hangs."""
    with InterpreterPoolExecutor(1, max_tasks_per_child=1) as pool:
        pool.submit(tasks.same, 1).result(TIME_LIMIT)
        # It ends now, or has: so this call is refused, breaks with the pool, or was in time.
        tracemalloc.start()
        try:
            error = pool.submit(tasks.same, 2).exception(TIME_LIMIT)
        except RuntimeError as refused:
            error = refused
        assert error is None or "tracemalloc" in f"{error} {error.__cause__}"


@unsafe
@pytest.mark.parametrize("step", ["__init__", "destroy"])
def test_it_waits_until_no_worker_begins_or_ends(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`start` in the middle of that would be a crash on 3.13, and a hang on 3.14."""
    reached, free = threading.Event(), threading.Event()
    real = getattr(Interpreter, step)

    def slow(self: Interpreter) -> None:
        reached.set()
        free.wait(TIME_LIMIT)
        real(self)

    monkeypatch.setattr(Interpreter, step, slow)
    with InterpreterPoolExecutor(1, max_tasks_per_child=1) as pool:
        first = pool.submit(tasks.same, 1)
        assert reached.wait(TIME_LIMIT)
        try:
            with monkeypatch.context() as short:
                short.setattr(memory_tracing, "LIMIT", 0.01)
                with pytest.raises(RuntimeError, match="tracemalloc cannot be started"):
                    tracemalloc.start()
            assert not tracemalloc.is_tracing()
        finally:
            free.set()
        assert first.result(TIME_LIMIT) == 1
    tracemalloc.start(3)
    assert tracemalloc.get_traceback_limit() == 3


@unsafe
def test_programs_that_imported_the_module_first_are_guarded() -> None:
    """`start` has the name, the document, the argument and the errors that it had."""
    with InterpreterPoolExecutor(1) as pool:
        pool.warm()
    assert tracemalloc.start is memory_tracing.start
    assert tracemalloc.start.__name__ == "start"
    assert "Start tracing Python memory" in (tracemalloc.start.__doc__ or "")
    with pytest.raises(ValueError, match="number of frames"):
        tracemalloc.start(0)
    memory_tracing.after_fork()
    tracemalloc.start()
    assert tracemalloc.is_tracing()


@pytest.mark.parametrize("how", ["variable", "option"])
def test_a_program_that_was_started_with_it(how: str, tmp_path: Path) -> None:
    """The error names it and the way out; where it is safe, all goes well."""
    path = write(tmp_path / "program.py", PROGRAM)
    options = ["-X", "tracemalloc=3"] if how == "option" else []
    environment = {"PYTHONTRACEMALLOC": "1"} if how == "variable" else {}
    if IS_SAFE:
        assert output(*options, path, environment=environment) == "[16, 243]\n"
        return
    done = run(*options, path, environment=environment)
    assert done.returncode == 1
    last = error_of(done.stderr)
    assert last.startswith("RuntimeError: workers cannot be started while tracemalloc is on")
    assert "PYTHONTRACEMALLOC" in last
