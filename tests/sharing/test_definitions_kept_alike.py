"""Objects that are only themselves, and types that are pickled in a way of their own."""

import builtins
import operator
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, create_channel

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """One worker for the whole module, warm, so that no test seems to leave it behind."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        yield pool


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a `__main__` of the test's own, as a notebook has."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    return main


def result(pool: Pool, fn: Callable[..., object], *args: object) -> object:
    """Return the result of a call."""
    return pool.submit(fn, *args).result(TIME_LIMIT)


SENTINELS = ["object()", *["sentinel('MISSING')"] * hasattr(builtins, "sentinel")]


@pytest.mark.parametrize("made", SENTINELS)
def test_a_sentinel_is_the_same_object_on_both_sides(
    pool: Pool, program: ModuleType, made: str
) -> None:
    """As a default, an argument, an item, a result, in an exception."""
    text = f"""
MISSING, OTHER = {made}, {made.replace("MISSING", "OTHER")}
class Holder:
    NONE = {made.replace("MISSING", "NONE")}
    def is_none(self, value=NONE): return value is self.NONE
def is_missing(value=MISSING): return value is MISSING
def both(): return [MISSING, OTHER, MISSING]
def refuse(): raise KeyError(MISSING)
"""
    exec(text, vars(program))  # of a test
    missing, other = program.MISSING, program.OTHER
    assert result(pool, program.is_missing) is True
    assert result(pool, program.is_missing, missing) is True
    assert result(pool, program.is_missing, other) is False
    assert result(pool, operator.is_, missing, missing) is True
    assert list(pool.map(program.is_missing, [missing, other, 1])) == [True, False, False]
    assert result(pool, tasks.same, missing) is missing
    assert (
        list(map(operator.is_, result(pool, program.both), [missing, other, missing])) == [True] * 3
    )  # type: ignore[call-overload]
    assert result(pool, program.Holder().is_none) is True
    assert result(pool, program.Holder().is_none, program.Holder.NONE) is True
    error = pool.submit(program.refuse).exception(TIME_LIMIT)
    assert error is not None
    assert error.args[0] is missing


def test_a_sentinel_goes_through_a_channel(pool: Pool, program: ModuleType) -> None:
    """There and back, when a call has made it known."""
    receiver, sender = create_channel()
    program.MISSING = object()
    text = "def echo(receiver, sender):\n    sender.send(receiver.recv() is MISSING)\n"
    exec(text + "    sender.send(MISSING)", vars(program))  # of a test
    future = pool.submit(program.echo, receiver, sender)
    sender.send(program.MISSING)
    future.result(TIME_LIMIT)
    assert receiver.recv(timeout=TIME_LIMIT) is True
    assert receiver.recv(timeout=TIME_LIMIT) is program.MISSING


REGISTERED = """
import copyreg, threading
class Guarded:
    def __init__(self, n): self.n, self.lock = n, threading.Lock()
def make(n): return Guarded(n)
def reduce(obj): return make, (obj.n,)
copyreg.pickle(Guarded, reduce)
def made(n): return [Guarded(n)]
def number(obj): return obj.n
def refuse(n): raise ValueError(Guarded(n))
"""


def test_a_type_that_is_registered_with_copyreg(pool: Pool, program: ModuleType) -> None:
    """Its function goes along with the class: for arguments, and for results."""
    exec(REGISTERED, vars(program))  # of a test
    assert result(pool, program.number, program.Guarded(3)) == 3
    back = result(pool, program.Guarded, 4)
    assert type(back) is program.Guarded
    assert back.n == 4  # type: ignore[attr-defined]
    assert result(pool, program.made, 5)[0].n == 5  # type: ignore[index]
    error = pool.submit(program.refuse, 6).exception(TIME_LIMIT)
    assert error is not None
    assert error.args[0].n == 6
    exec(
        "def reduce(obj): return make, (obj.n + 1,)\ncopyreg.pickle(Guarded, reduce)", vars(program)
    )
    assert result(pool, program.made, 5)[0].n == 6  # type: ignore[index]
