"""Rare changes to definitions: those that the next call sees, and those that it does not."""

from types import ModuleType

import pytest

from cells import Pool, result, run

pytestmark = pytest.mark.fast

FUNCTION = "def f(x=[1], *, y=2):\n    'doc'\n    return x\n"
CLASS = (
    "class C:\n    'doc'\n    number: int = 3\n    items = []\n    def m(self, x=[1]): return x\n"
)
ENUM = "import enum\nclass E(enum.Enum):\n    A = 1\n    B = [1]\nE.A.note = 'x'\n"
DISPATCH = "import functools\n@functools.singledispatch\ndef f(x): return 'any'\n"
METHOD = DISPATCH + "class C:\n    m = functools.singledispatchmethod(f)\n"
CACHED = "import functools\nK = 1\n@functools.lru_cache\ndef f(n=3): return n * K\n"
COPYREG = "import copyreg\nclass C:\n    pass\ndef reduce(c): return C, ()\n"

SEEN = [
    (FUNCTION, "f.__defaults__[0].append(2)", "f()"),
    (FUNCTION, "f.__kwdefaults__['y'] = [3]", "f.__kwdefaults__"),
    (CLASS, "C.__doc__ = 'new'", "C.__doc__"),
    (CLASS, "C.items.append(1)", "C.items"),
    (CLASS, "C.m.__defaults__[0].append(2)", "C().m()"),
    (CLASS, "C.m = lambda self: 2", "C().m()"),
    ("class M(type): v = 1\nclass C(metaclass=M): pass\n", "M.v = 2", "C.v"),
    (ENUM, "E.extra = 4", "getattr(E, 'extra', None)"),
    (DISPATCH, "f.register(str, lambda x: 'str')", "f(1), f('a')"),
    (METHOD, "f.register(str, lambda x: 'str')", "f(1), f('a')"),
    ("import abc\nclass A(abc.ABC): pass\nclass C: pass\n", "A.register(C)", "issubclass(C, A)"),
    (CACHED, "@functools.lru_cache\ndef f(n=3): return -n\n", "f()"),
    (COPYREG, "copyreg.pickle(C, reduce)", "C in copyreg.dispatch_table, C"),
]

UNSEEN = [
    (FUNCTION, "f.__doc__ = 'new'", "f.__doc__"),
    (FUNCTION, "f.__name__ = 'g'", "f.__name__"),
    (FUNCTION, "f.__qualname__ = 'h.g'", "f.__qualname__"),
    (FUNCTION, "f.__module__ = 'elsewhere'", "f.__module__"),
    (FUNCTION, "f.__annotations__['x'] = int", "f.__annotations__"),
    (CLASS, "C.m.__doc__ = 'new'", "C.m.__doc__"),
    (CLASS, "C.__name__ = 'D'", "C.__name__"),
    (CLASS, "C.__qualname__ = 'D'", "C.__qualname__"),
    ("class A: v = 1\nclass B: v = 2\nclass C(A): pass\n", "C.__bases__ = (B,)", "C.v"),
    (ENUM, "E.A.note = 'y'", "E.A.note"),
    (ENUM, "E.A.other = 'y'", "getattr(E.A, 'other', None)"),
    (ENUM, "E.B.value.append(2)", "E.B.value"),
    (CACHED, "K = 2\nf.cache_clear()", "f()"),
]
"""As `how-it-works` has them."""


def answers(pool: Pool, program: ModuleType, before: str, change: str, ask: str) -> list[str]:
    """Return what is answered before and after a change: here, there, here, there."""
    run(program, f"{before}\ndef answer(): return {ask}")
    found = [repr(program.answer()), repr(result(pool, program.answer))]
    run(program, change)
    return [*found, repr(program.answer()), repr(result(pool, program.answer))]


@pytest.mark.parametrize(("before", "change", "ask"), SEEN)
def test_seen(pool: Pool, program: ModuleType, before: str, change: str, ask: str) -> None:
    """The next call has it."""
    first, there, second, there_now = answers(pool, program, before, change, ask)
    assert first != second
    assert (there, there_now) == (first, second)


@pytest.mark.parametrize(("before", "change", "ask"), UNSEEN)
def test_unseen(pool: Pool, program: ModuleType, before: str, change: str, ask: str) -> None:
    """The next call has what was there, as the page says."""
    first, there, second, there_now = answers(pool, program, before, change, ask)
    assert first != second
    assert there == there_now == first


def test_an_unseen_change_comes_with_a_new_definition(pool: Pool, program: ModuleType) -> None:
    """Defined again, the function is another one, with all that it has."""
    change = "def f(): return 1\nf.__doc__, f.__name__ = 'new', 'g'\n"
    found = answers(pool, program, FUNCTION, change, "f.__doc__, f.__name__")
    assert found[0] == found[1] != found[2] == found[3]


def test_the_caches_of_workers_are_emptied_by_a_broadcast(pool: Pool, program: ModuleType) -> None:
    """`cache_clear` of the function empties the one here."""
    run(program, CACHED + "\ndef answer(): return f()")
    assert result(pool, program.answer) == 3
    program.K = 2
    program.f.cache_clear()
    assert result(pool, program.answer) == 3
    for each in pool.broadcast(program.f.cache_clear):
        each.result(60)
    assert result(pool, program.answer) == program.answer() == 6
