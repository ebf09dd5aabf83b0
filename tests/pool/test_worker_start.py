"""A worker starts with the least; the rest is there when a call asks for it."""

import os
import sys
from pathlib import Path

import pytest

import stoppable
from interpexec import InterpreterPoolExecutor
from interpexec._core import cpython
from interpexec._worker import threads
from programs import output, write
from stops import TIME_LIMIT, Pipe, pool_of

pytestmark = pytest.mark.fast

_IS_IMPORTED = "{!r} in __import__('sys').modules"
_NAME = "__import__('threading').current_thread().name"
_NAMES = "sorted(thread.name for thread in __import__('threading').enumerate())"


def _bare_modules() -> set[str]:
    """Return the names of the modules that an interpreter has which ran nothing."""
    reader, writer = os.pipe()
    interpreter = cpython.Interpreter()
    try:
        interpreter.run(f"import os, sys; os.write({writer}, '\\n'.join(sys.modules).encode())")
        return set(os.read(reader, 1 << 16).decode().split())
    finally:
        interpreter.destroy()
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("name", ["threading", "functools", "collections", "array"])
def test_dear_modules_are_imported_by_the_call_that_needs_them(name: str) -> None:
    """Not at the start; and it is the real one."""
    if name in _bare_modules():
        pytest.skip("each interpreter here imports it anyway")
    with InterpreterPoolExecutor(1) as pool:
        assert not pool.submit(eval, _IS_IMPORTED.format(name)).result(TIME_LIMIT)
        spec = f"(lambda spec: (spec.name, spec.origin))(__import__({name!r}).__spec__)"
        expected = sys.modules[name].__spec__
        assert expected is not None
        found = pool.submit(eval, spec).result(TIME_LIMIT)
        assert found == (expected.name, expected.origin)


def test_a_worker_knows_its_threads_when_threading_is_imported_late() -> None:
    """A call that imports `threading` finds the names; nothing of ours stays in its way."""
    with InterpreterPoolExecutor(1, thread_name_prefix="cook") as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0
        (done,) = pool.broadcast(int)
        assert done.result(TIME_LIMIT) == 0  # so all our threads are up
        assert pool.submit(eval, _NAME).result(TIME_LIMIT) == "cook_0"
        names = pool.submit(eval, _NAMES).result(TIME_LIMIT)
        assert names == ["MainThread", "cook_0", "cook_0_broadcasts", "cook_0_control"]
        ours = "[type(each).__module__ for each in __import__('sys').meta_path]"
        assert threads.__name__ not in pool.submit(eval, ours).result(TIME_LIMIT)
        loader = "type(__import__('threading').__loader__).__module__"
        assert pool.submit(eval, loader).result(TIME_LIMIT) != threads.__name__


def test_a_broadcast_may_be_the_first_to_import_threading() -> None:
    """`threading` is told both threads, and forgets the one that ends."""
    with InterpreterPoolExecutor(1, thread_name_prefix="cook") as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0
        (told,) = pool.broadcast(eval, _NAME)
        assert told.result(TIME_LIMIT) == "cook_0_broadcasts"
        assert pool.submit(eval, _NAME).result(TIME_LIMIT) == "cook_0"


def test_a_thread_that_has_ended_is_not_told() -> None:
    """`threading` has no dead thread on its list, whichever thread comes first."""
    handle = threads.start(lambda: None, "short")
    handle.join()
    assert handle.ident not in threads._names


def test_garbage_is_collected_in_a_worker() -> None:
    """The collector is off while a worker starts, and on afterwards."""
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(eval, "__import__('gc').isenabled()").result(TIME_LIMIT)


def test_hired_workers_end_with_their_pool() -> None:
    """A pool that is dropped ends, even where no call ever came."""
    pool = InterpreterPoolExecutor(2)
    pool.warm(wait=False)
    del pool


def test_hired_workers_may_end_before_the_first_call(begun: Pipe) -> None:
    """The broadcast was stopped there; the call finds the thread that has taken the place."""
    with pool_of(1) as pool:
        pool.warm(wait=False)
        (former,) = pool._threads
        (future,) = pool.broadcast(stoppable.spin, begun.writer)
        begun.hear()
        assert future.cancel()
        former.join(TIME_LIMIT)
        assert pool.submit(pow, 2, 3).result(TIME_LIMIT) == 8


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="CPython 3.14 fills it under a lock")
def test_the_main_interpreter_makes_the_first_simple_type_of_ctypes(tmp_path: Path) -> None:
    """Making it fills a table of the process: a worker that did so just then would crash."""
    program = """
        import sys

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                pool.warm()
                from _ctypes import _SimpleCData

                print(_SimpleCData.__subclasses__() != [])
        """
    assert output(write(tmp_path / "program.py", program)) == "True\n"
