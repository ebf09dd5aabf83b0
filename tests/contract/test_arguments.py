"""Wrong arguments are refused where they are given, by name and value; nothing is lost by it."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

import tasks
from gates import TIME_LIMIT, gated
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast

type Refused = tuple[dict[str, Any], type[Exception], str, str]
"""Arguments, the error's class, the argument's name, the text of its value."""

CONSTRUCTOR: list[Refused] = [
    ({"max_workers": 0}, ValueError, "max_workers", "0"),
    ({"max_workers": -3}, ValueError, "max_workers", "-3"),
    ({"max_workers": 2.0}, TypeError, "max_workers", "2.0"),
    ({"max_workers": "two"}, TypeError, "max_workers", "'two'"),
    ({"thread_name_prefix": 5}, TypeError, "thread_name_prefix", "5"),
    ({"thread_name_prefix": b"name"}, TypeError, "thread_name_prefix", "b'name'"),
    ({"initializer": "init"}, TypeError, "initializer", "'init'"),
    ({"initializer": int, "initargs": 5}, TypeError, "initargs", "5"),
    ({"initargs": 5}, TypeError, "initargs", "5"),
    ({"initializer": int, "initargs": None}, TypeError, "initargs", "None"),
]

MAP: list[Refused] = [
    ({"timeout": "5"}, TypeError, "timeout", "'5'"),
    ({"timeout": float("nan")}, ValueError, "timeout", "nan"),
    ({"timeout": [1]}, TypeError, "timeout", "[1]"),
    ({"chunksize": 0}, ValueError, "chunksize", "0"),
    ({"chunksize": -1}, ValueError, "chunksize", "-1"),
    ({"chunksize": 1.5}, TypeError, "chunksize", "1.5"),
    ({"chunksize": "1"}, TypeError, "chunksize", "'1'"),
    ({"buffersize": 0}, ValueError, "buffersize", "0"),
    ({"buffersize": -1}, ValueError, "buffersize", "-1"),
    ({"buffersize": 1.5}, TypeError, "buffersize", "1.5"),
    ({"buffersize": "1"}, TypeError, "buffersize", "'1'"),
]


@pytest.fixture(params=["map", "imap_unordered"])
def method(request: pytest.FixtureRequest) -> str:
    """Stand for each of the two maps."""
    name: str = request.param
    return name


@pytest.fixture
def busy() -> Iterator[InterpreterPoolExecutor]:
    """Make a pool with calls that run and wait: they all come to their end."""
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        futures = [pool.submit(tasks.pass_gate, gate.handle, n) for n in range(5)]
        gate.await_knocks(1)
        yield pool
        gate.open()
        assert [future.result(TIME_LIMIT) for future in futures] == list(range(5))


def _check_refusal(
    call: Callable[[], object], kind: type[Exception], name: str, value: str
) -> None:
    """Make a wrong call; its error names the argument and shows its value."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert name in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize(("arguments", "kind", "name", "value"), CONSTRUCTOR)
def test_the_constructor_refuses(
    arguments: dict[str, Any], kind: type[Exception], name: str, value: str
) -> None:
    """A pool with a wrong argument is never made."""
    _check_refusal(partial(InterpreterPoolExecutor, **arguments), kind, name, value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_workers": None},
        {"max_workers": True},
        {"thread_name_prefix": ""},
        {"initializer": None},
        {"initializer": int, "initargs": []},
        {"initializer": int, "initargs": iter(["5"])},
    ],
)
def test_the_constructor_takes(arguments: dict[str, Any]) -> None:
    """Our class takes the arguments of the standard library's, with the same meaning."""
    with InterpreterPoolExecutor(**arguments) as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_additions_to_the_constructor_are_named() -> None:
    """A fifth positional argument, or an unknown name, is a TypeError."""
    with pytest.raises(TypeError):
        InterpreterPoolExecutor(1, "name", None, (), 5)  # type: ignore[misc,call-arg]
    with pytest.raises(TypeError, match="no_such"):
        InterpreterPoolExecutor(no_such=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(("arguments", "kind", "name", "value"), MAP)
def test_maps_refuse(  # noqa: PLR0913, PLR0917  # a table's columns
    busy: InterpreterPoolExecutor,
    method: str,
    arguments: dict[str, Any],
    kind: type[Exception],
    name: str,
    value: str,
) -> None:
    """The call itself raises, not the first `next()`; no item is read, no call lost."""
    read: list[int] = []

    def items() -> Iterator[int]:
        read.append(1)
        yield 1

    make = partial(getattr(busy, method), tasks.same, items(), **arguments)
    _check_refusal(make, kind, name, value)
    assert not read


@pytest.mark.parametrize("fn", [None, 42, "tasks.same"])
def test_a_function_that_is_not_callable_is_refused(
    busy: InterpreterPoolExecutor, method: str, fn: object
) -> None:
    """By `submit` and by the maps, in the caller's frame."""
    for call in (partial(busy.submit, fn), partial(getattr(busy, method), fn, [1])):
        _check_refusal(call, TypeError, "fn", repr(fn))


@pytest.mark.parametrize("wrong", [5, None])
def test_an_iterable_that_is_none_is_refused(
    busy: InterpreterPoolExecutor, method: str, wrong: object
) -> None:
    """The error says which of the iterables it is, and what it is."""
    for iterables in ([wrong], [[1, 2], wrong]):
        make = partial(getattr(busy, method), pow, *iterables)
        _check_refusal(make, TypeError, "iterable", repr(wrong))


def test_names_that_no_method_has_are_refused(busy: InterpreterPoolExecutor, method: str) -> None:
    """`map` passes no keyword on to the function; `shutdown` has two, one by name only."""
    with pytest.raises(TypeError, match="no_such"):
        getattr(busy, method)(tasks.same, [1], no_such=1)
    with pytest.raises(TypeError):
        busy.shutdown(True, True)  # type: ignore[misc]
    with pytest.raises(TypeError, match="no_such"):
        busy.shutdown(no_such=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        getattr(busy, method)()
    assert busy.submit(int) is not None


def test_any_kind_of_number_is_a_timeout(method: str) -> None:
    """Seconds may be given as an integer, a fraction, a boolean."""
    with InterpreterPoolExecutor(1) as pool:
        for timeout in (60, 60.5, Fraction(121, 2)):
            assert list(getattr(pool, method)(tasks.same, [1], timeout=timeout)) == [1]


def test_a_wrong_timeout_of_a_future_loses_nothing(busy: InterpreterPoolExecutor) -> None:
    """`result("soon")` is the caller's TypeError; the call goes on."""
    future = busy.submit(tasks.same, 1)
    with pytest.raises(TypeError):
        future.result("soon")  # type: ignore[arg-type]
    assert not future.done()


@pytest.mark.parametrize("value", ["x" * 5000, list(range(5000))])
def test_a_long_value_is_cut_short(value: object) -> None:
    """An error shows enough of the value to know it, and no pages of it."""
    with pytest.raises(TypeError) as caught:
        InterpreterPoolExecutor(max_workers=value)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 500


def test_a_value_without_a_repr_is_refused_all_the_same() -> None:
    """The error is about the argument, not about its `__repr__`."""

    class Wrong:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    with pytest.raises(TypeError, match="max_workers"):
        InterpreterPoolExecutor(max_workers=Wrong())  # type: ignore[arg-type]
