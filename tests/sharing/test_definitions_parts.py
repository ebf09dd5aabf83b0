"""A change of one part of a definition changes that one in a worker, and no other."""

from collections.abc import Callable
from types import ModuleType

import pytest

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor
from interpexec._sharing import pickling

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor


def run(program: ModuleType, text: str) -> None:
    """Run a cell."""
    exec(compile(text, "<cell>", "exec"), vars(program))


def result(pool: Pool, fn: Callable[..., object], *args: object) -> object:
    """Return the result of a call."""
    return pool.submit(fn, *args).result(TIME_LIMIT)


CONF = """
class Conf:
    db = None
    debug = False
    level = 1
    @classmethod
    def name(cls): return "first"
def begin():
    Conf.db = "open"
    Conf.own = 7
def look():
    names = "db", "debug", "level", "own"
    return {name: getattr(Conf, name) for name in names if hasattr(Conf, name)} | {"n": Conf.name()}
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("Conf.debug = True", {"debug": True}),
        ("del Conf.level", {"level": None}),
        ("Conf.new = 1; del Conf.new; Conf.debug = 2", {"debug": 2}),
        ("Conf.db = 'here'", {"db": "here"}),
        ("Conf.own = 8", {"own": 8}),
        ("Conf.name = classmethod(lambda cls: 'second')", {"n": "second"}),
    ],
)
def test_an_attribute_of_a_class(
    pool: Pool, program: ModuleType, change: str, expected: dict[str, object]
) -> None:
    """An initializer's attribute stays, unless the program changes that one."""
    run(program, CONF)
    before = {"db": "open", "debug": False, "level": 1, "own": 7, "n": "first"}
    result(pool, program.begin)
    assert result(pool, program.look) == before
    run(program, change)
    after = {name: value for name, value in (before | expected).items() if value is not None}
    assert result(pool, program.look) == after
    assert result(pool, program.look) == after


def test_an_attribute_that_was_deleted_comes_again(pool: Pool, program: ModuleType) -> None:
    """An attribute is set and deleted in turn."""
    run(program, "class C: x = [1]\ndef look(): return getattr(C, 'x', None)")
    for change, expected in [
        ("pass", [1]),
        ("del C.x", None),
        ("C.x = [2]", [2]),
        ("C.x.append(3)", [2, 3]),
        ("del C.x", None),
    ]:
        run(program, change)
        assert result(pool, program.look) == expected


FUNCTION = """
def make():
    count, rate = 0, 1
    def step(add=0, *, times=1):
        nonlocal count
        count += rate * times + add
        step.calls = getattr(step, "calls", 0) + 1
        return count, step.calls, getattr(step, "new", None)
    def change(new):
        nonlocal rate
        rate = new
    return step, change
step, change = make()
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("change(10)", (12, 3, None)),
        ("step.__defaults__ = (5,)", (8, 3, None)),
        ("step.__kwdefaults__ = {'times': 4}", (6, 3, None)),
        ("step.new = 'n'", (3, 3, "n")),
        ("step.calls = 70", (3, 71, None)),
    ],
)
def test_a_part_of_a_function(
    pool: Pool, program: ModuleType, change: str, expected: object
) -> None:
    """A variable of the function around it, a default, an attribute."""
    run(program, FUNCTION)
    assert result(pool, program.step) == (1, 1, None)
    assert result(pool, program.step) == (2, 2, None)
    run(program, change)
    assert result(pool, program.step) == expected


def test_calls_that_are_under_way_get_their_own_versions(pool: Pool, program: ModuleType) -> None:
    """Calls that were submitted before and after a change, in any order."""
    run(program, "class C: x = 0; y = 0\ndef look(): return C.x, C.y")
    futures = []
    for number in range(20):
        run(program, f"C.x = {number}" if number % 2 else f"C.y = {number}")
        futures.append((pool.submit(program.look), (program.C.x, program.C.y)))
    for future, expected in futures:
        assert future.result(TIME_LIMIT) == expected


def test_a_class_that_is_told_of_another_one(pool: Pool, program: ModuleType) -> None:
    """An abstract class, after it was sent; a worker's own ones stay."""
    run(
        program,
        "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n"
        "def own(): A.register(str)\n"
        "def look(): return [issubclass(each, A) for each in (int, str, float)]\n"
        "def make():\n    try: A()\n    except TypeError: return 'abstract'\n    return 'made'",
    )
    assert result(pool, program.look) == [False, False, False]
    result(pool, program.own)
    run(program, "A.register(int)")
    assert result(pool, program.look) == [True, True, False]
    run(program, "A.register(float)")
    assert result(pool, program.look) == [True, True, True]
    assert result(pool, program.make) == "abstract"
    run(program, "A.f = None; abc.update_abstractmethods(A)")
    assert result(pool, program.make) == "made"
    assert result(pool, program.look) == [True, True, True]


def test_a_change_stays_when_an_older_definition_comes_late(
    pool: Pool, program: ModuleType
) -> None:
    """A thread has read the class before a change, and its call is sent after that."""
    run(
        program,
        "class C: x = 1\nN = 1\ndef look(): return C.x, N\ndef other(): return C.x, N",
    )
    assert result(pool, program.look) == (1, 1)
    late = pickling.dumps_call(program.other, (), {})
    program.C.x = program.N = 2
    assert result(pool, program.look) == (2, 2)
    fn, args, _ = result(pool, loads, late)  # type: ignore[misc]  # a call
    assert (fn, args) == (program.other, ())
    assert result(pool, program.look) == (2, 2)


def loads(pickled: bytes) -> object:
    """Unpickle a call, in a worker."""
    from interpexec._core import main_module

    return main_module.loads(pickled)
