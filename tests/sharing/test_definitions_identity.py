"""Objects that several variables refer to: one object in a worker if they came together."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor

GLOBALS = """
first = second = [1]
def put_first(n): first.append(n); return first
def put_second(n): second.append(n); return second
def both(n): put_first(n); put_second(n); return first is second, first

class Box: items = [1]
box = Box()
def put_box(n): Box.items.append(n); return Box.items
def look_box(): return box.items
"""


def result(pool: Pool, fn: Callable[..., object], *args: object) -> Any:
    """Return the result of a call."""
    return pool.submit(fn, *args).result(TIME_LIMIT)


@pytest.fixture
def program(program: ModuleType) -> ModuleType:
    """Define the globals in the `__main__` of the test."""
    exec(GLOBALS, vars(program))
    return program


def test_two_globals_that_came_together(pool: Pool, program: ModuleType) -> None:
    """With a function that reads both, or calls one that does: they stay one object."""
    assert result(pool, program.both, 2) == (True, [1, 2, 2])
    assert result(pool, program.put_first, 3) == [1, 2, 2, 3]
    assert result(pool, program.put_second, 4) == [1, 2, 2, 3, 4]


def test_two_globals_that_came_one_after_the_other(pool: Pool, program: ModuleType) -> None:
    """Each with a function that reads it alone: they are two objects, until they change here."""
    assert result(pool, program.put_first, 2) == [1, 2]
    assert result(pool, program.put_second, 3) == [1, 3]
    assert result(pool, program.both, 4) == (False, [1, 2, 4])
    program.first.append(5)
    assert result(pool, program.both, 6) == (True, [1, 5, 6, 6])


def test_an_object_that_holds_both(pool: Pool, program: ModuleType) -> None:
    """A class has one list for all functions that ask for it: that is the way out."""
    assert result(pool, program.put_box, 2) == [1, 2]
    assert result(pool, program.look_box) == [1, 2]


def test_an_argument_is_a_copy(pool: Pool, program: ModuleType) -> None:
    """An argument is not the object that a global of the function refers to."""
    exec("def same(one): return one is first, one == first", vars(program))
    assert result(pool, program.same, program.first) == (False, True)


def make() -> tuple[Callable[[], int], Callable[[], int]]:
    """Return two closures of one variable."""
    count = 0

    def add() -> int:
        nonlocal count
        count += 1
        return count

    return add, lambda: count


def test_two_closures_that_came_together(pool: Pool) -> None:
    """As variables of one function: they share the variable, also in later calls of that."""
    add, look = make()

    def both() -> tuple[int, int]:
        return add(), look()

    assert [result(pool, both) for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]
    assert result(pool, look) == 3
    assert look() == 0


def test_two_closures_that_came_one_after_the_other(pool: Pool) -> None:
    """By themselves, in two calls or as two arguments: each has a variable of its own."""
    add, look = make()
    assert [result(pool, add), result(pool, look)] == [1, 0]
    add, look = make()
    assert result(pool, lambda add, look: (add(), look()), add, look) == (1, 0)
