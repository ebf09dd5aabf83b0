"""The iterators that maps return: their length hints, and their ends."""

import gc
import weakref
from collections.abc import Callable, Iterator
from operator import length_hint
from typing import Any

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor, Results
from stops import TIME_LIMIT, Pipe, pool_of

METHODS = InterpreterPoolExecutor.map, InterpreterPoolExecutor.imap_unordered


class OwnSubmit(InterpreterPoolExecutor):
    """A pool whose maps go through a method of its own."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Do as the base class."""
        return super().submit(*args, **kwargs)


@pytest.fixture(params=[InterpreterPoolExecutor, OwnSubmit])
def pool(request: pytest.FixtureRequest) -> Iterator[InterpreterPoolExecutor]:
    """Make a pool of each kind. Closing an iterator may cost it its worker."""
    with request.param(1) as made:
        yield made


@pytest.mark.parametrize("method", METHODS)
def test_a_map_returns_an_iterator(
    pool: InterpreterPoolExecutor, method: "Callable[..., Results[int]]"
) -> None:
    """A `Results` is its own iterator, and an object of the public class."""
    results = method(pool, abs, range(3))
    assert isinstance(results, Results)
    assert iter(results) is results
    assert sorted(results) == [0, 1, 2]
    assert list(results) == []


@pytest.mark.parametrize("chunksize", [1, None])
@pytest.mark.parametrize("method", METHODS)
def test_the_hint_is_exact_without_a_bound(
    pool: InterpreterPoolExecutor, method: "Callable[..., Results[int]]", chunksize: int | None
) -> None:
    """The hint is the number of results to come: none at the end, and after `close()`."""
    results = method(pool, abs, range(20), chunksize=chunksize)
    for left in range(20, 0, -1):
        assert length_hint(results) == left
        next(results)
    assert length_hint(results) == 0
    other = method(pool, stoppable.same, [()] * 7, chunksize=chunksize)
    next(other)
    assert length_hint(other) == 6
    other.close()
    assert length_hint(other) == 0


@pytest.mark.parametrize("method", METHODS)
def test_the_hint_counts_the_items_that_were_read(
    pool: InterpreterPoolExecutor, method: "Callable[..., Results[int]]"
) -> None:
    """With a bound, others are to come."""
    results = method(pool, abs, range(9), buffersize=4)
    assert length_hint(results) == 4
    next(results)
    assert length_hint(results) == 4
    assert len(list(results)) == 8


@pytest.mark.parametrize("values", [range(8), [()] * 8])
@pytest.mark.parametrize("method", METHODS)
def test_a_closed_iterator_is_exhausted(
    pool: InterpreterPoolExecutor, method: "Callable[..., Results[Any]]", values: "list[object]"
) -> None:
    """In the middle of a chunk, too, and as often as one likes."""
    results = method(pool, stoppable.same, values, chunksize=4)
    next(results)
    results.close()
    assert list(results) == []
    results.close()


def test_closing_cancels_also_where_no_result_was_asked_for(begun: Pipe, door: Gate) -> None:
    """Items that are not yet sent to the workers are cancelled, at least."""
    with pool_of(1) as own:
        ends = begun.writer, door.handle[1]
        results = own.map(stoppable.spin_until, [ends[0]] * 500, [ends[1]] * 500, chunksize=1)
        begun.hear()
        results.close()
        door.open()
        assert own.submit(stoppable.same, 3).result(TIME_LIMIT) == 3
    assert len(begun.rest()) < 250


def test_an_exception_ends_a_map_in_the_middle_of_a_chunk(pool: InterpreterPoolExecutor) -> None:
    """Nothing comes behind it, neither of its chunk nor of the next one."""
    results = pool.map(int, ["1", "2", "x", "4", "5"], chunksize=4)
    if isinstance(pool, OwnSubmit):  # a chunk is one call there
        with pytest.raises(ValueError, match="'x'"):
            next(results)
    else:
        assert (next(results), next(results)) == (1, 2)
        with pytest.raises(ValueError, match="'x'"):
            next(results)
    assert list(results) == []
    assert length_hint(results) == 0


@pytest.mark.parametrize("keywords", [{}, {"buffersize": 4}])
def test_a_dropped_iterator_leaves_no_cycle(keywords: "dict[str, int]") -> None:
    """Its end does not wait for the garbage collector."""
    with pool_of(1) as own:
        results = own.map(stoppable.same, [()] * 9, chunksize=3, **keywords)  # type: ignore[arg-type]
        next(results)
        source = weakref.ref(results._source)  # type: ignore[attr-defined]
        gc.disable()
        try:
            del results
            assert source() is None
        finally:
            gc.enable()
