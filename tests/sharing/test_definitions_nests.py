"""Random nests of functions, classes and globals give the same answers in a worker as here."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

COUNT = 6
NAMES = [f"n{index}" for index in range(COUNT)]

# Everything is asked in the same way: how deep to look.
ASK = """
def ask(thing, depth):
    if isinstance(thing, (list, tuple)): return [ask(each, depth) for each in thing]
    if isinstance(thing, dict): return {key: ask(each, depth) for key, each in thing.items()}
    if callable(thing): return thing(depth - 1) if depth else thing.__name__
    return thing if isinstance(thing, (int, str)) else thing.tell(depth - 1)
"""


def constant(name: str, refs: list[str], number: int) -> str:
    """Write a number, or a container of what is defined already."""
    del refs
    return f"{name} = {number}"


def a_list(name: str, refs: list[str], number: int) -> str:
    """Write a list that has other globals in it, as they are now."""
    return f"{name} = [{number}, *(globals()[n] for n in {refs!r} if n in globals())]"


def a_dictionary(name: str, refs: list[str], number: int) -> str:
    """Write a dictionary of them."""
    return f"{name} = {{{number}: {number}}} | {{n: globals().get(n, 0) for n in {refs!r}}}"


def a_function(name: str, refs: list[str], number: int) -> str:
    """Write a function that reads globals which may not be there yet."""
    asked = ", ".join(f"ask({ref}, depth)" for ref in refs)
    return f"def {name}(depth, n={number}):\n    return [n, {asked}] if depth > 0 else n"


def a_closure(name: str, refs: list[str], number: int) -> str:
    """Write a function of another function, whose variable is a global's value, and itself."""
    asked = ", ".join(f"ask({ref}, depth)" for ref in refs)
    return (
        f"def make(n):\n    value = globals().get({refs[0]!r}, 0)\n"
        f"    def {name}(depth):\n"
        f"        return [n, {name}.__name__, ask(value, depth), {asked}] if depth > 0 else n\n"
        f"    return {name}\n{name} = make({number})"
    )


def a_class(name: str, refs: list[str], number: int) -> str:
    """Write a class whose base is another one, if there is one."""
    asked = ", ".join(f"ask({ref}, depth)" for ref in refs)
    return (
        f"base = globals().get({refs[0]!r}, object)\n"
        f"base = base if isinstance(base, type) and base.__name__ != {name!r} else object\n"
        f"class {name}(base):\n    number = {number}\n"
        f"    def __new__(cls, depth):\n"
        f"        return [cls.number, __class__.__name__, {asked}] if depth > 0 else cls.number"
    )


def an_instance(name: str, refs: list[str], number: int) -> str:
    """Write an object of a class that has no global name any more."""
    return (
        f"class Gone:\n    def tell(self, depth):\n"
        f"        return [self.number, ask({refs[0]}, depth)] if depth > 0 else {number}\n"
        f"{name} = Gone()\n{name}.number = {number}\ndel Gone"
    )


KINDS = [constant, a_list, a_dictionary, a_function, a_closure, a_class, an_instance]
STATEMENTS = st.builds(
    lambda kind, name, refs, number: kind(name, refs, number),
    st.sampled_from(KINDS),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.integers(0, 9),
)


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """One worker, whose `__main__` has what all the examples have left there."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        yield pool


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_worker_answers_as_this_side(pool: InterpreterPoolExecutor, data: st.DataObject) -> None:
    """After each statement of a random program."""
    main, before = ModuleType("__main__"), sys.modules["__main__"]
    sys.modules["__main__"] = main
    try:
        exec(ASK, vars(main))
        for name in NAMES:
            exec(f"{name} = 0", vars(main))
        for _ in range(data.draw(st.integers(1, 8))):
            statement = data.draw(STATEMENTS)
            exec(compile(statement, "<cell>", "exec"), vars(main))
            asked = getattr(main, data.draw(st.sampled_from(NAMES)))
            expected = main.ask(asked, 3)
            assert pool.submit(main.ask, asked, 3).result(TIME_LIMIT) == expected
            ask = eval("lambda depth: [ask(each, depth) for each in (n0, n1, n5)]", vars(main))
            assert pool.submit(ask, 2).result(TIME_LIMIT) == ask(2)
    finally:
        sys.modules["__main__"] = before
