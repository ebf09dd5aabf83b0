"""The contract of every executor, for three classes: pools and maps.

See `test_contract.py`.
"""

import gc
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from functools import partial
from random import Random

import pytest

import tasks
from contract import CLASSES, Maker, each_pool, need_buffersize, queue_up, wait_for
from gates import TIME_LIMIT, gated

# -- map ------------------------------------------------------------------------


@each_pool
def test_map_gives_results_in_order(make_pool: Maker) -> None:
    """In the order of the items, not of their arrival."""
    with make_pool(3) as pool:
        assert list(pool.map(tasks.same, range(100))) == list(range(100))


@each_pool
def test_map_keeps_the_order_when_the_first_is_the_last_to_end(make_pool: Maker) -> None:
    """The second item's result waits for the first one's."""
    with gated(partial(make_pool, 2)) as (pool, gate):
        functions = [partial(tasks.pass_gate, gate.handle, "slow"), partial(tasks.same, "quick")]
        results = pool.map(tasks.apply, functions, timeout=TIME_LIMIT)
        gate.await_knocks(1)
        gate.let_in()
        assert list(results) == ["slow", "quick"]


@each_pool
def test_map_takes_its_arguments_from_all_iterables(make_pool: Maker) -> None:
    """`map` stops with the shortest iterable; without items there are no results."""
    with make_pool(2) as pool:
        assert list(pool.map(pow, [2, 3, 4], iter([5, 2]))) == [32, 9]
        assert list(pool.map(tasks.same, [])) == []
        assert list(pool.map(tasks.same)) == []


@each_pool
def test_map_raises_an_items_exception_at_its_turn(make_pool: Maker) -> None:
    """The results before it are given; after it the iterator is at its end."""
    with make_pool(2) as pool:
        results = pool.map(tasks.divide, [4, 4, 4], [2, 0, 4])
        assert next(results) == 2
        with pytest.raises(ZeroDivisionError):
            next(results)
        assert list(results) == []


@each_pool
def test_map_begins_before_it_is_iterated(make_pool: Maker) -> None:
    """All calls are submitted by `map()` itself."""
    with gated(partial(make_pool, 2)) as (pool, gate):
        results = pool.map(tasks.pass_gate, [gate.handle] * 2, "ab")
        gate.await_knocks(2)
        gate.open()
        assert list(results) == ["a", "b"]


@each_pool
def test_map_gives_up_after_its_timeout(make_pool: Maker) -> None:
    """TimeoutError from `next()`; results that are there in time are given."""
    with gated(partial(make_pool, 2)) as (pool, gate):
        functions = [partial(tasks.same, 1), partial(tasks.pass_gate, gate.handle)]
        wait_for(pool.submit(tasks.same, 0))
        results = pool.map(tasks.apply, functions, timeout=0.3)
        try:
            first = next(results)
        except TimeoutError:  # the machine is busy: again, with time enough
            results = pool.map(tasks.apply, functions, timeout=5)
            first = next(results)
        assert first == 1
        with pytest.raises(TimeoutError):
            next(results)


@each_pool
def test_a_map_that_is_closed_cancels_what_is_pending(make_pool: Maker) -> None:
    """Closing its iterator cancels what no worker has begun."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        results = pool.map(tasks.pass_gate, [gate.handle] * 12, range(12))
        gate.await_knocks(1)
        gate.let_in()
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]  # a generator
        gate.open()
        pool.shutdown()
        begun = 0
        while gate.has_knock():
            gate.await_knocks(1)
            begun += 1
        assert begun < 11


@each_pool
def test_map_reads_no_more_than_its_buffer_holds(make_pool: Maker) -> None:
    """`buffersize` items are in flight; the iterable may be endless."""
    need_buffersize(make_pool)
    read: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            read.append(len(read))
            yield read[-1]

    with make_pool(2) as pool:
        results = pool.map(tasks.same, endless(), buffersize=3)
        assert len(read) == 3
        for number in range(10):
            assert next(results) == number
            assert len(read) - (number + 1) <= 3
        results.close()  # type: ignore[attr-defined]


# -- shutdown -------------------------------------------------------------------


@each_pool
def test_leaving_the_with_block_waits_for_all_calls(make_pool: Maker) -> None:
    """All futures are done afterwards and keep their results."""
    with make_pool(2) as pool:
        futures = [pool.submit(tasks.divide, n, 1) for n in range(20)]
    assert all(future.done() for future in futures)
    assert [future.result(0) for future in futures] == list(range(20))


@each_pool
def test_nothing_is_taken_after_shutdown(make_pool: Maker) -> None:
    """`submit` and `map` raise RuntimeError; shutting down again does nothing."""
    pool = make_pool(1)
    pool.submit(tasks.same, 1).result(TIME_LIMIT)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(tasks.same, 1)
    with pytest.raises(RuntimeError, match="after shutdown"):
        list(pool.map(tasks.same, [1]))
    pool.shutdown(wait=False)
    pool.shutdown(cancel_futures=True)


@each_pool
def test_a_pool_that_was_never_used_ends(make_pool: Maker) -> None:
    """Without a call, `shutdown` has nothing to wait for."""
    make_pool(4).shutdown()
    with make_pool():
        pass


@each_pool
def test_shutdown_without_waiting_lets_calls_come_to_their_end(make_pool: Maker) -> None:
    """`shutdown` returns while a call runs; the call and those behind it are done later."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        futures = queue_up(pool, gate, 4)
        pool.shutdown(wait=False)
        assert not futures[0].done()
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(tasks.same, 1)
        gate.open()
        assert [future.result(TIME_LIMIT) for future in futures] == list(range(4))


@each_pool
def test_shutdown_can_cancel_what_is_pending(make_pool: Maker) -> None:
    """`cancel_futures=True`: the running call comes to its end, no other one begins."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        futures = queue_up(pool, gate)
        pool.shutdown(wait=False, cancel_futures=True)
        gate.open()
        pool.shutdown()
        assert futures[0].result(0) == 0
        assert all(future.done() for future in futures)
        assert [future.cancelled() for future in futures[2:]] == [True] * 10


@each_pool
def test_a_pool_that_is_dropped_still_computes(make_pool: Maker) -> None:
    """A future has its result also when its executor was dropped."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        futures = queue_up(pool, gate, 4)
        threads = list(pool._threads)  # type: ignore[attr-defined]
        dropped = partial(make_pool, 1)()
        kept = [dropped.submit(tasks.same, n) for n in range(3)]
        threads += dropped._threads  # type: ignore[attr-defined]
        del dropped
        gc.collect()
        assert [future.result(TIME_LIMIT) for future in kept] == [0, 1, 2]
        gate.open()
        assert futures[-1].result(TIME_LIMIT) == 3
    for thread in threads:
        thread.join(TIME_LIMIT)
        assert not thread.is_alive()


@pytest.mark.parametrize("pool_class", CLASSES)
def test_a_broken_pool_says_so(pool_class: type[Executor]) -> None:
    """An initializer that raises: BrokenExecutor on the future and from `submit`."""
    with pool_class(1, initializer=exec, initargs=("1/0",)) as pool:  # type: ignore[call-arg]
        with pytest.raises(BrokenExecutor):
            pool.submit(int).result(TIME_LIMIT)
        with pytest.raises(BrokenExecutor):
            pool.submit(int)


# -- many at once ---------------------------------------------------------------


@each_pool
def test_all_workers_work_at_once_and_no_more(make_pool: Maker) -> None:
    """Three workers run three calls; a fourth one waits for its turn."""
    with gated(partial(make_pool, 3)) as (pool, gate):
        futures = [pool.submit(tasks.pass_gate, gate.handle, n) for n in range(4)]
        gate.await_knocks(3)
        assert not gate.has_knock(0.05)
        gate.let_in()
        gate.await_knocks(1)
        gate.open()
        assert [future.result(TIME_LIMIT) for future in futures] == [0, 1, 2, 3]


@each_pool
def test_one_worker_runs_calls_in_the_order_they_were_submitted(make_pool: Maker) -> None:
    """First come, first served."""
    with make_pool(1) as pool:
        list(pool.map(tasks.keep, range(50)))
        kept = pool.submit(tasks.kept_values).result(TIME_LIMIT)
    assert kept[-50:] == list(range(50))


@each_pool
def test_any_thread_may_submit(make_pool: Maker) -> None:
    """Calls that several threads submit at once all get their own results."""
    with make_pool(2) as pool, ThreadPoolExecutor(4) as callers:
        sums = callers.map(partial(_submit_and_sum, pool), range(4))
        assert list(sums) == [sum(range(base * 200, base * 200 + 200)) for base in range(4)]


def _submit_and_sum(pool: Executor, base: int) -> int:
    """Submit 200 calls from this thread, return the sum of their results."""
    futures = [pool.submit(tasks.same, base * 200 + n) for n in range(200)]
    return sum(future.result(TIME_LIMIT) for future in futures)


@each_pool
def test_a_call_is_either_refused_or_done_when_the_pool_shuts_down_meanwhile(
    make_pool: Maker,
) -> None:
    """`submit` races `shutdown`: each call is a RuntimeError or comes to its end."""
    for _ in range(5):
        pool = make_pool(2)
        with ThreadPoolExecutor(2) as callers:
            taken = [callers.submit(_submit_until_refused, pool) for _ in range(2)]
            pool.submit(tasks.same, 0).result(TIME_LIMIT)
            pool.shutdown()
            for future in (f for one in taken for f in one.result(TIME_LIMIT)):
                assert future.result(TIME_LIMIT) == 1


def _submit_until_refused(pool: Executor) -> "list[Future[int]]":
    """Submit calls until the pool takes no more, a few at a time; return their futures."""
    futures: list[Future[int]] = []
    while True:
        try:
            futures.append(pool.submit(tasks.same, 1))
        except RuntimeError:
            return futures
        if len(futures) % 20 == 0:
            futures[-1].result(TIME_LIMIT)


@each_pool
def test_every_future_ends_when_calls_are_cancelled_at_random(make_pool: Maker) -> None:
    """`cancel()` races the workers: its answer is the truth, and nothing stays pending."""
    random = Random(2)
    with make_pool(2) as pool:
        futures = [pool.submit(tasks.same, n) for n in range(500)]
        cancelled = {n: futures[n].cancel() for n in random.sample(range(500), 250)}
        assert not wait(futures, TIME_LIMIT).not_done
    for number, future in enumerate(futures):
        assert future.cancelled() == cancelled.get(number, False)
        assert future.cancelled() or future.result(0) == number


@each_pool
def test_threads_that_cancel_the_same_calls_hear_the_same(make_pool: Maker) -> None:
    """However two `cancel()` of one call meet, both say what became of it."""
    with ThreadPoolExecutor(2) as callers, gated(partial(make_pool, 1)) as (pool, gate):
        list(pool.map(tasks.same, range(300)))
        futures = queue_up(pool, gate, 100)[1:]
        heard = list(callers.map(_cancel_all, [futures, futures]))
        gate.open()
        pool.shutdown()
        truth = [future.cancelled() for future in futures]
        assert heard == [truth, truth]
        assert all(truth)


def _cancel_all(futures: "list[Future[object]]") -> list[bool]:
    return [future.cancel() for future in futures]


@each_pool
def test_the_class_is_an_executor_of_threads(make_pool: Maker) -> None:
    """As the standard library's pool of interpreters is, so that asyncio takes it."""
    with make_pool() as pool:
        assert isinstance(pool, Executor)
        assert isinstance(pool, ThreadPoolExecutor)
