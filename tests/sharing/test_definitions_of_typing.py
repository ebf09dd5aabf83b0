"""Type aliases and type parameters that mention themselves are sent by value."""

import sys
import typing
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast

DEFINITIONS = """
import typing
from typing import TypeVar

type Json = dict[str, Json] | list[Json] | str
type Tree[T] = T | list[Tree[T]]
type A = list[B]
type B = dict[str, A]
type Absent = Nowhere
type Nested[T = Nested[int]] = list[T]

class Bound[T: "Bound[int]" = list[int]]: ...

class Node[T: Node[int] = Node[str], **P = [Node]]:
    def give(self, x: T) -> Json: return x

class Many[*Ts = *tuple[int, Many]]: ...

def constrained[T: (list[A], B)](x: T) -> T: return x

Old = TypeVar("Old", covariant=True, bound="Bound")

def annotated(x: Json) -> Tree[int]: return str(Json.__value__)

def aliases():
    return str(Json), Json.__module__, str(Tree.__value__), str(Tree[int]), Tree.__name__

def are_mutual():
    return A.__value__.__args__[0] is B, B.__value__.__args__[1] is A

def has_own_default():
    (parameter,) = Nested.__type_params__
    default = parameter.__default__
    return default.__origin__ is Nested, parameter.has_default(), str(Nested.__value__)

def error():
    try: Absent.__value__
    except NameError as error: return str(error)

def constraints():
    (parameter,) = constrained.__type_params__
    annotation = constrained.__annotations__["x"]
    return [str(each) for each in parameter.__constraints__], annotation is parameter

def parameters():
    first, second = Node.__type_params__
    (third,) = Many.__type_params__
    seen = first.__bound__, first.__default__, second.__default__, third.__default__
    same = Node.give.__annotations__["x"] is first, first.__infer_variance__, first.__module__
    return [str(each) for each in seen], same, Bound.__type_params__[0].__bound__

def old():
    return Old.__covariant__, Old.__infer_variance__, Old.__bound__.__forward_arg__
"""


@pytest.fixture(scope="module")
def program() -> Iterator[ModuleType]:
    """Make a `__main__` that has all of them."""
    main, before = ModuleType("__main__"), sys.modules["__main__"]
    sys.modules["__main__"] = main
    exec(compile(DEFINITIONS, "<cell>", "exec"), vars(main))
    yield main
    sys.modules["__main__"] = before


@pytest.mark.parametrize(
    "name",
    [
        *("aliases", "are_mutual", "has_own_default", "error", "constraints", "parameters"),
        "old",
    ],
)
def test_a_worker_sees_what_is_here(
    pool: InterpreterPoolExecutor, program: ModuleType, name: str
) -> None:
    """The names, what they stand for, and that it is the same object each time."""
    function: Callable[[], object] = getattr(program, name)
    assert pool.submit(function).result(TIME_LIMIT) == function()


def test_an_annotation_may_be_recursive(pool: InterpreterPoolExecutor, program: ModuleType) -> None:
    """Whether the alias is used in the function, or only in its annotations."""
    assert pool.submit(program.annotated, "x").result(TIME_LIMIT) == program.annotated("x")
    assert pool.submit(program.constrained, 3).result(TIME_LIMIT) == 3


@pytest.mark.parametrize("name", ["Json", "Tree", "A", "Nested", "Absent", "Old", "Node"])
def test_definitions_come_back_as_themselves(
    pool: InterpreterPoolExecutor, program: ModuleType, name: str
) -> None:
    """By itself, and in other objects."""
    sent = getattr(program, name)
    assert pool.submit(tasks.same, sent).result(TIME_LIMIT) is sent
    assert pool.submit(tasks.same, [sent]).result(TIME_LIMIT)[0] is sent


def test_an_alias_of_a_function(pool: InterpreterPoolExecutor) -> None:
    """A local alias has no name in a module."""
    type Local = list[Local] | int

    def is_recursive(_: Local) -> bool:
        return typing.get_args(typing.get_args(Local.__value__)[0])[0] is Local

    assert pool.submit(is_recursive, 1).result(TIME_LIMIT)
    assert pool.submit(tasks.same, [Local]).result(TIME_LIMIT)[0] is Local
