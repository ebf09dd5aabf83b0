"""`map`: chunks are real, buffers are bounded, an error belongs to its item."""

import gc
import os
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count, repeat

import pytest

import tasks
from gates import TIME_LIMIT, gate, gated
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast


class Reader:
    """Counts what is read of an iterable."""

    def __init__(self, items: Iterable[int]) -> None:
        self._items = items
        self.read = 0

    def __iter__(self) -> Iterator[int]:
        for item in self._items:
            self.read += 1
            yield item


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
    submit = pool._scheduler.submit

    def counting_submit(*call: object, **options: object) -> object:
        submitted.append(call)
        return submit(*call, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pool._scheduler, "submit", counting_submit)
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


# -- imap_unordered ---------------------------------------------------------------------


def test_the_first_result_comes_first() -> None:
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
    """A loop that is left does not wait for the rest."""
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
def test_results_are_not_kept(method: str, chunksize: int) -> None:
    """The caller's reference to a result that an iterator gave is the last one."""
    with InterpreterPoolExecutor(2) as pool:
        results = getattr(pool, method)(tasks.Shape, range(6), chunksize=chunksize)
        references = [weakref.ref(next(results)) for _ in range(6)]
    # Its threads, which may be just about to let go of one, have ended.
    assert [reference() for reference in references] == [None] * 6


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
