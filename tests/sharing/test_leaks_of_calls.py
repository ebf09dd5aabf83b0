"""Calls that end in any way: no descriptor, no mapping and no export is left of their objects."""

import random
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from contextlib import suppress

import pytest

import shareable
import sharing_tasks as there
import token_tasks
from gates import TIME_LIMIT, Gate
from interpexec import (
    BrokenInterpreterPool,
    InterpreterPoolExecutor,
    create_channel,
)
from stock import Stock
from stops import Pipe, pool_of, shut_down

type Pool = InterpreterPoolExecutor


# -- calls that do not come to their end -----------------------------------


def test_calls_that_end_well(stock: Stock) -> None:
    """Lent memory is given back with the answer."""
    with pool_of(1) as pool:
        for _ in range(100):
            pool.submit(there.nothing, memoryview(stock.data)).result(TIME_LIMIT)
            stock.grow()
        for _ in range(10):
            pool.submit(there.nothing, *stock.all(), key=stock.all()).result(TIME_LIMIT)
        del stock.data[100:]


def test_cancelled_before_it_began(stock: Stock, door: Gate) -> None:
    """In the backlog and in the request queue; the futures are kept."""
    with pool_of(1) as pool:
        running = pool.submit(there.pass_door, door.handle)
        door.await_knocks(1)
        futures = [pool.submit(there.nothing, stock.all()) for _ in range(30)]
        assert all(future.cancel() for future in reversed(futures))
        assert all(future.cancelled() for future in futures)
        stock.data.append(1)  # at once
        door.open()
        running.result(TIME_LIMIT)
        pool.submit(int).result(TIME_LIMIT)
    stock.check()


def test_cancelled_while_it_runs(stock: Stock, begun: Pipe) -> None:
    """The worker is replaced, and lets go; before the pool ends."""
    with pool_of(1) as pool:
        for _ in range(3):
            future = pool.submit(there.spin, begun.writer, *stock.all())
            begun.hear()
            assert future.cancel()
            pool.submit(int).result(TIME_LIMIT)
        shut_down(pool)
        stock.check()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # nobody wanted these sockets
def test_cancelled_on_its_way_back(stock: Stock, door: Gate) -> None:
    """The result of a cancelled call is thrown away."""
    with pool_of(1, cancel_running=False) as pool:
        futures = [
            pool.submit(there.pass_door_and_make, door.handle, there.sockets, 5) for _ in range(5)
        ]
        door.await_knocks(1)
        door.open()
        del futures
        assert pool.submit(int).result(TIME_LIMIT) == 0
    stock.check()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # nobody wanted these sockets
def test_the_future_is_dropped(stock: Stock) -> None:
    """The call is made, and what it gives goes nowhere."""
    with pool_of(1) as pool:
        for _ in range(10):
            pool.submit(there.same, stock.all())
            pool.submit(there.buffer_of, 4096)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # nobody wanted these sockets
def test_cancelled_while_it_answers(stock: Stock) -> None:
    """At any moment between its end and its result."""
    with pool_of(2) as pool:
        for number in range(60):
            future = pool.submit(there.same, [stock.handle, memoryview(stock.data), stock.block])
            for _ in range(number * 20):
                pass
            if not future.cancel():
                with suppress(CancelledError):
                    future.result(TIME_LIMIT)
            del future
    stock.check()


def test_its_time_is_over(stock: Stock, begun: Pipe) -> None:
    """The future has a TimeoutError, and the call's objects are given back."""
    with pool_of(1) as pool:
        future = pool.with_options(timeout=0.05).submit(there.spin, begun.writer, *stock.all())
        assert isinstance(future.exception(TIME_LIMIT), TimeoutError)
    stock.check()


# -- workers that end ------------------------------------------------------


def test_recycled_workers(stock: Stock) -> None:
    """Each worker runs one call, and keeps its arguments until it ends."""
    with pool_of(1, max_tasks_per_child=1) as pool:
        for _ in range(4):
            assert pool.submit(there.keep, stock.all()).result(TIME_LIMIT) is None


@pytest.mark.parametrize("running", [True, False])
def test_terminated_with_messages_in_the_line(stock: Stock, begun: Pipe, running: bool) -> None:
    """Calls that nobody took any more, of which the futures are kept."""
    pool = InterpreterPoolExecutor(2)
    if running:
        spinning = [pool.submit(there.spin, begun.writer, stock.all()) for _ in range(2)]
        begun.hear(2)
    futures = [pool.submit(there.nothing, stock.all()) for _ in range(20)]
    pool.terminate_workers()
    assert not wait(futures, TIME_LIMIT).not_done
    if running:
        assert all(future.cancelled() for future in spinning + futures)
        del spinning
    stock.check()
    assert len(futures) == 20


def test_a_failing_initializer(stock: Stock) -> None:
    """The pool is broken; the calls' futures, which are kept, hold nothing."""
    pool = InterpreterPoolExecutor(2, initializer=there.fail_to_begin, initargs=stock.all()[:1])
    futures = []
    with suppress(BrokenInterpreterPool):
        for _ in range(10):
            futures.append(pool.submit(there.nothing, stock.all()))  # noqa: PERF401  # until it breaks
    assert not wait(futures, TIME_LIMIT).not_done
    assert all(isinstance(future.exception(0), BrokenInterpreterPool) for future in futures)
    shut_down(pool)
    stock.check()
    assert futures


@pytest.mark.parametrize("how", ["shutdown", "terminate"])
def test_initargs(stock: Stock, how: str) -> None:
    """Each worker gets its own, and lets go of them."""
    pool = InterpreterPoolExecutor(2, initializer=there.keep, initargs=(stock.all(),))
    futures = [pool.submit(there.nothing, n) for n in range(4)]
    for future in futures:
        future.result(TIME_LIMIT)
    if how == "terminate":
        pool.terminate_workers()
    shut_down(pool)


def test_terminated_while_it_begins(stock: Stock, begun: Pipe) -> None:
    """In an initializer that would run for ever."""
    pool = InterpreterPoolExecutor(
        1, initializer=there.spin_as_initializer, initargs=(begun.writer, stock.all())
    )
    future = pool.submit(there.nothing, stock.all())
    begun.hear()
    pool.terminate_workers()
    assert future.cancelled()
    shut_down(pool)


@pytest.mark.parametrize("settled", [True, False])
def test_terminated_at_any_moment_of_its_start(stock: Stock, settled: bool) -> None:
    """A worker may have its setup or not."""
    for number in range(6):
        pool = InterpreterPoolExecutor(1, initializer=there.keep, initargs=(stock.all(),))
        future = pool.submit(there.nothing, stock.all())
        if settled:
            wait([future], number * 0.01)
        pool.terminate_workers()
        shut_down(pool)
        del pool, future  # it holds the initializer's arguments
    stock.check()


def test_shut_down_with_cancel_futures(stock: Stock, door: Gate) -> None:
    """A cancelled call holds nothing, though its future is kept."""
    pool = InterpreterPoolExecutor(1)
    running = pool.submit(there.pass_door, door.handle, *stock.all())
    door.await_knocks(1)
    futures = [pool.submit(there.nothing, stock.all()) for _ in range(20)]
    pool.shutdown(wait=False, cancel_futures=True)
    door.open()
    assert running.result(TIME_LIMIT) == 6
    shut_down(pool)
    assert sum(future.cancelled() for future in futures) >= 18
    stock.check()


def test_a_pool_that_is_dropped(stock: Stock, door: Gate) -> None:
    """The iterator is dropped; submitted items are computed all the same."""
    pool = InterpreterPoolExecutor(1)
    threads = set()
    iterator = pool.map(there.nothing, [stock.all() for _ in range(5)])
    threads |= set(pool._threads)
    del iterator, pool
    for thread in threads:
        thread.join(TIME_LIMIT)
    stock.check()


# -- stopped in the middle of it -------------------------------------------


CHURNS: dict[str, Callable[..., None]] = {
    "tokens": token_tasks.churn_tokens,
    "blocks": token_tasks.churn_blocks,
    "channel": token_tasks.churn_channel,
    "results": token_tasks.churn_packing,
}


@pytest.mark.slow
@pytest.mark.parametrize("churn", CHURNS)
def test_calls_that_are_stopped_while_they_share(stock: Stock, begun: Pipe, churn: str) -> None:
    """At any bytecode: nothing is lost, and nothing closed twice."""
    chance = random.Random(5)
    with pool_of(2) as pool:
        for _ in range(25):
            receiver, sender = create_channel()
            ends = (sender, receiver) if churn == "channel" else ()
            future = pool.submit(CHURNS[churn], begun.writer, stock.writer, *ends)
            begun.hear()
            wait([future], chance.random() / 300)
            assert future.cancel()
            sender.release()
            receiver.release()
            del ends
    stock.check()


# -- channels --------------------------------------------------------------


def test_messages_in_a_channel_that_ends(stock: Stock) -> None:
    """Closed by its receiver, released by the last one, or forgotten."""
    for end in ("close", "release", "forget"):
        receiver, sender = create_channel()
        for _ in range(3):
            sender.send([stock.theirs, stock.handle, stock.block, b"x" * 100_000])
        if end == "close":
            receiver.close()
        if end != "forget":
            receiver.release()
            sender.release()
        del receiver, sender
    stock.check()


def test_messages_that_a_worker_was_to_receive(stock: Stock) -> None:
    """A worker takes one message, fails at another, and ends: all are given back."""
    receiver, sender = create_channel()
    with receiver, sender:
        sender.send(stock.all()[:1])
        sender.send([stock.theirs, shareable.Explodes(), stock.handle])
        sender.send([stock.handle])
        with pool_of(1) as pool:
            assert pool.submit(token_tasks.receive, receiver).result(TIME_LIMIT) == "list"
            error = pool.submit(token_tasks.receive, receiver).exception(TIME_LIMIT)
            assert isinstance(error, LookupError)
            del error
    stock.check()
