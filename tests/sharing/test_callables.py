"""Callables are sent as users expect: by name, by value, or refused with a reason.

Programs of their own, with functions in `__main__`, are in `test_programs.py`.
"""

import operator
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FunctionType

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast


# -- by name --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "args", "expected"),
    [
        (tasks.same, (1,), 1),
        (len, ("abc",), 3),
        (str.upper, ("abc",), "ABC"),
        ("abc".upper, (), "ABC"),
        ([3, 1].__len__, (), 2),
        (dict.fromkeys, ("ab",), {"a": None, "b": None}),
        (operator.itemgetter(1), ("abc",), "b"),
        (operator.methodcaller("upper"), ("abc",), "ABC"),
        (Counter, ("aab",), Counter("aab")),
        (int, ("ff", 16), 255),
        (tasks.Shape(3).area, (), 9),
        (tasks.Shape(3), (5,), 15),
        (tasks.Shape.corners, (), 4),
        (tasks.Shape(2).corners, (), 4),
        (tasks.Shape.Inner.name, (), "inner"),
        (tasks.Shape.area, (tasks.Shape(4),), 16),
        (partial(pow, 2), (10,), 1024),
        (partial(partial(int, base=2), "101"), (), 5),
        (partial(tasks.apply, tasks.Shape(3).area), (), 9),
    ],
)
def test_importable_callables_are_called(
    pool: InterpreterPoolExecutor,
    fn: Callable[..., object],
    args: tuple[object, ...],
    expected: object,
) -> None:
    """Functions, builtins, methods, classes, partials: whatever pickle finds by its name."""
    assert pool.submit(fn, *args).result(TIME_LIMIT) == expected
    assert list(pool.map(fn, *([arg] * 3 for arg in args), chunksize=2)) in (
        [expected] * 3,
        [],  # a map over no iterables
    )


def test_a_class_method_makes_its_class(pool: InterpreterPoolExecutor) -> None:
    """The result is an instance of the class that this side knows."""
    shape = pool.submit(tasks.Shape.unit).result(TIME_LIMIT)
    assert type(shape) is tasks.Shape
    assert shape.side == 1


def test_module_state_of_a_worker_lives_on(pool: InterpreterPoolExecutor) -> None:
    """The next call finds what a call left in a module of the worker; this interpreter does not."""
    before = tasks.calls
    first = pool.submit(tasks.count_call).result(TIME_LIMIT)
    assert [pool.submit(tasks.count_call).result(TIME_LIMIT) for _ in range(3)] == [
        first + 1,
        first + 2,
        first + 3,
    ]
    assert tasks.calls == before


# -- by value -------------------------------------------------------------------


def test_lambdas_are_sent(pool: InterpreterPoolExecutor) -> None:
    """As the function of a call, of a map, inside a partial, as an argument."""
    assert pool.submit(lambda: 7).result(TIME_LIMIT) == 7
    assert pool.submit(lambda *a, **k: (a, k), 1, b=2).result(TIME_LIMIT) == ((1,), {"b": 2})
    assert list(pool.map(lambda n: n * n, range(5))) == [0, 1, 4, 9, 16]
    assert list(pool.map(lambda n: n * n, range(5), chunksize=2)) == [0, 1, 4, 9, 16]
    assert sorted(pool.imap_unordered(lambda n: -n, range(3))) == [-2, -1, 0]
    assert pool.submit(partial(lambda a, b: a - b, 5), 3).result(TIME_LIMIT) == 2
    assert pool.submit(tasks.apply, lambda n: n + 1, 1).result(TIME_LIMIT) == 2
    assert pool.submit(sorted, ["bb", "a"], key=lambda s: (len(s), s)).result(TIME_LIMIT) == [
        "a",
        "bb",
    ]


def test_local_functions_are_sent_with_all_that_is_theirs(pool: InterpreterPoolExecutor) -> None:
    """Defaults, keyword defaults, name, docstring and attributes arrive."""

    def local(a: int, b: int = 2, /, *rest: int, c: int = 3, **more: int) -> object:
        """Say something."""
        return a, b, rest, c, more

    local.mark = "x"  # type: ignore[attr-defined]
    assert pool.submit(local, 1).result(TIME_LIMIT) == (1, 2, (), 3, {})
    assert pool.submit(local, 1, 5, 6, c=7, d=8).result(TIME_LIMIT) == (1, 5, (6,), 7, {"d": 8})
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "mark"):
        assert pool.submit(getattr, local, name).result(TIME_LIMIT) == getattr(local, name)


def test_a_renamed_function_keeps_its_name(pool: InterpreterPoolExecutor) -> None:
    """The worker sees the new name of a local function."""

    def local() -> None: ...

    local.__name__ = "renamed"
    assert pool.submit(getattr, local, "__name__").result(TIME_LIMIT) == "renamed"


def test_a_local_function_may_define_functions_and_classes(pool: InterpreterPoolExecutor) -> None:
    """Imports, inner functions, inner classes and generators are in its code, and are sent."""

    def imports() -> float:
        import math

        return math.sqrt(16)

    def inner_function() -> list[int]:
        def square(n: int) -> int:
            return n * n

        return [square(n) for n in range(4)]

    def inner_class() -> int:
        class Point:
            x = 3
            y = x + 1

        return Point.x + Point.y

    assert pool.submit(imports).result(TIME_LIMIT) == 4
    assert pool.submit(inner_function).result(TIME_LIMIT) == [0, 1, 4, 9]
    assert pool.submit(inner_class).result(TIME_LIMIT) == 7


def test_a_function_can_be_a_result(pool: InterpreterPoolExecutor) -> None:
    """A lambda that a worker returns is called here; a named function is ours."""
    made = pool.submit(lambda: lambda n: n + 1).result(TIME_LIMIT)
    assert made(1) == 2
    assert pool.submit(getattr, tasks, "same") is not None
    assert pool.submit(tasks.same, tasks.same).result(TIME_LIMIT) is tasks.same


def test_a_function_that_hides_behind_its_name_is_sent_by_value(
    pool: InterpreterPoolExecutor,
) -> None:
    """A function whose name leads to another one is itself in the worker, not that one."""

    def impostor() -> str:
        return "impostor"

    impostor.__module__, impostor.__qualname__ = "tasks", "same"
    assert pool.submit(impostor).result(TIME_LIMIT) == "impostor"


# -- where workers look ---------------------------------------------------------------


def test_workers_see_our_path_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sys.path` and `sys.argv` are what they are here when the worker starts."""
    monkeypatch.setattr(sys, "argv", ["program", "-x", "söme file", "\udcff"])
    monkeypatch.setattr(sys, "path", [*sys.path, "/no/such 'folder'", "/\udcff"])
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(tasks.paths).result(TIME_LIMIT) == (sys.path, sys.argv)


def test_a_module_made_while_the_program_runs_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker can import all that this side can, by a `sys.path` of its own."""
    (tmp_path / "fresh_module.py").write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    from fresh_module import answer  # type: ignore[import-not-found]

    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(answer).result(TIME_LIMIT) == 42


def test_a_program_without_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python is embedded there may be no `sys.argv`, and odd entries in `sys.path`."""
    monkeypatch.delattr(sys, "argv")
    monkeypatch.setattr(sys, "path", [*sys.path, None, Path("/folder"), b"/bytes"])
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_a_function_of_no_module(pool: InterpreterPoolExecutor) -> None:
    """A function that was made from bare code is sent by value."""
    function = FunctionType((lambda n: n + 1).__code__, {})
    assert pool.submit(function, 1).result(TIME_LIMIT) == 2
