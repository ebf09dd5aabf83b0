"""`map` and `imap_unordered`: an error belongs to its item, and costs no other one."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat

import pytest

import mishaps
import tasks
from interpexec import InterpreterPoolExecutor, NotShareableError
from iterators import outcomes


@pytest.mark.parametrize("chunksize", [1, 2, 3, 5])
def test_an_exception_belongs_to_its_item(single: InterpreterPoolExecutor, chunksize: int) -> None:
    """Items before it in the chunk are given; `imap_unordered` gives those after it too."""
    results = single.map(tasks.divide, repeat(6), [1, 2, 0, 3, 6], chunksize=chunksize)
    assert [next(results), next(results)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    results = single.imap_unordered(tasks.divide, repeat(6), [1, 2, 0, 3, 6], chunksize=chunksize)
    assert outcomes(results) == [6, 3, ZeroDivisionError, 2, 1]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration])
def test_an_exception_that_means_the_end_belongs_to_its_item(
    single: InterpreterPoolExecutor, kind: type[BaseException]
) -> None:
    """`SystemExit`, `KeyboardInterrupt` and others end neither the chunk nor the worker."""
    functions = [int, partial(mishaps.make_and_raise, kind), int]
    results = single.map(tasks.apply, functions, chunksize=3)
    assert next(results) == 0
    with pytest.raises((kind, RuntimeError)):  # PEP 479: a generator may not let StopIteration out
        next(results)


# -- what cannot be sent, in the middle of a chunk -------------------------------------


@pytest.mark.parametrize("kind", ["LookupError", "SystemExit", "KeyboardInterrupt"])
@pytest.mark.parametrize("chunksize", [1, 2, 3])
@pytest.mark.parametrize("fn", [mishaps.some_results, mishaps.some_late_explosions])
def test_a_result_that_cannot_be_sent_costs_no_other_item(
    single: InterpreterPoolExecutor, chunksize: int, fn: Callable[..., object], kind: str
) -> None:
    """Whether it fails to be pickled there or to be unpickled here."""
    results = single.imap_unordered(fn, range(3), repeat(1), repeat(kind), chunksize=chunksize)
    first, second, third = outcomes(results)
    assert (first, third) == (0, 2)
    assert isinstance(second, type)
    assert issubclass(second, BaseException)


@pytest.mark.parametrize("chunksize", [1, 2, 3])
@pytest.mark.parametrize("kind", [mishaps.ExplodesOnDeparture, mishaps.ExplodesOnArrival])
def test_an_item_that_cannot_be_sent_costs_no_other_item(
    single: InterpreterPoolExecutor, chunksize: int, kind: type
) -> None:
    """Whether it fails to be pickled here or to be unpickled there."""
    items = [0, kind(), 2]
    results = single.imap_unordered(tasks.same, items, chunksize=chunksize)
    assert sorted(map(str, outcomes(results))) == sorted(map(str, [0, 2, NotShareableError]))
    ordered = single.map(tasks.same, items, chunksize=chunksize)
    assert next(ordered) == 0
    with pytest.raises(NotShareableError):
        next(ordered)


@pytest.mark.parametrize("chunksize", [1, 3])
def test_a_function_that_cannot_be_sent_is_told(
    single: InterpreterPoolExecutor, chunksize: int
) -> None:
    """The error names it as it does for `submit`; it comes with the first result."""
    offset = threading.Lock()
    with pytest.raises(NotShareableError, match="'offset'"):
        list(single.map(lambda n: (n, offset), range(3), chunksize=chunksize))


# -- iterables that raise -----------------------------------------------------------------


def _broken(length: int) -> Iterator[int]:
    """Yield some numbers, then raise."""
    yield from range(length)
    raise LookupError("the iterable broke")


@pytest.mark.parametrize("chunksize", [None, 1, 2])
@pytest.mark.parametrize("length", [0, 5, 3000])
def test_an_iterable_that_raises_costs_none_of_the_items_before(
    pool: InterpreterPoolExecutor, length: int, chunksize: int | None
) -> None:
    """Items before the error have results; the error comes where the next item would."""
    results = pool.map(tasks.same, _broken(length), chunksize=chunksize)
    for number in range(length):
        assert next(results) == number
    with pytest.raises(LookupError, match="the iterable broke"):
        next(results)
    assert list(results) == []
    unordered = pool.imap_unordered(tasks.same, _broken(length), chunksize=chunksize)
    found = outcomes(unordered)
    assert found.count(LookupError) == 1
    assert len(found) == length + 1
    assert list(pool.map(tasks.same, range(3))) == [0, 1, 2]


@pytest.mark.parametrize("chunksize", [1, 2])
def test_an_iterable_that_raises_later_loses_no_result_before(
    single: InterpreterPoolExecutor, chunksize: int
) -> None:
    """With a buffer, all items that were read are given; the iterable's error comes besides."""
    sizes = {"buffersize": 4, "chunksize": chunksize}
    results = single.map(tasks.same, _broken(7), **sizes)
    given = []
    with pytest.raises(LookupError, match="the iterable broke"):
        given.extend(results)
    assert given == list(range(7))
    assert list(results) == []
    found = outcomes(single.imap_unordered(tasks.same, _broken(7), **sizes))
    found.remove(LookupError)
    assert found == list(range(7))
