"""Whatever becomes of a call: no descriptor, no mapping and no export is left of its objects."""

import ctypes
import gc
import logging
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

import conftest
import sharing_tasks as there
from gates import TIME_LIMIT, Gate
from interpexec import (
    BrokenInterpreterPool,
    InterpreterPoolExecutor,
    NotShareableError,
    SharedBuffer,
    create_channel,
)
from interpexec.sharing import Handle
from stops import Pipe, pool_of, shut_down

type Pool = InterpreterPoolExecutor


_PATIENCE = 3.0  # seconds, for what is let go by a thread of a pool


_GONE = 0, 0


def _thing(fd: int) -> tuple[int, int]:
    """Return what of the kernel's a descriptor names."""
    try:
        about = os.stat(f"/proc/self/fd/{fd}")
    except OSError:
        return _GONE
    return about.st_dev, about.st_ino


class Stock:
    """One of each kind of thing that can leak, and what says whether something did."""

    def __init__(self) -> None:
        others = conftest._descriptors()
        self.ours, self.theirs = socket.socketpair()
        self.reader, self.writer = os.pipe()
        self.handle = Handle(self.writer)
        self.data = bytearray(100)
        self.block = SharedBuffer(5000)
        self.receiver, self.sender = create_channel()
        # What of the kernel's these are, and how many descriptors name that now.
        # (All eventfds are one thing to the kernel.)
        new = conftest._descriptors() - others
        self._things = {_thing(fd) for fd, name in new if not name.startswith("anon_inode")}
        self._before = self._state()

    def all(self) -> list[object]:
        """Return one of each, to be sent."""
        return [
            self.theirs,
            {"handle": self.handle, "view": memoryview(self.data)},
            there.Box(self.block),
            b"x" * 100_000,
            there.Owner(self.handle),
            self.sender,
        ]

    def grow(self) -> None:
        """Resize the memory: fail if it is still lent.

        When a worker lets go, a thread of home that runs Python does the rest: one that
        was just interrupted in that, perhaps, and not the one that runs this.
        """
        end = monotonic() + _PATIENCE
        while True:
            try:
                self.data.append(1)
            except BufferError:
                if monotonic() > end:
                    raise
                threading.Event().wait(0.001)
            else:
                return

    def check(self) -> None:
        """Fail if somebody holds something of it, soon."""
        end = monotonic() + _PATIENCE
        while (left := self._left()) and monotonic() < end:
            threading.Event().wait(0.01)  # some of it is let go in a thread of the pool
        assert not left

    def _left(self) -> str:
        gc.collect()
        if (state := self._state()) != self._before:
            return f"descriptors and mappings: {self._before} were, {state} are"
        try:
            self.data.append(1)
            self.data.pop()
        except BufferError as error:
            return str(error)
        return ""

    def _state(self) -> tuple[int, int]:
        named = sum(_thing(fd) in self._things for fd, _ in conftest._descriptors())
        with open("/proc/self/maps", encoding="utf-8") as file:
            inodes = {int(inode) for _, inode in self._things - {_GONE}}
            return named, sum(int(line.split()[4]) in inodes for line in file)

    def close(self) -> None:
        """Give all back; the other ends must see it."""
        self.theirs.close()
        self.handle.close()
        os.close(self.writer)
        assert self.ours.recv(10) == b""
        assert os.read(self.reader, 10) == b""
        self.ours.close()
        os.close(self.reader)
        self.block.close()
        self.sender.release()
        assert list(self.receiver) == []  # the last sender is gone
        self.receiver.release()


@pytest.fixture
def stock() -> Iterator[Stock]:
    """Make one of each; nothing of it may be held by anybody at the end."""
    made = Stock()
    yield made
    made.check()
    made.close()


# -- calls that do not come to their end ---------------------------------------


def test_calls_that_end_well(stock: Stock) -> None:
    """What was lent is given back with the answer."""
    with pool_of(1) as pool:
        for _ in range(100):
            pool.submit(there.nothing, memoryview(stock.data)).result(TIME_LIMIT)
            stock.grow()
        for _ in range(10):
            pool.submit(there.nothing, *stock.all(), key=stock.all()).result(TIME_LIMIT)
        del stock.data[100:]


def test_cancelled_before_it_began(stock: Stock, door: Gate) -> None:
    """At home and in the line to the worker; the futures are kept."""
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
    """What the call returns is thrown away."""
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


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # as above
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
    """TimeoutError; and what it held is given back."""
    with pool_of(1) as pool:
        future = pool.with_options(timeout=0.05).submit(there.spin, begun.writer, *stock.all())
        assert isinstance(future.exception(TIME_LIMIT), TimeoutError)
    stock.check()


# -- workers that end ----------------------------------------------------------


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
    """What is cancelled holds nothing, though its future is kept."""
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
    """With its iterator; what was submitted is computed all the same."""
    pool = InterpreterPoolExecutor(1)
    threads = set()
    iterator = pool.map(there.nothing, [stock.all() for _ in range(5)])
    threads |= set(pool._threads)
    del iterator, pool
    for thread in threads:
        thread.join(TIME_LIMIT)
    stock.check()


# -- broadcast -----------------------------------------------------------------


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


def test_broadcast_to_workers_that_are_recycled(stock: Stock) -> None:
    """It may come too late; it never holds on to anything."""
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


# -- half way ------------------------------------------------------------------


@pytest.mark.parametrize("position", range(7))
def test_unpickling_that_fails_in_the_worker(stock: Stock, position: int) -> None:
    """What stands before it was taken, what stands behind was not: all is given back."""
    value = stock.all()
    value.insert(position, there.Explodes())
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
def test_unpickling_that_fails_at_home(stock: Stock) -> None:
    """Of a result, of an exception, of an item."""
    with pool_of(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        before = _open_descriptors()
        for last in there.Explodes, there.RaisesThere:
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


def test_what_cannot_leave(stock: Stock) -> None:
    """An argument that fails after others were packed, wherever it stands: nothing is held."""
    with pool_of(1) as pool:
        for bad in there.ExplodesHere(), there.Raises(), there.OneWay(), threading.Lock():
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


def test_what_cannot_leave_is_let_go_at_once(stock: Stock) -> None:
    """When the future is dropped, and not by the next garbage collection."""
    with pool_of(1) as pool:
        gc.collect()
        gc.disable()
        try:
            pool.submit(there.nothing, memoryview(stock.data), there.ExplodesHere()).cancel()
            stock.data.append(1)
        finally:
            gc.enable()


def test_a_result_that_cannot_leave(stock: Stock) -> None:
    """The worker holds none of its parts when the error is here."""
    with pool_of(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        before = len(os.listdir("/proc/self/fd"))
        for bad in there.ExplodesHere, there.Raises, there.OneWay:
            error = pool.submit(there.sockets_then, bad).exception(TIME_LIMIT)
            assert isinstance(error, NotShareableError)
            iterator = pool.map(there.sockets_then, [bad] * 3, chunksize=3)
            with pytest.raises(NotShareableError):
                next(iterator)
            del iterator
        assert len(os.listdir("/proc/self/fd")) == before
    stock.check()


def test_exceptions_with_sockets(stock: Stock) -> None:
    """They come home with the exception, and the worker has none of them any more."""
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
    # What is logged about the initializer is kept by pytest.
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


# -- maps ----------------------------------------------------------------------


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
    """What it has read ahead is given back; with the iterator kept."""
    with pool_of(1) as pool:
        for chunksize in (1, 3):
            items = [stock.all() for _ in range(9)]
            items[0] = [there.Explodes()]
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


# -- many ----------------------------------------------------------------------


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
    """They are copied: as many as you like."""
    with pool_of(1) as pool:
        views = pool.submit(there.many_views, 500).result(TIME_LIMIT)
        assert [view[0] for view in views] == [number % 256 for number in range(500)]
        del views


def test_a_chunk_with_many_views(stock: Stock) -> None:
    """Items that can travel alone arrive in a chunk, too; or the error says what to do."""
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


@pytest.mark.parametrize("way", ["calls", "broadcast", "initargs"])
def test_views_that_come_back_while_home_is_busy(stock: Stock, way: str, door: Gate) -> None:
    """Home runs no Python for a while (C code that keeps its GIL): no export is lost."""
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
        libc.usleep(400_000)  # home is busy, the workers are not
        for future in futures:
            future.result(TIME_LIMIT)
    del views, initargs, futures
    stock.check()


class Slow:
    """Memory whose owner takes his time when it comes back, in Python."""

    def __init__(self) -> None:
        self.is_back = False

    def __buffer__(self, flags: int, /) -> memoryview:
        return memoryview(bytearray(10))

    def __release_buffer__(self, view: memoryview, /) -> None:
        if not self.is_back:
            self.is_back = True
            threading.Event().wait(0.2)  # all others go on, but nothing else comes back


@pytest.mark.parametrize("width", [1, 3])
def test_a_thread_of_home_is_held_up_while_it_takes_memory_back(stock: Stock, width: int) -> None:
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
    """There is one room for what comes back: who finds it full is told when it is not."""
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


def test_who_waits_for_room_is_cancelled(stock: Stock, door: Gate) -> None:
    """What stands behind it goes on."""
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


def test_what_initializers_were_lent_comes_back(stock: Stock, door: Gate) -> None:
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


def test_a_broadcast_finds_no_room(stock: Stock, door: Gate) -> None:
    """It says so at once; and there is room when the calls are done."""
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


# -- stopped in the middle of it -----------------------------------------------

CHURNS: dict[str, Callable[..., None]] = {
    "tokens": there.churn_tokens,
    "blocks": there.churn_blocks,
    "channel": there.churn_channel,
    "results": there.churn_packing,
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


# -- channels ------------------------------------------------------------------


def test_what_is_in_a_channel_that_ends(stock: Stock) -> None:
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


def test_what_a_worker_was_to_receive(stock: Stock) -> None:
    """It takes one of them, fails at one, and ends."""
    receiver, sender = create_channel()
    with receiver, sender:
        sender.send(stock.all()[:1])
        sender.send([stock.theirs, there.Explodes(), stock.handle])
        sender.send([stock.handle])
        with pool_of(1) as pool:
            assert pool.submit(there.receive, receiver).result(TIME_LIMIT) == "list"
            error = pool.submit(there.receive, receiver).exception(TIME_LIMIT)
            assert isinstance(error, LookupError)
            del error
    stock.check()
