"""`interpexec.pool.Pool`: how a pool is made, and how it ends."""

import gc
import multiprocessing
import pickle
import weakref
from collections.abc import Callable  # noqa: TC003  # pytest
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, NotShareableError
from interpexec.pool import AsyncResult, Pool
from pools import gated_pool, pool_of
from stops import Pipe, finish, start

pytestmark = pytest.mark.fast


# -- the end -------------------------------------------------------------------------------


def test_a_pool_that_was_closed_computes_what_it_has() -> None:
    """No more is taken, and `join` waits for results and callbacks."""
    values: list[int] = []
    with gated_pool(1) as (pool, gate):
        results = [
            pool.apply_async(tasks.pass_gate, (gate.handle, n), callback=values.append)
            for n in range(5)
        ]
        with pytest.raises(ValueError, match="still running"):
            pool.join()
        pool.close()
        refused: list[Callable[[], object]] = [
            partial(pool.apply, abs, (1,)),
            partial(pool.map, abs, [1]),
            partial(pool.imap, abs, [1]),
            pool.__enter__,
        ]
        for ask in refused:
            with pytest.raises(ValueError, match="not running"):
                ask()
        gate.open()
        pool.join()
        assert values == list(range(5))
        assert [result.get(0) for result in results] == list(range(5))


def test_termination_wakes_all_that_wait(begun: Pipe, told: Pipe) -> None:
    """Results raise CancelledError, no callback is called, and what runs is stopped."""
    values: list[object] = []
    heard: list[type[BaseException]] = []

    def wait_for(result: "AsyncResult[object]") -> None:
        try:
            result.get(TIME_LIMIT)
        except CancelledError as error:
            heard.append(type(error))

    with pool_of(1) as pool:
        ask = partial(pool.apply_async, callback=values.append, error_callback=values.append)
        results = [
            ask(stoppable.spin_and_tell, (begun.writer, told.writer)),
            ask(abs, (-1,)),
            pool.apply_async(abs, (-1,)),
            pool.map_async(abs, [-1] * 100, callback=values.append),
        ]
        begun.hear()
        waiters = [start(wait_for, result) for result in results]
        pool.terminate()
        for waiter in waiters:
            finish(waiter)
    assert heard == [CancelledError] * 4
    assert told.rest() == b"TaskCancelled"
    assert not values
    assert all(result.ready() and not result.successful() for result in results)


def test_leaving_with_terminates(begun: Pipe, told: Pipe) -> None:
    """Calls are stopped also where nothing was raised: as in `multiprocessing`."""
    with Pool(1) as pool:
        result = pool.apply_async(stoppable.spin_and_tell, (begun.writer, told.writer))
        begun.hear()
    assert result.ready()
    pool.terminate()  # once more
    pool.join()
    assert told.rest() == b"TaskCancelled"


def test_a_pool_that_is_dropped_warns() -> None:
    """If it was neither closed nor terminated; it still computes what it has."""
    pool = Pool(1)
    result = pool.apply_async(abs, (-1,))
    reference = weakref.ref(pool)
    pools = [pool]
    del pool
    with pytest.warns(ResourceWarning, match=r"unclosed running .*Pool state=RUN pool_size=1>"):
        pools.clear()
    gc.collect()
    assert reference() is None
    assert result.get(TIME_LIMIT) == 1


# -- making one ----------------------------------------------------------------------------


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"processes": 0}, ValueError, "processes.* at least 1"),
    ({"processes": "2"}, TypeError, "processes .* '2'"),
    ({"initializer": 5}, TypeError, "initializer .* 5"),
    ({"initializer": int, "initargs": 5}, TypeError, "initargs .* 5"),
    ({"maxtasksperchild": 0}, ValueError, "maxtasksperchild .* 0"),
    ({"maxtasksperchild": "2"}, ValueError, "maxtasksperchild .* '2'"),
    ({"context": multiprocessing.get_context("spawn")}, ValueError, "context .* no start method"),
]


@pytest.mark.parametrize(("arguments", "kind", "text"), REFUSED)
def test_the_constructor_refuses(
    arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    """The error names the argument, and nothing was started: no warning comes."""
    with pytest.raises(kind, match=text):
        Pool(**arguments)
    gc.collect()


def test_workers_start_at_once() -> None:
    """Their initializers have run when the pool is joined, though nothing was called."""
    reader, writer = (pipe := Pipe()).reader, pipe.writer
    try:
        pool = Pool(3, tasks.note, (writer, 7))
        pool.close()
        pool.join()
        assert pipe.rest() == b"\x07" * 3, reader
    finally:
        pipe.close()


def test_an_initializer_that_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Calls raise; `multiprocessing` would start workers for ever."""
    with pool_of(1, tasks.divide, (1, 0)) as pool, pytest.raises(BrokenInterpreterPool):
        pool.apply(abs, (1,))
    assert "ZeroDivisionError" in caplog.text


def test_workers_are_replaced() -> None:
    """After `maxtasksperchild` calls; a chunk of a map is one."""
    with pool_of(1, maxtasksperchild=2) as pool:
        where = [pool.apply(tasks.interpreter) for _ in range(4)]
        assert where[0] == where[1] != where[2] == where[3]
        assert len(set(pool.map(tasks.interpreter_of, range(40), chunksize=10))) == 2


def test_a_pool_tells_its_state() -> None:
    """In its repr."""
    with pool_of(2) as pool:
        assert repr(pool) == "<interpexec.pool.Pool state=RUN pool_size=2>"
        pool.close()
        assert "state=CLOSE" in repr(pool)
    assert repr(pool) == "<interpexec.pool.Pool state=TERMINATE pool_size=0>"
    assert repr(Pool.__new__(Pool)) == "<interpexec.pool.Pool state=INIT pool_size=0>"


def test_a_pool_cannot_be_sent() -> None:
    """Nor pickled."""
    with pool_of(1) as pool:
        with pytest.raises(NotImplementedError, match="cannot be passed between processes"):
            pickle.dumps(pool)
        with pytest.raises(NotShareableError, match="cannot be passed between processes"):
            pool.apply(tasks.same, (pool,))


def test_a_call_may_use_a_pool_of_its_own() -> None:
    """In a worker, too; a thread that is a daemon is not needed."""

    def squares(numbers: list[int]) -> list[int]:
        with Pool(1) as pool:
            told = pool.map_async(abs, numbers, callback=len)
            done = pool.imap(abs, numbers)
            pool.close()
            pool.join()
            return [*done, *told.get(0)]

    with InterpreterPoolExecutor(1) as executor:
        assert executor.submit(squares, [-1, 2]).result(TIME_LIMIT) == [1, 2, 1, 2]
