"""`interpexec.sync`: locks and their kin, between interpreters, and wherever they are sent."""

import gc
import sys
import threading
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import pytest

import sync_tasks
from gates import Gate
from interpexec import NotShareableError, SharedBuffer, sync
from primitives import LOCKS, Queue, name_of
from stops import TIME_LIMIT, Pipe, await_waiting, finish, pool_of, start
from tiers import few

SOON = 0.05


KINDS: list[Callable[[], Any]] = [
    *LOCKS,
    sync.Event,
    sync.Condition,
    lambda: sync.Barrier(2),
    Queue,
]


# -- between interpreters --------------------------------------------------


@pytest.mark.parametrize("make", few(LOCKS), ids=name_of)
@pytest.mark.usefixtures("wakeups")
def test_nothing_is_counted_twice(make: Callable[[], Any]) -> None:
    """Two workers and this thread add to one number; the lock keeps them apart."""
    lock, each = make(), 1500
    with SharedBuffer(8) as memory, pool_of(2) as pool:
        futures = [pool.submit(sync_tasks.count_up, lock, memory, each) for _ in range(2)]
        sync_tasks.count_up(lock, memory, each)
        for future in futures:
            future.result(TIME_LIMIT)
        assert int.from_bytes(memory[:8], sys.byteorder) == 3 * each


@pytest.mark.parametrize("make", LOCKS[:2], ids=name_of)
def test_a_lock_held_here_is_held_in_a_worker(make: Callable[[], Any]) -> None:
    """A worker gets the same lock, and not a copy."""
    lock = make()
    with pool_of(1) as pool:
        with lock:
            assert pool.submit(sync_tasks.is_locked, lock).result(TIME_LIMIT)
            assert not pool.submit(sync_tasks.try_to_take, lock).result(TIME_LIMIT)
        assert not pool.submit(sync_tasks.is_locked, lock).result(TIME_LIMIT)
        assert pool.submit(sync_tasks.try_to_take, lock).result(TIME_LIMIT)


def test_a_lock_may_be_released_elsewhere() -> None:
    """By another thread of another interpreter, as that of `threading`."""
    lock = sync.Lock()
    with pool_of(1) as pool:
        assert pool.submit(sync_tasks.take, lock).result(TIME_LIMIT)
        assert lock.locked()
        lock.release()
        assert lock.acquire(timeout=TIME_LIMIT)
        pool.submit(sync_tasks.give_back, lock).result(TIME_LIMIT)
        assert not lock.locked()


def test_a_reentrant_lock_is_its_holders() -> None:
    """Another thread, also of another interpreter, cannot release it."""
    lock = sync.RLock()
    with pool_of(1) as pool, lock, lock:
        future = pool.submit(sync_tasks.give_back, lock)
        assert isinstance(future.exception(TIME_LIMIT), RuntimeError)
        assert lock.locked()
    assert not lock.locked()


@pytest.mark.parametrize("make", few(LOCKS), ids=name_of)
def test_waiters_are_served_in_order(make: Callable[[], Any], told: Pipe) -> None:
    """A lock is handed over in the order of coming, to threads of any interpreter."""
    lock = make()
    with pool_of(3) as pool:
        with lock:
            futures = []
            for number in range(3):
                word = b"%d" % number
                futures.append(pool.submit(sync_tasks.take_and_note, lock, told.writer, word))
                await_waiting(lock._monitor, number + 1)
        assert told.hear(3) == b"012"
        assert wait(futures, TIME_LIMIT).not_done == set()


@pytest.mark.parametrize("make", few(LOCKS), ids=name_of)
def test_a_tight_loop_elsewhere_starves_nobody(make: Callable[[], Any], door: Gate) -> None:
    """Two workers take and release it without a pause: this thread gets it all the same."""
    lock = make()
    with pool_of(2) as pool:
        futures = [pool.submit(sync_tasks.hammer, lock, door.handle) for _ in range(2)]
        door.await_knocks(2)
        for _ in range(20):
            assert lock.acquire(timeout=TIME_LIMIT)
            lock.release()
        door.open()
        for future in futures:
            future.result(TIME_LIMIT)


def test_an_event_wakes_all(begun: Pipe) -> None:
    """A set event wakes the calls of two workers that wait for it."""
    event = sync.Event()
    with pool_of(2) as pool:
        futures = [pool.submit(sync_tasks.wait_for_event, event) for _ in range(2)]
        await_waiting(event._monitor, 2)
        event.set()
        assert [future.result(TIME_LIMIT) for future in futures] == [True, True]
        assert event.wait(0)
        event.clear()
        assert not pool.submit(sync_tasks.wait_for_event, event, SOON).result(TIME_LIMIT)


@pytest.mark.parametrize("make", few([sync.Lock, sync.RLock]), ids=name_of)
def test_a_condition_tells_of_a_change(make: Callable[[], Any]) -> None:
    """A notified thread sees all changes that were made under the lock."""
    condition = sync.Condition(make())
    with SharedBuffer(1) as memory, pool_of(2) as pool:
        futures = [pool.submit(sync_tasks.wait_for_number, condition, memory, 7) for _ in range(2)]
        await_waiting(condition._monitor, 2)
        with condition:
            memory[0:1] = b"\x07"
            condition.notify_all()
        assert [future.result(TIME_LIMIT) for future in futures] == [7, 7]


def test_a_barrier_is_passed_over_and_over(told: Pipe) -> None:
    """By two workers and this thread; its action is called once each time, anywhere."""
    barrier = sync.Barrier(3, sync_tasks.note_action)
    with pool_of(2, initializer=sync_tasks.keep, initargs=(told.writer,)) as pool:
        futures = [pool.submit(sync_tasks.meet, barrier, 20) for _ in range(2)]
        mine = sync_tasks.meet(barrier, 20)
        theirs = [future.result(TIME_LIMIT) for future in futures]
        assert all(set(numbers) == {0, 1, 2} for numbers in zip(mine, *theirs, strict=True))
        assert len(told.rest()) <= 20


def test_a_barrier_is_broken_for_all(begun: Pipe) -> None:
    """After `abort` here, a call that waits in a worker gets BrokenBarrierError."""
    barrier = sync.Barrier(2)
    with pool_of(1) as pool:
        future = pool.submit(sync_tasks.meet, barrier, 1)
        await_waiting(barrier._condition._monitor)
        barrier.abort()
        assert isinstance(future.exception(TIME_LIMIT), threading.BrokenBarrierError)
    assert barrier.broken


@pytest.mark.parametrize("maxsize", few([1, 0, 7]))
@pytest.mark.usefixtures("wakeups")
def test_a_queue_loses_nothing(maxsize: int) -> None:
    """Two producers, two consumers, one of them in this thread: each object comes out once."""
    queue, each = Queue(maxsize), 400
    with pool_of(3) as pool:
        taken = pool.submit(sync_tasks.consume, queue)
        makers = [
            pool.submit(sync_tasks.produce, queue, list(range(n * each, (n + 1) * each)))
            for n in range(2)
        ]
        mine: list[int] = []
        thread = start(lambda: mine.extend(sync_tasks.consume(queue)))
        for maker in makers:
            maker.result(TIME_LIMIT)
        queue.put(None)
        queue.put(None)
        finish(start(queue.join))
        finish(thread)
        assert sorted(mine + taken.result(TIME_LIMIT)) == list(range(2 * each))
    assert queue.empty()


@pytest.mark.slow
def test_a_queue_never_tells_nonsense() -> None:
    """Its size, asked for while others put and get, is one that it may have."""
    queue = Queue(1)
    with pool_of(1) as pool:
        future = pool.submit(sync_tasks.put_and_get, queue, 20_000)
        sizes = set()
        while not future.done():
            sizes.add(queue.qsize())
        future.result(TIME_LIMIT)
    assert sizes <= {0, 1}


# -- where they may be -----------------------------------------------------


@pytest.mark.parametrize("sort", few(["box", "itself", "list", "dict"]))
def test_they_are_sent_inside_other_objects(sort: str) -> None:
    """As an argument, and back as a result: it is the same event."""
    event = sync.Event()
    with pool_of(1) as pool:
        back = pool.submit(sync_tasks.parcel, sort, event).result(TIME_LIMIT)
        assert not sync_tasks.unpack(back).is_set()
        pool.submit(sync_tasks.set_in, sync_tasks.parcel(sort, event)).result(TIME_LIMIT)
        assert sync_tasks.unpack(back).is_set()


def test_they_are_sent_inside_exceptions() -> None:
    """Both ways."""
    event = sync.Event()
    with pool_of(1) as pool:
        error = pool.submit(sync_tasks.parcel, "exception", event).exception(TIME_LIMIT)
        pool.submit(sync_tasks.set_in, sync_tasks.BearerError(event)).result(TIME_LIMIT)
        assert sync_tasks.unpack(error).is_set()
        del error


@pytest.mark.parametrize("make", KINDS, ids=name_of)
def test_locks_from_a_worker_outlive_it(make: Callable[[], Any]) -> None:
    """No interpreter owns it: it is of use after the pool's end."""
    with pool_of(1) as pool:
        made: Any = pool.submit(sync_tasks.parcel, "itself", make()).result(TIME_LIMIT)
    repr(made)
    if isinstance(made, sync.Event):
        made.set()
        assert made.wait()
    elif hasattr(made, "acquire"):
        with made:
            pass
    elif hasattr(made, "put"):
        made.put(5)
        assert made.get() == 5


def test_an_initializer_may_give_them() -> None:
    """`initargs=(lock,)`, as with multiprocessing; also to workers that come later."""
    lock = sync.Lock()
    options: dict[str, Any] = {
        "initializer": sync_tasks.keep,
        "initargs": (lock,),
        "max_tasks_per_child": 1,
    }
    with SharedBuffer(8) as memory, pool_of(2, **options) as pool:
        for future in [pool.submit(sync_tasks.count_up_given, memory, 100) for _ in range(4)]:
            future.result(TIME_LIMIT)
        assert int.from_bytes(memory[:8], sys.byteorder) == 400


@pytest.mark.parametrize("make", KINDS, ids=name_of)
def test_pickle_alone_does_not_carry_them(make: Callable[[], Any]) -> None:
    """A clear error, of the functions of `copy`, too: nothing would keep them alive."""
    import copy
    import pickle

    made = make()
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(NotShareableError, match="cannot be pickled"):
            attempt(made)


@pytest.mark.parametrize("make", KINDS, ids=name_of)
def test_they_are_forgotten(make: Callable[[], Any]) -> None:
    """No descriptor of a lock in a cycle stays (see the leak check)."""
    cycle: list[object] = [make()]
    cycle.append(cycle)
    del cycle
    gc.collect()
