"""Definitions and arguments that cannot be sent are refused by their names."""

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """One worker for the whole module, warm, so that no test seems to leave it behind."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        yield pool


def _refusal(pool: InterpreterPoolExecutor, fn: Callable[..., object], *args: object) -> str:
    """Return why a call cannot be sent; the pool still works then."""
    with pytest.raises(NotShareableError) as caught:
        pool.submit(fn, *args).result(TIME_LIMIT)
    assert pool.submit(int).result(TIME_LIMIT) == 0
    return str(caught.value)


# -- refused, with the names ------------------------------------------------------


def test_a_closure_is_refused_with_its_name_and_variable(pool: InterpreterPoolExecutor) -> None:
    """The error names the function, and the variable that it captures."""
    scale, lock = 2, threading.Lock()

    def shift(n: int) -> int:
        with lock:
            return n * scale

    for refusal in (
        _refusal(pool, shift, 1),
        _refusal(pool, partial(shift, 1)),
        _refusal(pool, tasks.apply, shift, 1),
    ):
        assert "shift" in refusal
        assert "'lock'" in refusal
        assert "interpexec.sync.Lock" in refusal
    assert "<lambda>" in _refusal(pool, lambda: lock)


def test_an_inner_function_is_refused_with_its_variable(pool: InterpreterPoolExecutor) -> None:
    """The error names the innermost function whose variable is the reason."""
    lock = threading.Lock()

    def inner() -> object:
        return lock

    def outer() -> object:
        return inner()

    assert "inner'" in (refusal := _refusal(pool, outer))
    assert "'lock'" in refusal


def test_attributes_of_a_function_are_named(pool: InterpreterPoolExecutor) -> None:
    """A default of a parameter, positional or not, and an attribute."""

    def defaults(a: int = 1, lock: object = threading.Lock()) -> None: ...
    def keywords(*, key: object = threading.Lock()) -> None: ...
    def attributes() -> None: ...

    attributes.mark = threading.Lock()  # type: ignore[attr-defined]
    assert "'lock'" in _refusal(pool, defaults)
    assert "'key'" in _refusal(pool, keywords)
    assert "mark" in _refusal(pool, attributes)


def test_members_of_a_local_class_are_refused(pool: InterpreterPoolExecutor) -> None:
    """The error names the class, and its attribute."""

    class Local:
        lock = threading.Lock()

        def method(self) -> None: ...

    for what in (Local, Local().method, partial(tasks.same, Local())):
        assert "Local" in (refusal := _refusal(pool, what))
        assert "'lock'" in refusal
    assert "args[0]" in (refusal := _refusal(pool, tasks.same, Local()))
    assert "Local" in refusal


def test_a_pool_is_refused(pool: InterpreterPoolExecutor) -> None:
    """A task that uses the pool which runs it."""
    assert "'pool'" in _refusal(pool, lambda: pool.submit(int))


@pytest.mark.parametrize(
    ("args", "kwargs", "where"),
    [
        ((1, threading.Lock()), {}, "args[1]"),
        (([{"deep": threading.Lock()}],), {}, "args[0]"),
        ((1,), {"key": threading.Lock()}, "kwargs['key']"),
        ((n for n in range(3)), {}, None),
        (((n for n in range(3)),), {}, "args[0]"),
        ((sys.stdout,), {}, "args[0]"),
    ],
)
def test_an_argument_that_cannot_be_sent_is_named(
    pool: InterpreterPoolExecutor,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    where: str | None,
) -> None:
    """By its position or its keyword, and by what it is."""
    future = pool.submit(tasks.arguments, *args, **kwargs)
    if where is None:
        assert future.result(TIME_LIMIT) == ((0, 1, 2), {})
        return
    error = future.exception(TIME_LIMIT)
    assert isinstance(error, NotShareableError)
    assert where in str(error)
    assert pool.submit(int).result(TIME_LIMIT) == 0
