"""`interpexec.pool.Pool`: `imap` and `imap_unordered`, which read in a thread."""

import gc
import multiprocessing
import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError
from itertools import count

import pytest

import mishaps
import tasks
from gates import TIME_LIMIT
from interpexec._ports import feeders
from interpexec.pool import IMapIterator, Pool
from pools import gated_pool, pool_of
from stops import finish, start

METHODS = ["imap", "imap_unordered"]


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    """Stand for each of the two."""
    name: str = request.param
    return name


@pytest.mark.parametrize("chunksize", [1, 3, 1000])
def test_all_results_come(method: str, chunksize: int) -> None:
    """In order, or in any."""
    with pool_of(2) as pool:
        results = getattr(pool, method)(abs, range(100), chunksize)
        assert iter(results) is results
        found = list(results)
        assert (found if method == "imap" else sorted(found)) == list(range(100))
        for _ in range(2):
            with pytest.raises(StopIteration):
                next(results)
        assert list(getattr(pool, method)(abs, [], chunksize)) == []


def test_results_come_in_order_or_as_they_arrive() -> None:
    """The first call ends last."""
    with gated_pool(2) as (pool, gate):
        slow = [(gate.handle, n == 0, n) for n in range(4)]
        ordered = pool.imap(_pass_if, slow)
        gate.await_knocks(1)
        with pytest.raises(multiprocessing.TimeoutError) as caught:
            ordered.next(0.01)
        assert isinstance(caught.value, TimeoutError)
        unordered = pool.imap_unordered(_pass_if, slow[1:])
        assert sorted(unordered.next(TIME_LIMIT) for _ in range(3)) == [1, 2, 3]
        gate.open()
        assert ordered.next(timeout=TIME_LIMIT) == 0
        assert list(ordered) == [1, 2, 3]


def _pass_if(item: "tuple[tuple[int, int], bool, int]") -> int:
    return tasks.pass_gate_if(*item)


def test_it_returns_at_once(method: str) -> None:
    """The iterable may have nothing to give as yet; calls go on meanwhile."""
    with pool_of(1) as pool:
        reader, writer = os.pipe()
        with os.fdopen(writer, "w") as output, os.fdopen(reader) as lines:
            results = getattr(pool, method)(str.strip, lines)
            assert pool.apply(abs, (-1,)) == 1
            print("spam", file=output, flush=True)
            assert results.next(TIME_LIMIT) == "spam"
            output.close()
            assert list(results) == []
            pool.close()
            pool.join()


def test_nobody_has_to_take_the_results(method: str) -> None:
    """`close` does not end what was begun, and `join` waits for it."""
    with pool_of(2) as pool:
        results = getattr(pool, method)(abs, (n for n in range(1000)))
        pool.close()
        pool.join()
        assert sorted(results) == list(range(1000))


def test_an_endless_iterable_is_read_some_way_ahead(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the workers, not of the results that are taken."""
    monkeypatch.setattr(feeders, "_AHEAD", 2)
    read: list[int] = []
    stopped = threading.Event()

    def items(handle: "tuple[int, int]") -> Iterator["tuple[tuple[int, int], bool, int]"]:
        for number in count():
            read.append(number)
            if number == 4:  # 2 workers x 2, and the one that waits for room
                stopped.set()
            yield handle, number < 4, number

    with gated_pool(2) as (pool, gate):
        results = getattr(pool, method)(_pass_if, items(gate.handle))
        gate.await_knocks(2)
        assert stopped.wait(TIME_LIMIT)
        with pytest.raises(TimeoutError):
            results.next(0.05)
        assert read == list(range(5))
        gate.open()
        assert len({next(results) for _ in range(100)}) == 100


def test_an_exception_costs_its_item(method: str) -> None:
    """The other results come."""
    with pool_of(2) as pool:
        assert _all(getattr(pool, method)(_divide, [2, 0, 4])) == [0.25, 0.5, "ZeroDivisionError"]
        chunks = getattr(pool, method)(_divide, [2, 4, 0, 1, 8], 2)
        assert _all(chunks) == [0.125, 0.25, 0.5, "ZeroDivisionError"]


def _divide(number: int) -> float:
    return 1 / number


def _all(results: "IMapIterator[float]") -> list[object]:
    """Return all results, with the names of exceptions in their places; sorted by name."""
    found: list[object] = []
    while True:
        try:
            found.append(next(results))
        except StopIteration:
            return sorted(found, key=str)
        except Exception as error:
            found.append(type(error).__name__)


def test_an_exception_of_the_iterable_comes_behind_the_results(method: str) -> None:
    """The exception ends them. It is the very object, without a cause."""
    error = LookupError("mine")

    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    with pool_of(1) as pool:
        results = getattr(pool, method)(abs, items())
        found: list[int] = []
        with pytest.raises(LookupError, match="mine") as caught:
            found.extend(iter(results))
        assert caught.value is error
        assert error.__cause__ is None
        if method == "imap":
            assert found == [1, 2]
        assert set(_all(results)) <= {1, 2}


def test_a_stop_iteration_of_the_function_is_no_end(method: str) -> None:
    """A loop of the user would end in silence."""
    with pool_of(1) as pool:
        results = getattr(pool, method)(_stop, [0])
        with pytest.raises(RuntimeError, match="StopIteration"):
            next(results)


def _stop(_: int) -> None:
    mishaps.make_and_raise(StopIteration)


def test_wrong_arguments_are_refused(method: str) -> None:
    """In the caller's frame, not in a thread."""
    with pool_of(1) as pool:
        with pytest.raises(TypeError, match="iterable"):
            getattr(pool, method)(abs, 5)
        with pytest.raises(TypeError, match="fn"):
            getattr(pool, method)(5, [1])


def test_termination_ends_the_iterator(method: str) -> None:
    """By CancelledError, once, also where the iterable blocks the thread that reads it."""
    reader, writer = os.pipe()
    heard: list[object] = []

    def take(results: "IMapIterator[str]") -> None:
        try:
            heard.extend(results)
        except CancelledError as error:
            heard.append(type(error))
            heard.extend(results)

    with os.fdopen(reader) as lines, os.fdopen(writer, "w") as output:
        pool = Pool(1)
        results = getattr(pool, method)(str.strip, lines)
        print("spam", file=output, flush=True)
        assert next(results) == "spam"
        thread = start(take, results)
        pool.terminate()
        finish(thread)
        output.close()
        pool.join()
    assert heard == [CancelledError]


def test_calls_that_were_pending_at_the_termination_are_cancelled(method: str) -> None:
    """The end comes all the same."""
    with gated_pool(1) as (pool, gate):
        results = getattr(pool, method)(tasks.pass_gate, [gate.handle] * 10)
        gate.await_knocks(1)
        pool.terminate()
        gate.open()
        assert set(_all(results)) == {"CancelledError"}


def test_several_threads_may_take_the_results(method: str) -> None:
    """Each result goes to one of them."""
    found: list[int] = []
    with pool_of(2) as pool:
        results = getattr(pool, method)(abs, range(1000), 3)
        threads = [start(found.extend, results) for _ in range(3)]
        for thread in threads:
            finish(thread)
    assert sorted(found) == list(range(1000))


def test_results_that_were_taken_are_not_kept(method: str) -> None:
    """Neither the item nor the result is referred to by the pool or the iterator."""

    class Item:
        pass

    with pool_of(1) as pool:
        items = [Item(), Item()]
        references = [weakref.ref(each) for each in items]
        results = getattr(pool, method)(tasks.same, iter(items))
        references += [weakref.ref(next(results)) for _ in range(2)]
        items.clear()
        pool.apply(abs, (1,))
        pool.close()
        pool.join()
        gc.collect()
        assert [reference() for reference in references[2:]] == [None] * 2
