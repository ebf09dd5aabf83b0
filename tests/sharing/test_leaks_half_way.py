"""Broadcasts, maps and objects that fail half way leave no descriptor, mapping or export."""

import gc
import logging
import os
import threading
from concurrent.futures import wait
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

import shareable
import sharing_tasks as there
from gates import TIME_LIMIT, Gate
from interpexec import (
    InterpreterPoolExecutor,
    NotShareableError,
)
from stock import _PATIENCE, Stock
from stops import Pipe, pool_of, shut_down

# -- broadcast -------------------------------------------------------------


def test_broadcast_to_workers_that_end(stock: Stock, begun: Pipe) -> None:
    """Before its turn: the orders hold nothing afterwards."""
    pool = InterpreterPoolExecutor(2)
    running = [pool.submit(there.spin, begun.writer) for _ in range(2)]
    begun.hear(2)
    blocked = pool.broadcast(there.spin, begun.writer, stock.all())
    begun.hear(2)
    waiting = [pool.broadcast(there.nothing, stock.all()) for _ in range(5)]
    for future in running:
        future.cancel()
    pool.terminate_workers()
    assert all(future.done() for futures in [blocked, *waiting] for future in futures)
    shut_down(pool)
    stock.check()


@pytest.mark.slow
def test_broadcast_to_workers_that_are_recycled(stock: Stock) -> None:
    """A broadcast may come too late; it never holds on to anything."""
    with pool_of(2, max_tasks_per_child=1) as pool:
        for _ in range(6):
            call = pool.submit(there.nothing)
            futures = pool.broadcast(there.nothing, *stock.all())
            call.result(TIME_LIMIT)
            assert not wait(futures, TIME_LIMIT).not_done
    stock.check()


def test_cancelled_broadcasts(stock: Stock, begun: Pipe, door: Gate) -> None:
    """Of a worker whose broadcasts wait for one that blocks."""
    with pool_of(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        (first,) = pool.broadcast(there.pass_door, door.handle, stock.all())
        door.await_knocks(1)
        others = [pool.broadcast(there.nothing, stock.all())[0] for _ in range(10)]
        assert all(future.cancel() for future in others)
        with pool._scheduler.state.lock:
            (worker,) = pool._scheduler.state.workers.active.values()
            answer = pool._scheduler.control_calls.ask(worker, "stack", None)
        answer.result(TIME_LIMIT)  # it has come behind the orders not to run these
        door.open()
        assert first.result(TIME_LIMIT) == 1
        pool.broadcast(there.nothing)[0].result(TIME_LIMIT)
        stock.grow()
    stock.check()


def test_a_broadcast_that_nobody_hears(stock: Stock) -> None:
    """There is no worker yet, or none any more."""
    pool = InterpreterPoolExecutor(1)
    assert pool.broadcast(there.nothing, stock.all()) == []
    stock.check()
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.broadcast(there.nothing, stock.all())


# -- half way --------------------------------------------------------------


@pytest.mark.parametrize("position", range(7))
def test_unpickling_that_fails_in_the_worker(stock: Stock, position: int) -> None:
    """Objects before the failure were taken, those behind it were not: all are given back."""
    value = stock.all()
    value.insert(position, shareable.Explodes())
    with pool_of(1) as pool:
        assert isinstance(pool.submit(there.same, value).exception(TIME_LIMIT), NotShareableError)
        items = pool.imap_unordered(there.same, [value, 1, value], chunksize=3)
        for _ in range(3):
            with suppress(NotShareableError):
                next(items)
        (future,) = pool.broadcast(there.same, value)
        assert isinstance(future.exception(TIME_LIMIT), NotShareableError)
        del items, future, value
        pool.submit(gc.collect).result(TIME_LIMIT)
        stock.check()


def _open_descriptors() -> int:
    """Return how many there are, of what is still in use."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # half a result
def test_unpickling_that_fails_on_the_callers_side(stock: Stock) -> None:
    """Of a result, of an exception, of an item."""
    with pool_of(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        before = _open_descriptors()
        for last in shareable.Explodes, shareable.RaisesThere:
            error = pool.submit(there.sockets_then, last).exception(TIME_LIMIT)
            assert isinstance(error, NotShareableError)
            iterator = pool.map(there.sockets_then, [last] * 3, chunksize=3)
            with pytest.raises(NotShareableError):
                next(iterator)
            error = pool.submit(there.fail_with_sockets_then, last).exception(TIME_LIMIT)
            assert isinstance(error, NotShareableError)
            del error, iterator
        end = monotonic() + _PATIENCE  # the collector may be the last to have such a future
        while _open_descriptors() != before:
            assert monotonic() < end, "descriptors are left"
            threading.Event().wait(0.01)
    stock.check()


def test_results_that_cannot_be_sent(stock: Stock) -> None:
    """An argument that fails after others were packed, wherever it stands: nothing is held."""
    with pool_of(1) as pool:
        for bad in (
            shareable.ExplodesHere(),
            shareable.Raises(),
            shareable.OneWay(),
            threading.Lock(),
        ):
            future = pool.submit(there.nothing, *stock.all(), bad, key=stock.all())
            assert isinstance(future.exception(TIME_LIMIT), NotShareableError)
            del future
            with pytest.raises(NotShareableError):
                pool.broadcast(there.nothing, stock.all(), [bad])
            with pytest.raises(NotShareableError):
                list(pool.map(there.nothing, [stock.all(), [stock.all(), bad]], chunksize=2))
            with pytest.raises(NotShareableError):
                stock.sender.send([stock.all(), bad])
    stock.check()


def test_results_that_cannot_be_sent_are_let_go_at_once(stock: Stock) -> None:
    """When the future is dropped, and not by the next garbage collection."""
    with pool_of(1) as pool:
        gc.collect()
        gc.disable()
        try:
            pool.submit(there.nothing, memoryview(stock.data), shareable.ExplodesHere()).cancel()
            stock.data.append(1)
        finally:
            gc.enable()


def test_a_result_that_cannot_leave(stock: Stock) -> None:
    """The worker holds none of its parts when the error is here."""
    with pool_of(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        before = len(os.listdir("/proc/self/fd"))
        for bad in shareable.ExplodesHere, shareable.Raises, shareable.OneWay:
            error = pool.submit(there.sockets_then, bad).exception(TIME_LIMIT)
            assert isinstance(error, NotShareableError)
            iterator = pool.map(there.sockets_then, [bad] * 3, chunksize=3)
            with pytest.raises(NotShareableError):
                next(iterator)
            del iterator
        assert len(os.listdir("/proc/self/fd")) == before
    stock.check()


def test_exceptions_with_sockets(stock: Stock) -> None:
    """Sockets arrive with the exception, and the worker has none of them any more."""
    with pool_of(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        before = len(os.listdir("/proc/self/fd"))
        error: Any = pool.submit(there.fail_with_socket, 1).exception(TIME_LIMIT)
        ours, theirs = error.pair
        theirs.settimeout(_PATIENCE)
        ours.sendall(b"x")
        assert theirs.recv(2) == b"x"
        ours.close()
        assert theirs.recv(2) == b""
        theirs.close()
        del error
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == before
        iterator = pool.imap_unordered(there.fail_with_socket, [1, 2, 3], chunksize=3)
        for _ in range(3):
            with pytest.raises(LookupError) as raised:
                next(iterator)
            for sock in raised.value.pair:  # type: ignore[attr-defined]
                sock.close()
        error = pool.submit(there.fail_with, ValueError(stock.theirs), view=memoryview(b"v"))
        error.exception(TIME_LIMIT).args[0].close()
        assert bytes(error.exception().view) == b"v"
        del error, raised


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # nobody looked at it
def test_an_exception_with_sockets_that_nobody_looks_at(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a call, of an item behind one that was looked at, and of a failed initializer."""
    # The log record of the initializer's error is kept by pytest.
    monkeypatch.setattr(logging.getLogger("concurrent.futures"), "disabled", True)
    with pool_of(1) as pool:
        for _ in range(5):
            pool.submit(there.fail_with_socket, 1)
        iterator = pool.map(there.fail_with_socket, [1, 2, 3], chunksize=3)
        with suppress(LookupError):
            next(iterator)
        del iterator
    with InterpreterPoolExecutor(1, initializer=there.fail_with_socket, initargs=(1,)) as pool:
        assert pool.submit(int).exception(TIME_LIMIT)
    stock.check()


# -- maps ------------------------------------------------------------------


def test_items_that_are_never_reached(stock: Stock, begun: Pipe) -> None:
    """Of a chunk that is cancelled in the middle; and of chunks behind it."""
    with pool_of(1) as pool:
        items = [(begun.writer, *stock.all())] * 4
        iterator = pool.imap_unordered(there.spin_star, items, chunksize=2)
        begun.hear()
        iterator.close()  # type: ignore[attr-defined]
        assert pool.submit(int).result(TIME_LIMIT) == 0
    del items, iterator
    stock.check()


def test_a_map_that_ends_at_an_exception(stock: Stock) -> None:
    """Items that were read ahead are given back, even while the iterator is kept."""
    with pool_of(1) as pool:
        for chunksize in (1, 3):
            items = [stock.all() for _ in range(9)]
            items[0] = [shareable.Explodes()]
            iterator = pool.map(there.nothing, items, chunksize=chunksize)
            with pytest.raises(NotShareableError):
                next(iterator)
            del iterator, items
            pool.submit(gc.collect).result(TIME_LIMIT)
    stock.check()


@pytest.mark.parametrize("chunksize", [1, 4])
def test_maps_over_everything(stock: Stock, chunksize: int) -> None:
    """Results, too, are the caller's alone."""
    with pool_of(2) as pool:
        for mapping in pool.map, pool.imap_unordered:
            for got in mapping(there.same, [stock.all()] * 8, chunksize=chunksize):
                got[0].close()  # type: ignore[index]
                del got
