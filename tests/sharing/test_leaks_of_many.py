"""Many objects, and more than may be lent: nothing is left of them, and nothing hangs."""

import ctypes
import gc
import threading
from concurrent.futures import wait

import pytest

import sharing_tasks as there
from gates import TIME_LIMIT, Gate
from interpexec import (
    NotShareableError,
)
from interpexec.sharing import Handle
from stock import Stock
from stops import pool_of
from tiers import few


def test_as_many_views_as_there_may_be(stock: Stock) -> None:
    """128 in one call; one more is refused, with the argument's name."""
    with pool_of(1) as pool:
        views = [memoryview(stock.data)[n:] for n in range(100)] + [memoryview(stock.data)] * 28
        many = [memoryview(stock.data) for _ in range(128)]
        assert pool.submit(len, views).result(TIME_LIMIT) == 128
        assert pool.submit(len, many).result(TIME_LIMIT) == 128
        many.append(memoryview(stock.data))
        error = pool.submit(len, many).exception(TIME_LIMIT)
        assert type(error) is NotShareableError
        assert "args[0]: more than 128 views" in str(error)
        assert "SharedBuffer" in str(error)
        del views, many, error
        gc.collect()
        stock.grow()


def test_many_views_in_results_and_tokens() -> None:
    """Views are copied there: as many as you like."""
    with pool_of(1) as pool:
        views = pool.submit(there.many_views, 500).result(TIME_LIMIT)
        assert [view[0] for view in views] == [number % 256 for number in range(500)]
        del views


def test_a_chunk_with_many_views(stock: Stock) -> None:
    """Items that can be sent alone arrive in a chunk, too; or the error says what to do."""
    with pool_of(1) as pool:
        items = [memoryview(stock.data) for _ in range(300)]
        try:
            assert list(pool.map(len, items, chunksize=300)) == [100] * 300
        except NotShareableError as error:
            assert "128 views" in str(error)  # noqa: PT017  # one of two right answers
        assert list(pool.map(len, items, chunksize=50)) == [100] * 300
        del items
        gc.collect()
        stock.grow()


@pytest.mark.parametrize("width", [1, 3])
def test_hundreds_of_calls_with_views(stock: Stock, width: int) -> None:
    """None of them is lost, and every export is given back."""
    with pool_of(width) as pool:
        futures = [
            pool.submit(len, [memoryview(stock.data) for _ in range(number % 40)])
            for number in range(400)
        ]
        assert [future.result(TIME_LIMIT) for future in futures] == [n % 40 for n in range(400)]
        stock.grow()
        large = bytes(100_000)
        for future in [pool.submit(there.nothing, *[large + b"x"] * 9) for _ in range(60)]:
            assert future.result(TIME_LIMIT) is None


@pytest.mark.parametrize("way", few(["calls", "broadcast", "initargs"]))
def test_views_that_come_back_while_the_lender_is_busy(stock: Stock, way: str, door: Gate) -> None:
    """The lender runs no Python for a while (C code that keeps its GIL): no export is lost."""
    libc = ctypes.PyDLL(None)  # unlike CDLL it keeps the GIL
    width = 5
    # For several workers, as many as there may be: 160.
    views = [memoryview(stock.data) for _ in range(100 if way == "calls" else 160 // width)]
    initargs: tuple[object, ...] = (door.handle, *views) if way == "initargs" else ()
    initializer = there.pass_door if way == "initargs" else None
    with pool_of(width, initializer=initializer, initargs=initargs) as pool:
        if way == "broadcast":
            calls = [pool.submit(there.pass_door, door.handle) for _ in range(width)]
            door.await_knocks(width)
            futures = pool.broadcast(there.pass_door, door.handle, *views)
            futures += calls
            door.await_knocks(1)
        elif way == "calls":
            futures = [pool.submit(there.pass_door, door.handle, *views) for _ in range(20)]
            door.await_knocks(1)
        else:
            futures = [pool.submit(there.nothing) for _ in range(width)]
            door.await_knocks(1)
        libc.write(door._key, bytes(64), 64)
        libc.usleep(400_000)  # the main interpreter is busy, the workers are not
        for future in futures:
            future.result(TIME_LIMIT)
    del views, initargs, futures
    stock.check()


class Slow:
    """Memory whose owner takes its time when it comes back, in Python."""

    def __init__(self) -> None:
        self.is_back = False

    def __buffer__(self, flags: int, /) -> memoryview:
        return memoryview(bytearray(10))

    def __release_buffer__(self, view: memoryview, /) -> None:
        if not self.is_back:
            self.is_back = True
            threading.Event().wait(0.2)  # all others go on, but nothing else comes back


@pytest.mark.parametrize("width", few([1, 3]))
def test_a_thread_of_the_caller_is_held_up_while_it_takes_memory_back(
    stock: Stock, width: int
) -> None:
    """No more is lent meanwhile than can come back; then the rest is."""
    with pool_of(width) as pool:
        for _ in range(3):
            futures = [pool.submit(len, [memoryview(Slow())])]  # the only one of it
            futures += [
                pool.submit(len, [memoryview(stock.data) for _ in range(20)]) for _ in range(60)
            ]
            plain = [pool.submit(len, [1] * 30) for _ in range(100)]
            assert [future.result(TIME_LIMIT) for future in futures] == [1] + [20] * 60
            assert [future.result(TIME_LIMIT) for future in plain] == [30] * 100
            stock.grow()


def test_two_pools_lend_what_one_may(stock: Stock, door: Gate) -> None:
    """There is one room for what comes back: a pool that finds it full is told when it is not."""
    views = [memoryview(stock.data) for _ in range(128)]
    with pool_of(1) as first, pool_of(1) as second:
        blocked = first.submit(there.pass_door, door.handle, *views)
        door.await_knocks(1)
        futures = [second.submit(len, views) for _ in range(5)]
        quick = first.submit(there.nothing)
        assert not wait(futures, 0.05).done
        door.let_in(1)
        assert [future.result(TIME_LIMIT) for future in futures] == [128] * 5
        assert blocked.result(TIME_LIMIT) == 128
        assert quick.result(TIME_LIMIT) is None
        # One that is stopped is not waited for, even if it goes on.
        blocked = first.submit(there.pass_door, door.handle, *views)
        door.await_knocks(1)
        futures = [second.submit(len, views) for _ in range(5)]
        assert not wait(futures, 0.05).done
        assert blocked.cancel()
        assert [future.result(TIME_LIMIT) for future in futures] == [128] * 5
        door.let_in(1)
    del views
    stock.check()


def test_a_call_that_waits_for_room_is_cancelled(stock: Stock, door: Gate) -> None:
    """The calls behind it go on."""
    views = [memoryview(stock.data) for _ in range(128)]
    with pool_of(1) as first, pool_of(1) as second:
        blocked = first.submit(there.pass_door, door.handle, *views)
        door.await_knocks(1)
        waiting = second.submit(len, views)
        behind = second.submit(len, [1, 2])
        assert not wait([waiting, behind], 0.05).done
        assert waiting.cancel()
        assert behind.result(TIME_LIMIT) == 2
        door.let_in(1)
        assert blocked.result(TIME_LIMIT) == 128
    del views
    stock.check()


def test_loans_of_initializers_come_back(stock: Stock, door: Gate) -> None:
    """Another pool's calls wait for it, and are told."""
    views = [memoryview(stock.data) for _ in range(40)]
    with pool_of(1) as other:
        other.warm()
        initargs = (door.handle, *views)
        with pool_of(4, initializer=there.pass_door, initargs=initargs) as pool:
            pool.warm(wait=False)
            door.await_knocks(4)
            futures = [other.submit(len, views) for _ in range(5)]
            assert not wait(futures, 0.05).done
            door.let_in(4)
            assert [future.result(TIME_LIMIT) for future in futures] == [40] * 5
    del views, initargs
    stock.check()


@pytest.mark.slow
def test_a_broadcast_finds_no_room(stock: Stock, door: Gate) -> None:
    """`broadcast` says so at once; and there is room when the calls are done."""
    views = [memoryview(stock.data) for _ in range(128)]
    with pool_of(2) as first, pool_of(1) as second:
        blocked = second.submit(there.pass_door, door.handle, *views)
        wait([first.submit(there.nothing) for _ in range(9)], TIME_LIMIT)
        first.warm()
        door.await_knocks(1)
        assert [each.result(TIME_LIMIT) for each in first.broadcast(len, views[:60])] == [60] * 2
        with pytest.raises(NotShareableError, match="SharedBuffer"):
            first.broadcast(there.nothing, views[:79])
        door.let_in(1)
        blocked.result(TIME_LIMIT)
        assert [each.result(TIME_LIMIT) for each in first.broadcast(len, views[:79])] == [79] * 2
    del views
    stock.check()


def test_more_descriptors_than_one_message_may_own(stock: Stock) -> None:
    """Some hundred handles beside views, in each of many calls."""
    with pool_of(2) as pool:
        handles = [Handle(stock.writer) for _ in range(150)]
        futures = [pool.submit(len, [*handles, memoryview(stock.data)]) for _ in range(8)]
        assert [future.result(TIME_LIMIT) for future in futures] == [151] * 8
        back = pool.submit(there.same, handles).result(TIME_LIMIT)
        assert len({handle.fileno() for handle in back}) == 150
        for handle in [*handles, *back]:
            handle.close()
