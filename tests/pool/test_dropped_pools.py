"""A pool that is dropped ends, whatever has gone wrong in it: no garbage needs to be collected."""

import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import product

import pytest

import mishaps
import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError

type Pool = InterpreterPoolExecutor
type Use = Callable[[Pool], object]

LOCK = threading.Lock()


class Refusing:
    """Refuses to be pickled, in code that stands here."""

    def __reduce__(self) -> tuple[object, ...]:
        raise ValueError("it is not sent")


def _local() -> Callable[..., object]:
    """Return a function that cannot be sent."""
    lock = LOCK
    return lambda *_: lock


def _failing() -> Iterator[int]:
    yield 1
    raise ValueError("the iterable")


def _finish(pool: Pool, fn: Callable[..., object], *args: object, **kwargs: object) -> object:
    """Submit a call that fails; return its future."""
    future = pool.submit(fn, *args, **kwargs)
    assert future.exception(TIME_LIMIT) is not None
    return future


def _broadcast(pool: Pool) -> None:
    pool.submit(pow, 1, 1).result(TIME_LIMIT)
    with pytest.raises(NotShareableError):
        pool.broadcast(tasks.same, LOCK)


def _map(how: str, fn: Callable[..., object], items: Iterable[object], options: object) -> Use:
    def use(pool: Pool) -> None:
        with suppress(Exception):
            list(getattr(pool, how)(fn, items, **options))  # type: ignore[arg-type]

    return use


SUBMITTED: dict[str, Use] = {
    "argument": lambda pool: _finish(pool, tasks.same, LOCK),
    "deep": lambda pool: _finish(pool, tasks.same, [1, {"a": Refusing()}]),
    "keyword": lambda pool: _finish(pool, tasks.same, value=LOCK),
    "function": lambda pool: _finish(pool, _local()),
    "limited": lambda pool: _finish(pool.with_options(timeout=50), tasks.same, LOCK),
    "result": lambda pool: _finish(pool, eval, "__import__('_thread').allocate_lock()"),
    "exception": lambda pool: _finish(pool, tasks.divide, 1, 0),
    "unpickling": lambda pool: _finish(pool, tasks.same, mishaps.UnpicklableClass()),
}

MAPPED: dict[str, tuple[Callable[..., object], Callable[[], Iterable[object]]]] = {
    "item": (tasks.same, lambda: [1, LOCK, 2]),
    "only item": (tasks.same, lambda: [Refusing()]),
    "function": (_local(), lambda: [1, 2]),
    "exception": (abs, lambda: ["a", 1, "b"]),
    "iterable": (abs, _failing),
}

OPTIONS: list[dict[str, int]] = [{}, {"chunksize": 1}, {"chunksize": 2}, {"buffersize": 2}]


@pytest.fixture
def _no_collection() -> Iterator[None]:
    """Collect no garbage in a test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize("name", SUBMITTED)
def test_a_call_that_cannot_be_sent_keeps_no_pool(name: str) -> None:
    """Neither does its future, which is kept."""
    pool = InterpreterPoolExecutor(1)
    reference, before = weakref.ref(pool), set(threading.enumerate())
    future = SUBMITTED[name](pool)
    del pool
    assert reference() is None
    for thread in set(threading.enumerate()) - before:
        thread.join(TIME_LIMIT)
        assert not thread.is_alive()
    assert future is not None


@pytest.mark.usefixtures("_no_collection")
def test_a_broadcast_that_cannot_be_sent_keeps_no_pool() -> None:
    """The error was raised, and was caught."""
    pool = InterpreterPoolExecutor(1)
    reference = weakref.ref(pool)
    _broadcast(pool)
    del pool
    assert reference() is None


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize(
    ("name", "how", "options"), list(product(MAPPED, ["map", "imap_unordered"], OPTIONS)), ids=str
)
def test_a_map_that_fails_keeps_no_pool(name: str, how: str, options: dict[str, int]) -> None:
    """Whether an item, the function or the iterable does it."""
    fn, items = MAPPED[name]
    pool = InterpreterPoolExecutor(1)
    reference = weakref.ref(pool)
    _map(how, fn, items(), options)(pool)
    del pool
    assert reference() is None


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize(("function", "args"), [(tasks.same, (LOCK,)), (tasks.divide, (1, 0))])
def test_an_initializer_that_fails_keeps_no_pool(
    function: Callable[..., object], args: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Or that cannot be sent; its error is the cause of the calls'."""
    caplog.set_level(logging.CRITICAL + 1, "concurrent.futures")
    before = set(threading.enumerate())
    pool = InterpreterPoolExecutor(1, initializer=function, initargs=args)
    reference = weakref.ref(pool)
    future = _finish(pool, pow, 1, 1)
    del pool
    assert reference() is None
    for thread in set(threading.enumerate()) - before:
        thread.join(TIME_LIMIT)
        assert not thread.is_alive()
    assert future is not None


def test_where_an_argument_refused_is_told() -> None:
    """The place in its class is in a note: the frames themselves are let go of."""
    with InterpreterPoolExecutor(1) as pool:
        error = pool.submit(tasks.same, [Refusing()]).exception(TIME_LIMIT)
        assert type(error) is NotShareableError
        cause = error.__cause__
        assert type(cause) is ValueError
        assert cause.__traceback__ is None
        *_, note = cause.__notes__  # Python has some of its own
        assert 'raise ValueError("it is not sent")' in note
        assert "in __reduce__" in note
        assert "package.py" not in note
        plain = pool.submit(tasks.same, LOCK).exception(TIME_LIMIT)
        assert plain is not None
        assert "File" not in str(getattr(plain.__cause__, "__notes__", ""))
