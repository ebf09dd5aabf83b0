"""`map`: chunks are real, buffers are bounded, an error belongs to its item."""

import gc
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count, repeat

import pytest

import mishaps
import tasks
from gates import TIME_LIMIT, gate, gated
from interpexec import InterpreterPoolExecutor, NotShareableError


class Reader:
    """Counts what is read of an iterable."""

    def __init__(self, items: Iterable[int]) -> None:
        self._items = items
        self.read = 0

    def __iter__(self) -> Iterator[int]:
        for item in self._items:
            self.read += 1
            yield item


@pytest.fixture
def pool() -> Iterator[InterpreterPoolExecutor]:
    """Make a pool of two workers."""
    with InterpreterPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def single() -> Iterator[InterpreterPoolExecutor]:
    """Make a pool of one worker, which survives the test."""
    with InterpreterPoolExecutor(1) as pool:
        before = pool.submit(tasks.interpreter).result(TIME_LIMIT)
        yield pool
        assert pool.submit(tasks.interpreter).result(TIME_LIMIT) == before


def _outcomes(results: Iterator[object]) -> list[object]:
    """Return the results, and the types of exceptions, of an iterator that goes on after them."""
    outcomes: list[object] = []
    while True:
        try:
            outcomes.append(next(results))
        except StopIteration:
            return outcomes
        except BaseException as error:  # any of them is an outcome
            outcomes.append(type(error))


# -- chunks ------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", [1, 2, 3, 7, 20, 1000])
@pytest.mark.parametrize("buffersize", [None, 1, 5, 20, 1000])
def test_results_do_not_depend_on_chunks_and_buffers(
    pool: InterpreterPoolExecutor, chunksize: int, buffersize: int | None
) -> None:
    """Every size gives the same results, from one iterable and from several."""
    sizes = {"chunksize": chunksize, "buffersize": buffersize}
    assert list(pool.map(tasks.same, range(20), **sizes)) == list(range(20))
    assert list(pool.map(pow, range(20), repeat(2), **sizes)) == [n * n for n in range(20)]
    assert sorted(pool.imap_unordered(tasks.same, range(20), **sizes)) == list(range(20))


def test_a_chunk_is_one_call() -> None:
    """Three items of a chunk stay in one worker even while the other one idles."""
    with gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate):
        held = pool.submit(tasks.pass_gate, gate.handle)
        gate.await_knocks(1)
        pool.submit(tasks.same, 0).result(TIME_LIMIT)
        gate.let_in()
        held.result(TIME_LIMIT)
        where = list(pool.map(tasks.interpreter_of, range(12), chunksize=3))
    chunks = [set(where[start : start + 3]) for start in range(0, 12, 3)]
    assert all(len(chunk) == 1 for chunk in chunks)


def test_a_chunk_makes_fewer_calls(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten items in chunks of four are three calls; the chunk size is the caller's."""
    submitted = []
    submit = pool.submit

    def counting_submit(*call: object) -> object:
        submitted.append(call)
        return submit(*call)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "submit", counting_submit)
    for chunksize, calls in (4, 3), (1, 10), (10, 1), (11, 1):
        submitted.clear()
        assert list(pool.map(tasks.same, range(10), chunksize=chunksize)) == list(range(10))
        assert len(submitted) == calls


def test_the_items_of_a_chunk_run_one_after_another_in_order() -> None:
    """A gate that stops the first item stops the whole chunk, and no other one."""
    with gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate):
        results = pool.imap_unordered(
            tasks.pass_gate_if,
            repeat(gate.handle),
            [True, False, False, False],
            range(4),
            chunksize=2,
        )
        gate.await_knocks(1)
        assert [next(results), next(results)] == [2, 3]
        gate.open()
        assert list(results) == [0, 1]


@pytest.mark.parametrize("chunksize", [1, 2, 3, 5])
def test_an_exception_belongs_to_its_item(single: InterpreterPoolExecutor, chunksize: int) -> None:
    """Items before it in the chunk are given; `imap_unordered` gives those after it too."""
    results = single.map(tasks.divide, repeat(6), [1, 2, 0, 3, 6], chunksize=chunksize)
    assert [next(results), next(results)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    results = single.imap_unordered(tasks.divide, repeat(6), [1, 2, 0, 3, 6], chunksize=chunksize)
    assert _outcomes(results) == [6, 3, ZeroDivisionError, 2, 1]


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


# -- what cannot travel, in the middle of a chunk -------------------------------------


@pytest.mark.parametrize("kind", ["LookupError", "SystemExit", "KeyboardInterrupt"])
@pytest.mark.parametrize("chunksize", [1, 2, 3])
@pytest.mark.parametrize("fn", [mishaps.some_results, mishaps.some_late_explosions])
def test_a_result_that_cannot_travel_costs_no_other_item(
    single: InterpreterPoolExecutor, chunksize: int, fn: Callable[..., object], kind: str
) -> None:
    """Whether it fails to be pickled there or to be unpickled here."""
    results = single.imap_unordered(fn, range(3), repeat(1), repeat(kind), chunksize=chunksize)
    first, second, third = _outcomes(results)
    assert (first, third) == (0, 2)
    assert isinstance(second, type)
    assert issubclass(second, BaseException)


@pytest.mark.parametrize("chunksize", [1, 2, 3])
@pytest.mark.parametrize("kind", [mishaps.ExplodesOnDeparture, mishaps.ExplodesOnArrival])
def test_an_item_that_cannot_travel_costs_no_other_item(
    single: InterpreterPoolExecutor, chunksize: int, kind: type
) -> None:
    """Whether it fails to be pickled here or to be unpickled there."""
    items = [0, kind(), 2]
    results = single.imap_unordered(tasks.same, items, chunksize=chunksize)
    assert sorted(map(str, _outcomes(results))) == sorted(map(str, [0, 2, NotShareableError]))
    ordered = single.map(tasks.same, items, chunksize=chunksize)
    assert next(ordered) == 0
    with pytest.raises(NotShareableError):
        next(ordered)


@pytest.mark.parametrize("chunksize", [1, 3])
def test_a_function_that_cannot_travel_is_told(
    single: InterpreterPoolExecutor, chunksize: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it as it does for `submit`; it comes with the first result."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    offset = 1
    with pytest.raises(NotShareableError, match="'offset'"):
        list(single.map(lambda n: n + offset, range(3), chunksize=chunksize))


# -- buffers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunksize", "buffersize"), [(1, 1), (1, 4), (2, 4), (4, 4), (9, 4), (3, 8)]
)
@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_no_more_is_read_than_the_buffer_holds(
    pool: InterpreterPoolExecutor, method: str, chunksize: int, buffersize: int
) -> None:
    """Of an endless iterable `buffersize` items are read ahead of the results, never more."""
    reader = Reader(count())
    results = getattr(pool, method)(tasks.same, reader, chunksize=chunksize, buffersize=buffersize)
    assert 0 < reader.read <= buffersize
    for given in range(1, 40):
        next(results)
        assert reader.read - given <= buffersize
    results.close()
    read = reader.read
    assert list(results) == []
    assert reader.read == read


@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_a_full_buffer_waits_for_the_consumer(pool: InterpreterPoolExecutor, method: str) -> None:
    """Nothing is read in the background: only `next()` reads on."""
    reader = Reader(count())
    results = getattr(pool, method)(tasks.same, reader, buffersize=3)
    pool.submit(tasks.same, 0).result(TIME_LIMIT)
    assert reader.read == 3
    next(results)
    pool.submit(tasks.same, 0).result(TIME_LIMIT)
    assert reader.read <= 4
    results.close()


@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_without_a_buffer_everything_is_read_at_once(
    pool: InterpreterPoolExecutor, method: str
) -> None:
    """As in `concurrent.futures`: before the first `next()`."""
    reader = Reader(range(100))
    results = getattr(pool, method)(tasks.same, reader)
    assert reader.read == 100
    assert sorted(results) == list(range(100))


# -- iterables that raise -----------------------------------------------------------------


def _broken(length: int) -> Iterator[int]:
    """Yield some numbers, then raise."""
    yield from range(length)
    raise LookupError("the iterable broke")


@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_an_iterable_that_raises_raises_in_the_caller(
    pool: InterpreterPoolExecutor, method: str
) -> None:
    """Read at once, the error comes from the call itself; the pool goes on."""
    with pytest.raises(LookupError, match="the iterable broke"):
        getattr(pool, method)(tasks.same, _broken(5))
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
    outcomes = _outcomes(single.imap_unordered(tasks.same, _broken(7), **sizes))
    outcomes.remove(LookupError)
    assert outcomes == list(range(7))


# -- imap_unordered ---------------------------------------------------------------------


def test_what_ends_first_comes_first() -> None:
    """A slow first item holds up nobody else's results."""
    with gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate):
        slow = [True, False, False, False]
        results = pool.imap_unordered(tasks.pass_gate_if, repeat(gate.handle), slow, range(4))
        assert {next(results) for _ in range(3)} == {1, 2, 3}
        gate.open()
        assert next(results) == 0
        assert next(results, "the end") == "the end"
        assert next(results, "the end") == "the end"


def test_closing_cancels_what_has_not_begun() -> None:
    """After `close()` the iterator is at its end, and pending items never run."""
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        results = pool.imap_unordered(
            tasks.pass_gate, repeat(gate.handle), range(20), buffersize=20
        )
        gate.await_knocks(1)
        results.close()  # type: ignore[attr-defined]
        assert list(results) == []
        gate.open()
        pool.shutdown()
        begun = sum(1 for _ in iter(partial(_take_knock, gate), False))
        assert begun < 19


def _take_knock(at: object) -> bool:
    """Count one more task that came to the gate; say whether there was one."""
    if not at.has_knock():  # type: ignore[attr-defined]
        return False
    at.await_knocks(1)  # type: ignore[attr-defined]
    return True


@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_dropping_the_iterator_cancels_what_has_not_begun(method: str) -> None:
    """Who leaves the loop does not wait for the rest."""
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        results = getattr(pool, method)(
            tasks.pass_gate, repeat(gate.handle), range(20), buffersize=20
        )
        gate.await_knocks(1)
        gate.let_in()
        assert next(results) == 0
        del results
        gc.collect()
        gate.open()
        pool.shutdown()
        assert sum(1 for _ in iter(partial(_take_knock, gate), False)) < 19


# -- time -------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, -1, 0.05, 1e-9])
@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_the_time_of_a_map_runs_out(method: str, timeout: float) -> None:
    """TimeoutError from `next()`, however short the time is."""
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        results = getattr(pool, method)(tasks.pass_gate, [gate.handle] * 3, timeout=timeout)
        with pytest.raises(TimeoutError):
            next(results)


@pytest.mark.parametrize("timeout", [None, 1e9, float("inf"), 1e300])
@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_a_map_may_have_any_time(
    pool: InterpreterPoolExecutor, method: str, timeout: float | None
) -> None:
    """A number of seconds that no clock counts is for ever."""
    assert sorted(getattr(pool, method)(tasks.same, range(5), timeout=timeout)) == [0, 1, 2, 3, 4]


# -- references ---------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", [1, 2])
@pytest.mark.parametrize("method", ["map", "imap_unordered"])
def test_results_are_not_kept(pool: InterpreterPoolExecutor, method: str, chunksize: int) -> None:
    """Who drops a result that an iterator gave had the last reference to it."""
    results = getattr(pool, method)(tasks.Shape, range(6), chunksize=chunksize)
    for _ in range(6):
        reference = weakref.ref(next(results))
        assert reference() is None


def test_workers_keep_nothing_of_a_call() -> None:
    """Arguments, result and exception of a call are gone before the next call comes."""
    with gate() as died, InterpreterPoolExecutor(1) as pool:
        knocker = died.handle[0]
        for fn in (tasks.same, tasks.divide, tasks.fail_with):
            future = pool.submit(fn, tasks.Mortal(knocker), 1)
            future.exception(TIME_LIMIT)
            if fn is tasks.same:
                assert isinstance(future.exception(), TypeError)
            died.await_knocks(1)
        results = list(
            pool.map(tasks.identity_of, [tasks.Mortal(knocker) for _ in range(2)], chunksize=2)
        )
        assert len(results) == 2
        died.await_knocks(2)
        os.write(knocker, b"!")
        died.await_knocks(1)
