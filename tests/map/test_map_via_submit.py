"""Maps of a pool whose `submit` was replaced: each call goes through that."""

import gc
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

import tasks
from gates import TIME_LIMIT, gated
from interpexec import InterpreterPoolExecutor
from iterators import METHODS, outcomes

if TYPE_CHECKING:
    from concurrent.futures import Future


class Counting(InterpreterPoolExecutor):
    """Remembers the futures of its calls."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future = super().submit(fn, *args, **kwargs)
        self.futures.append(future)
        return future


@pytest.mark.parametrize(("chunksize", "calls"), [(None, 10), (1, 10), (4, 3), (20, 1)])
@pytest.mark.parametrize("method", METHODS)
def test_each_item_or_each_chunk_is_one_call(
    method: str, chunksize: int | None, calls: int
) -> None:
    """As in every executor of the standard library; and every result comes."""
    with Counting(2) as pool:
        found = list(getattr(pool, method)(abs, range(10), chunksize=chunksize))
        assert len(pool.futures) == calls
    assert sorted(found) == list(range(10))
    assert method == "imap_unordered" or found == list(range(10))


@pytest.mark.parametrize(("chunksize", "most"), [(1, 4), (2, 2), (8, 1)])
@pytest.mark.parametrize("method", METHODS)
def test_no_more_calls_are_submitted_than_the_buffer_holds(
    method: str, chunksize: int, most: int
) -> None:
    """One more for each that has come back."""
    with Counting(2) as pool:
        results = getattr(pool, method)(abs, count(), chunksize=chunksize, buffersize=4)
        for taken in range(40):
            calls_back = -(-taken // chunksize)
            assert len(pool.futures) <= most + calls_back
            next(results)
        results.close()
        assert list(results) == []


def _stop_at_two(number: int) -> int:
    return number if number != 2 else next(iter(()))


def _fail_at_two(number: int) -> int:
    return number if number != 2 else int("two")


@pytest.mark.parametrize(
    ("function", "kind"), [(_fail_at_two, ValueError), (_stop_at_two, RuntimeError)]
)
def test_an_exception_costs_its_own_item_only(function: Any, kind: type[Exception]) -> None:
    """Any exception does, StopIteration too, which must not look like the end (PEP 479)."""
    with Counting(1) as pool:
        found = outcomes(pool.imap_unordered(function, range(4)))
    assert found == [0, 1, kind, 3]


@pytest.mark.parametrize("how", ["close", "drop"])
@pytest.mark.parametrize("method", METHODS)
def test_an_iterator_that_ends_cancels_the_rest(method: str, how: str) -> None:
    """The calls that have not finished are cancelled, and the pool is usable."""
    with gated(partial(Counting, 1)) as (pool, door):
        results = getattr(pool, method)(tasks.pass_gate, [door.handle] * 20)
        door.await_knocks(1)
        door.let_in(1)
        next(results)
        if how == "close":
            results.close()
        del results
        gc.collect()
        assert sum(future.cancelled() for future in pool.futures) >= 18
        door.open()
        assert pool.submit(abs, -1).result(TIME_LIMIT) == 1
