"""Functions and classes that were sent are freed, here and in workers."""

import gc
import weakref
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

type Pool = InterpreterPoolExecutor

COUNT = 150


def result(pool: Pool, fn: Callable[..., object], *args: object) -> Any:
    """Return the result of a call."""
    return pool.submit(fn, *args).result(TIME_LIMIT)


def made(mark: int) -> type:
    """Return a class that has references to itself."""

    class Made:
        number = mark

        def same(self) -> type:
            return __class__  # type: ignore[name-defined]  # the class itself

    return Made


def count(name: str) -> int:
    """Return how many classes and functions of a name there are."""
    import gc  # in the worker
    import types

    gc.collect()
    kinds = type, types.FunctionType
    return sum(isinstance(each, kinds) and each.__name__ == name for each in gc.get_objects())


def left(pool: Pool, name: str) -> tuple[int, int]:
    """Return how many there are here and in the worker, when it was told of those that are gone."""
    gc.collect()
    for number in range(COUNT // 2):
        result(pool, lambda number=number: number)
    return count(name), result(pool, count, name)


def test_classes_that_are_made_for_one_call(pool: Pool) -> None:
    """Each is sent, and its instances are; none is left when it is gone here."""
    references = []
    for number in range(COUNT):
        cls = made(number)
        references.append(weakref.ref(cls))
        assert result(pool, lambda cls: cls().number, cls) == number
        assert type(result(pool, tasks.same, cls())) is cls
    del cls
    assert left(pool, "Made") == (0, 0)
    assert [each() for each in references] == [None] * COUNT


def test_classes_that_a_worker_makes_for_one_call(pool: Pool) -> None:
    """Local classes come back with their instances, and go with these."""

    def make(number: int) -> object:
        class Local:
            mark = number

        return Local()

    for number in range(COUNT):
        assert result(pool, make, number).mark == number
    assert left(pool, "Local") == (0, 0)


def test_a_class_that_is_defined_again_for_each_call(pool: Pool, program: Any) -> None:
    """Under one name, and a function uses it: the last one is left."""
    exec("def use(): return Again.number", vars(program))
    for number in range(COUNT):
        exec(f"class Again:\n    number = {number}\n    def f(self): super().f()", vars(program))
        assert result(pool, program.use) == number
        assert type(result(pool, program.Again)) is program.Again
    here, there = left(pool, "Again")
    assert (here, there) == (1, 1)


def test_functions_that_are_made_for_one_call(pool: Pool) -> None:
    """Closures, functions of a namespace of their own, functions that refer to themselves."""

    def make(number: int) -> list[Callable[..., object]]:
        namespace: dict[str, Any] = {}
        exec("X = [0]\ndef other(): return len(X)\ndef lone(): return other()", namespace)

        def down(n: int) -> int:
            return down(n - 1) if n else number

        return [lambda: number, namespace["lone"], lambda: down(3)]

    for number in range(COUNT):
        expected = [number, 1, number]
        assert [result(pool, function) for function in make(number)] == expected
    for name in ("lone", "other", "down"):
        assert left(pool, name) == (0, 0)


def test_named_tuples_that_are_made_for_one_call(pool: Pool) -> None:
    """Their methods have globals of their own."""
    for number in range(COUNT):
        cls = namedtuple("Couple", "x y")  # type: ignore[misc]  # noqa: PYI024  # that is the case
        assert result(pool, tasks.same, cls(number, 2)) == (number, 2)
    del cls
    assert left(pool, "Couple") == (0, 0)


def test_a_class_that_comes_back_late_is_the_callers_own(pool: Pool, program: Any) -> None:
    """Its definition is no longer kept by anybody but the class itself."""
    exec(
        "kept = None\ndef keep(one):\n    global kept\n    kept = one\n"
        "def give(): return kept, type(kept)",
        vars(program),
    )
    cls = made(1)
    result(pool, program.keep, cls())
    for number in range(1100):  # more than a worker keeps
        result(pool, lambda number=number: number)
    gc.collect()
    kept, kind = result(pool, program.give)
    assert type(kept) is cls
    assert kind is cls
    assert result(pool, lambda one: type(one) is cls, kept)


def test_a_function_that_was_sent_can_be_copied_and_pickled(pool: Pool) -> None:
    """Other libraries take its attributes along."""
    import copy
    import pickle

    def function() -> int:
        return 3

    function.mark = [1]  # type: ignore[attr-defined]  # that is the case
    assert result(pool, function) == 3
    assert pickle.loads(pickle.dumps(function.__dict__))["mark"] == [1]
    assert copy.deepcopy(function.__dict__)["mark"] == [1]
    assert [name for name in dir(made(1)) if "interpexec" in name] == []


def test_a_protocol_has_no_more_members_when_it_was_sent(pool: Pool) -> None:
    """The record is an attribute of the class."""
    from typing import Protocol, get_protocol_members

    class Base(Protocol):
        def size(self) -> int: ...

    result(pool, tasks.same, Base)

    class Derived(Base, Protocol):
        pass

    assert get_protocol_members(Derived) == {"size"}
