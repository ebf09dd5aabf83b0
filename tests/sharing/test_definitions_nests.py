"""Random nests of functions, classes and globals give the same answers in a worker as here."""

import sys
from collections.abc import Callable, Iterator
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
import dataclasses, enum, functools
def same(thing): return thing
def ask(thing, depth):
    if isinstance(thing, (list, tuple)): return [ask(each, depth) for each in thing]
    if isinstance(thing, dict): return {key: ask(each, depth) for key, each in thing.items()}
    if callable(thing): return thing(depth - 1) if depth else thing.__name__
    return thing if isinstance(thing, (int, str)) else thing.tell(depth - 1) if depth > 0 else 0
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


def a_default(name: str, refs: list[str], number: int) -> str:
    """Write a function with defaults and an attribute that are other globals."""
    return (
        f"def {name}(depth, n={refs[0]}, *, key=[{refs[-1]}]):\n"
        f"    found = n, key, {name}.note\n"
        f"    return ask(found, depth) if depth > 0 else {number}\n"
        f"{name}.note = {{{number}: {refs[-1]}}}"
    )


def a_decorated(name: str, refs: list[str], number: int) -> str:
    """Write a function with a wrapper around it, which counts, and a partial of that."""
    return (
        f"def wrap(fn):\n    @functools.wraps(fn)\n"
        f"    def wrapper(depth):\n"
        f"        return [fn(depth), ask({refs[0]}, depth - 1) if depth > 0 else {number}]\n"
        f"    return wrapper\n"
        f"@wrap\ndef {name}(depth): return [{number}, depth]\n"
        f"{name}.part = functools.partial({name}.__wrapped__, {number})"
    )


def a_generator(name: str, refs: list[str], number: int) -> str:
    """Write a function over a generator that takes from another one."""
    asked = "\n".join(f"    yield ask({ref}, depth - 1)" for ref in refs)
    return (
        f"def {name}(depth):\n"
        f"    def inner():\n        yield {number}\n        yield from outer(depth)\n"
        f"    return [*inner()] if depth > 0 else {number}\n"
        f"def outer(depth):\n{asked}"
    )


def a_rich_class(name: str, refs: list[str], number: int) -> str:
    """Write an instance of a class with slots, methods of each kind, and a class in it."""
    return (
        f"class Base:\n    kept = [{number}]\n"
        f"    def __init_subclass__(cls): cls.kept = [*cls.kept, 1]\n"
        f"class Rich(Base):\n    __slots__ = ('number',)\n    other = {refs[0]}\n"
        f"    class Inner: value = {number}\n"
        f"    @property\n    def doubled(self): return self.number * 2\n"
        f"    @classmethod\n    def of_class(cls): return cls.__name__, cls.kept\n"
        f"    @staticmethod\n    def plain(n): return n + {number}\n"
        f"    def tell(self, depth):\n"
        f"        more = ask(Rich.other, depth) if depth > 0 else super().kept\n"
        f"        return [self.doubled, *self.of_class(), self.plain(1), self.Inner.value, more]\n"
        f"{name} = Rich()\n{name}.number = {number}\n"
    )


def a_data_class(name: str, refs: list[str], number: int) -> str:
    """Write a dataclass, and an enumeration in it."""
    return (
        f"class Level(enum.IntEnum):\n    LOW = {number}\n    HIGH = {number + 1}\n"
        f"    def next(self): return Level.HIGH\n"
        f"@dataclasses.dataclass(frozen=True)\nclass Data:\n"
        f"    level: Level = Level.LOW\n    items: tuple = ({refs[0]},)\n"
        f"    def tell(self, depth):\n"
        f"        items = ask(self.items, depth) if depth > 0 else 0\n"
        f"        return [int(self.level.next()), dataclasses.replace(self).level.name, items]\n"
        f"{name} = Data()\n"
    )


def a_change(name: str, refs: list[str], number: int) -> str:
    """Write a change in place of whatever is there."""
    return (
        f"thing = {name}\n"
        f"if isinstance(thing, list) and len(thing) < 6: thing.append({number})\n"
        f"elif isinstance(thing, dict): thing[{number}] = {number}\n"
        f"elif isinstance(thing, type): thing.number = {number}\n"
        f"elif hasattr(thing, 'note'): thing.note[{number}] = {number}\n"
        f"elif type(thing).__name__ == 'Gone': thing.number = {number}\n"
        f"elif callable(thing) and thing.__defaults__: thing.__defaults__ = ({number},)\n"
    )


KINDS = [
    *(constant, a_list, a_dictionary, a_function, a_closure, a_class, an_instance),
    *(a_default, a_decorated, a_generator, a_rich_class, a_data_class, a_change),
]
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


def outcome(fn: Callable[[], object]) -> object:
    """Return what a call returns, or its error: random programs may be wrong."""
    try:
        return fn()
    except Exception as error:
        return type(error).__name__, str(error)


def answer(pool: InterpreterPoolExecutor, fn: Callable[..., object], *args: object) -> object:
    """Return what a worker's call returns, or its error."""
    return outcome(lambda: pool.submit(fn, *args).result(TIME_LIMIT))


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
            assert answer(pool, main.ask, asked, 3) == outcome(lambda a=asked: main.ask(a, 3))
            if callable(asked):
                assert answer(pool, main.same, asked) is asked
            ask = eval("lambda depth: [ask(each, depth) for each in (n0, n1, n5)]", vars(main))
            assert answer(pool, ask, 2) == outcome(lambda a=ask: a(2))
    finally:
        sys.modules["__main__"] = before
