"""Callables that need more than their code: refused by name, or taken by cloudpickle."""

import copyreg
import pickle
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError, sync

pytestmark = pytest.mark.fast

FACTOR = 3


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """One worker for the whole module, warm, so that no test seems to leave it behind."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        yield pool


@pytest.fixture
def without_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this a machine where cloudpickle is not installed."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)


def _refusal(pool: InterpreterPoolExecutor, fn: Callable[..., object], *args: object) -> str:
    """Return why a call cannot travel; the pool still works then."""
    with pytest.raises(NotShareableError) as caught:
        pool.submit(fn, *args).result(TIME_LIMIT)
    assert pool.submit(int).result(TIME_LIMIT) == 0
    return str(caught.value)


# -- refused, with the names ------------------------------------------------------


@pytest.mark.usefixtures("without_cloudpickle")
def test_a_closure_is_refused_with_its_name_and_variable(pool: InterpreterPoolExecutor) -> None:
    """The error names the function and each variable it captures."""
    offset, scale = 1, 2

    def shift(n: int) -> int:
        return n * scale + offset

    for refusal in (
        _refusal(pool, shift, 1),
        _refusal(pool, partial(shift, 1)),
        _refusal(pool, tasks.apply, shift, 1),
    ):
        assert "shift" in refusal
        assert "'offset'" in refusal
        assert "'scale'" in refusal
    assert "<lambda>" in _refusal(pool, lambda: offset)


@pytest.mark.usefixtures("without_cloudpickle")
def test_a_local_function_with_globals_is_refused_with_their_names(
    pool: InterpreterPoolExecutor,
) -> None:
    """The error names the function and each global, also one used by an inner function."""

    def scaled(n: int) -> int:
        return n * FACTOR

    def nested() -> list[int]:
        def inner(n: int) -> int:
            return n * FACTOR

        return [inner(1)]

    def importing() -> object:
        return threading.Lock()

    assert "scaled" in (refusal := _refusal(pool, scaled, 1))
    assert "'FACTOR'" in refusal
    assert "'FACTOR'" in _refusal(pool, nested)
    assert "'threading'" in _refusal(pool, importing)


@pytest.mark.usefixtures("without_cloudpickle")
def test_a_recursive_local_function_is_refused(pool: InterpreterPoolExecutor) -> None:
    """It captures itself, and is told so."""

    def factorial(n: int) -> int:
        return 1 if n < 2 else n * factorial(n - 1)

    assert "'factorial'" in _refusal(pool, factorial, 3)


@pytest.mark.usefixtures("without_cloudpickle")
def test_what_belongs_to_a_local_class_is_refused(pool: InterpreterPoolExecutor) -> None:
    """The class, its instances and its bound methods cannot travel; the error names it."""

    class Local:
        def method(self) -> None: ...

    for what in (Local, Local().method, partial(tasks.same, Local())):
        assert "Local" in _refusal(pool, what)
    assert "args[0]" in (refusal := _refusal(pool, tasks.same, Local()))
    assert "Local" in refusal


@pytest.mark.usefixtures("without_cloudpickle")
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
def test_an_argument_that_cannot_travel_is_named(
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


# -- with cloudpickle ---------------------------------------------------------------


def test_cloudpickle_takes_what_needs_more(pool: InterpreterPoolExecutor) -> None:
    """With cloudpickle installed, closures, globals and local classes travel."""
    pytest.importorskip("cloudpickle")
    offset = 1

    class Local:
        value = offset

    assert pool.submit(lambda n: n + offset, 1).result(TIME_LIMIT) == 2
    assert pool.submit(lambda n: n * FACTOR, 2).result(TIME_LIMIT) == 6
    assert pool.submit(lambda: Local.value).result(TIME_LIMIT) == 1
    assert list(pool.map(lambda n: n + offset, range(4), chunksize=2)) == [1, 2, 3, 4]


def test_a_cloudpickle_that_is_found_is_asked(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any module of that name is given what we cannot pickle, and only that."""

    class Pickler(pickle.Pickler):
        dispatch_table = copyreg.dispatch_table

        def dump(self, _: object) -> None:
            super().dump((max, (1, 5), {}))

    fake = ModuleType("cloudpickle")
    fake.Pickler = Pickler  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cloudpickle", fake)
    offset = 1
    assert pool.submit(lambda: offset).result(TIME_LIMIT) == 5
    assert pool.submit(lambda: 2).result(TIME_LIMIT) == 2


def test_what_cloudpickle_refuses_is_refused_with_its_name(pool: InterpreterPoolExecutor) -> None:
    """A lock cannot travel by cloudpickle either; the argument is named."""
    pytest.importorskip("cloudpickle")
    assert "args[0]" in _refusal(pool, tasks.same, threading.Lock())


def test_what_is_shared_travels_with_what_cloudpickle_takes(pool: InterpreterPoolExecutor) -> None:
    """As an argument, or among the variables around the function."""
    pytest.importorskip("cloudpickle")
    ours, theirs = socket.socketpair()
    lock = sync.Lock()
    with ours, theirs:

        def send(sock: socket.socket) -> int:
            with lock:
                return sock.send(b"hi") + ours.fileno()

        assert pool.submit(send, theirs).result(TIME_LIMIT) > 2
        assert ours.recv(10) == b"hi"
