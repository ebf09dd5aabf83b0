"""`interpexec.sync`: locks and their kin, at home and between workers."""

import gc
import math
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import pytest

import sync_tasks
from gates import Gate
from interpexec import InterpreterPoolExecutor, NotShareableError, SharedBuffer, sync
from interpexec._core import waiting as waiting_module
from interpexec._sync import barriers
from interpexec._sync import monitor as monitor_module
from stops import TIME_LIMIT, Pipe, await_waiting, finish, pool_of, start

Queue: Any = sync.Queue

SOON = 0.05

LOCKS: list[Callable[[], Any]] = [sync.Lock, sync.RLock, sync.Semaphore, sync.BoundedSemaphore]
KINDS: list[Callable[[], Any]] = [
    *LOCKS,
    sync.Event,
    sync.Condition,
    lambda: sync.Barrier(2),
    Queue,
]


def _name(kind: Callable[[], Any]) -> str:
    return kind.__name__.replace("<lambda>", "Barrier")


@pytest.fixture(params=[True, False], ids=["eventfd", "pipe"])
def _wakeups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use each kind of bell."""
    if not request.param:
        monkeypatch.setattr(waiting_module, "HAS_EVENTFD", False)


# -- between interpreters --------------------------------------------------------------


@pytest.mark.parametrize("make", LOCKS, ids=_name)
@pytest.mark.usefixtures("_wakeups")
def test_nothing_is_counted_twice(make: Callable[[], Any]) -> None:
    """Two workers and home add to one number; the lock keeps them apart."""
    lock, each = make(), 1500
    with SharedBuffer(8) as memory, pool_of(2) as pool:
        futures = [pool.submit(sync_tasks.count_up, lock, memory, each) for _ in range(2)]
        sync_tasks.count_up(lock, memory, each)
        for future in futures:
            future.result(TIME_LIMIT)
        assert int.from_bytes(memory[:8], sys.byteorder) == 3 * each


@pytest.mark.parametrize("make", LOCKS[:2], ids=_name)
def test_what_is_held_at_home_is_held_in_a_worker(make: Callable[[], Any]) -> None:
    """It is the same lock, and not a copy."""
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


@pytest.mark.parametrize("make", LOCKS, ids=_name)
def test_who_came_first_is_served_first(make: Callable[[], Any], told: Pipe) -> None:
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


@pytest.mark.parametrize("make", LOCKS, ids=_name)
def test_a_tight_loop_elsewhere_starves_nobody(make: Callable[[], Any], door: Gate) -> None:
    """Two workers take and release it without a pause: home gets it all the same."""
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
    """In two workers, and at home."""
    event = sync.Event()
    with pool_of(2) as pool:
        futures = [pool.submit(sync_tasks.wait_for_event, event) for _ in range(2)]
        await_waiting(event._monitor, 2)
        event.set()
        assert [future.result(TIME_LIMIT) for future in futures] == [True, True]
        assert event.wait(0)
        event.clear()
        assert not pool.submit(sync_tasks.wait_for_event, event, SOON).result(TIME_LIMIT)


@pytest.mark.parametrize("make", [sync.Lock, sync.RLock], ids=_name)
def test_a_condition_tells_of_a_change(make: Callable[[], Any]) -> None:
    """What is changed under the lock is seen by who was notified."""
    condition = sync.Condition(make())
    with SharedBuffer(1) as memory, pool_of(2) as pool:
        futures = [pool.submit(sync_tasks.wait_for_number, condition, memory, 7) for _ in range(2)]
        await_waiting(condition._monitor, 2)
        with condition:
            memory[0:1] = b"\x07"
            condition.notify_all()
        assert [future.result(TIME_LIMIT) for future in futures] == [7, 7]


def test_a_barrier_is_passed_over_and_over(told: Pipe) -> None:
    """By two workers and home; its action is called once each time, anywhere."""
    barrier = sync.Barrier(3, sync_tasks.note_action)
    with pool_of(2, initializer=sync_tasks.keep, initargs=(told.writer,)) as pool:
        futures = [pool.submit(sync_tasks.meet, barrier, 20) for _ in range(2)]
        mine = sync_tasks.meet(barrier, 20)
        theirs = [future.result(TIME_LIMIT) for future in futures]
        assert all(set(numbers) == {0, 1, 2} for numbers in zip(mine, *theirs, strict=True))
        assert len(told.rest()) <= 20


def test_a_barrier_is_broken_for_all(begun: Pipe) -> None:
    """`abort` at home: who waits in a worker gets BrokenBarrierError."""
    barrier = sync.Barrier(2)
    with pool_of(1) as pool:
        future = pool.submit(sync_tasks.meet, barrier, 1)
        await_waiting(barrier._condition._monitor)
        barrier.abort()
        assert isinstance(future.exception(TIME_LIMIT), threading.BrokenBarrierError)
    assert barrier.broken


@pytest.mark.parametrize("maxsize", [0, 1, 7])
@pytest.mark.usefixtures("_wakeups")
def test_a_queue_loses_nothing(maxsize: int) -> None:
    """Two producers, two consumers, of which one is at home: each object comes out once."""
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


# -- where they may be -----------------------------------------------------------------


@pytest.mark.parametrize("sort", ["itself", "list", "dict", "box"])
def test_they_travel_inside_other_objects(sort: str) -> None:
    """As an argument, and back as a result: it is the same event."""
    event = sync.Event()
    with pool_of(1) as pool:
        back = pool.submit(sync_tasks.parcel, sort, event).result(TIME_LIMIT)
        assert not sync_tasks.unpack(back).is_set()
        pool.submit(sync_tasks.set_in, sync_tasks.parcel(sort, event)).result(TIME_LIMIT)
        assert sync_tasks.unpack(back).is_set()


def test_they_travel_inside_exceptions() -> None:
    """Both ways."""
    event = sync.Event()
    with pool_of(1) as pool:
        error = pool.submit(sync_tasks.parcel, "exception", event).exception(TIME_LIMIT)
        pool.submit(sync_tasks.set_in, sync_tasks.BearerError(event)).result(TIME_LIMIT)
        assert sync_tasks.unpack(error).is_set()
        del error


@pytest.mark.parametrize("make", KINDS, ids=_name)
def test_what_a_worker_made_outlives_it(make: Callable[[], Any]) -> None:
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


@pytest.mark.parametrize("make", KINDS, ids=_name)
def test_pickle_alone_does_not_carry_them(make: Callable[[], Any]) -> None:
    """They would not be kept alive: a clear error, of copy's functions, too."""
    import copy
    import pickle

    made = make()
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(NotShareableError, match="cannot be pickled"):
            attempt(made)


@pytest.mark.parametrize("make", KINDS, ids=_name)
def test_they_are_forgotten(make: Callable[[], Any]) -> None:
    """Also when they hang in a cycle; no descriptor stays (see the leak check)."""
    cycle: list[object] = [make()]
    cycle.append(cycle)
    del cycle
    gc.collect()


# -- time ------------------------------------------------------------------------------


WAITS: list[Callable[[float], object]] = [
    lambda t: _held(sync.Lock()).acquire(timeout=t),
    lambda t: sync.Semaphore(0).acquire(timeout=t),
    lambda t: sync.Event().wait(t),
    lambda t: _wait_in(sync.Condition(), t),
    lambda t: _wait_in(sync.Condition(sync.Lock()), t),
]


def _held(lock: sync.Lock) -> sync.Lock:
    assert lock.acquire()
    return lock


def _wait_in(condition: sync.Condition, timeout: float) -> bool:
    with condition:
        return condition.wait(timeout)


@pytest.mark.parametrize("waiting", WAITS)
@pytest.mark.parametrize("seconds", [0, 0.001, 0.0301])
@pytest.mark.usefixtures("_wakeups")
def test_a_timeout_has_fractions(waiting: Callable[[float], object], seconds: float) -> None:
    """Not before its time; False says so."""
    started = time.monotonic()
    assert waiting(seconds) is False
    assert seconds <= time.monotonic() - started < 10


@pytest.mark.parametrize("seconds", [threading.TIMEOUT_MAX, 2**31, 1e9])
def test_a_long_timeout_is_a_long_one(seconds: float) -> None:
    """As long as `threading` takes, at least."""
    for make in LOCKS:
        lock: Any = make()
        assert lock.acquire(timeout=seconds)
        lock.release()
    event = sync.Event()
    thread = start(event.wait, seconds)
    await_waiting(event._monitor)
    event.set()
    finish(thread)


def test_a_notified_one_is_not_late() -> None:
    """Who was notified returns True, however late it has the lock back."""
    condition = sync.Condition(sync.Lock())
    limit, since = 0.3, list[float]()
    results: list[bool] = []

    def wait_a_moment() -> None:
        with condition:
            since.append(time.monotonic())
            results.append(condition.wait(limit))

    for _ in range(20):
        thread = start(wait_a_moment)
        while not condition._monitor.waiting(0) and thread.is_alive():
            thread.join(0.0005)
        with condition:
            condition.notify()
            was_in_time = time.monotonic() < since[-1] + limit
            time.sleep(limit + 0.2)  # its time is over before it can have the lock
        finish(thread)
        if was_in_time:  # else this thread had no turn for as long
            break
    else:
        pytest.fail("the machine is too busy")
    assert results[-1]


# -- bad arguments ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "error", "word"),
    [
        (lambda: sync.Lock().acquire(timeout="1"), TypeError, "timeout"),  # type: ignore[arg-type]
        (lambda: sync.RLock().acquire(timeout=None), TypeError, "timeout"),  # type: ignore[arg-type]
        (lambda: sync.Lock().acquire(timeout=-2), ValueError, "timeout"),
        (lambda: sync.Lock().acquire(timeout=math.nan), ValueError, "timeout"),
        (lambda: sync.Lock().acquire(blocking=False, timeout=1), ValueError, "timeout"),
        (lambda: sync.Lock().acquire(timeout=1e300), OverflowError, "timeout"),
        (lambda: sync.RLock().acquire(blocking=False, timeout=1), ValueError, "timeout"),
        (lambda: sync.Semaphore().acquire(timeout="1"), TypeError, "timeout"),  # type: ignore[arg-type]
        (lambda: sync.Event().wait("1"), TypeError, "timeout"),  # type: ignore[arg-type]
        (lambda: sync.Event().wait(math.nan), ValueError, "timeout"),
        (lambda: Queue().get(timeout="1"), TypeError, "timeout"),
        (lambda: Queue().put(1, timeout="1"), TypeError, "timeout"),
        (lambda: Queue().get(timeout=-1), ValueError, "timeout"),
        (lambda: Queue("1"), TypeError, "maxsize"),
        (lambda: Queue(2**64), ValueError, "maxsize"),
        (lambda: sync.Semaphore("1"), TypeError, "value"),  # type: ignore[arg-type]
        (lambda: sync.Semaphore(True), TypeError, "value"),
        (lambda: sync.Semaphore(-1), ValueError, "value"),
        (lambda: sync.Semaphore(2**64), ValueError, "^value must"),
        (lambda: sync.Semaphore().release(0), ValueError, "n must"),
        (lambda: sync.Semaphore().release("1"), TypeError, "n must"),  # type: ignore[arg-type]
        (lambda: sync.BoundedSemaphore().release(), ValueError, "too many"),
        (lambda: sync.Condition(threading.Lock()), TypeError, "lock"),  # type: ignore[arg-type]
        (lambda: sync.Condition(5), TypeError, "lock"),  # type: ignore[arg-type]
        (lambda: sync.Condition().wait(), RuntimeError, "un-acquired"),
        (lambda: sync.Condition().notify(), RuntimeError, "un-acquired"),
        (lambda: sync.Lock().release(), RuntimeError, "unlocked"),
        (lambda: sync.RLock().release(), RuntimeError, "un-acquired"),
        (lambda: sync.Barrier(0), ValueError, "parties"),
        (lambda: sync.Barrier("1"), TypeError, "parties"),  # type: ignore[arg-type]
        (lambda: sync.Barrier(2**64), ValueError, "parties"),
        (lambda: sync.Barrier(1, 5), TypeError, "action"),  # type: ignore[arg-type]
        (lambda: Queue().task_done(), ValueError, "too many"),
    ],
)
def test_wrong_arguments_are_named(
    attempt: Callable[[], object], error: type[Exception], word: str
) -> None:
    """By an error of the right type that says which one; nothing else happens."""
    with pytest.raises(error, match=word):
        attempt()


def test_an_object_that_cannot_travel_is_not_put() -> None:
    """The error names the part; `join` does not wait for it."""
    queue = Queue()
    with pytest.raises(NotShareableError, match="foo"):
        queue.put({"foo": [threading.Lock()]})
    assert queue.empty()
    finish(start(queue.join))


def test_what_has_no_room_in_memory_is_not_put(monkeypatch: pytest.MonkeyPatch) -> None:
    """A put that fails changes nothing: `join` does not wait for it."""
    queue = Queue()

    def fail(*_: object) -> None:
        raise OSError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr("interpexec._sync.ring.Ring.push", fail)
        with pytest.raises(OSError, match="no memory"):
            queue.put(1)
    thread = start(queue.join)
    thread.join(TIME_LIMIT)
    is_stuck = thread.is_alive()
    if is_stuck:
        queue.put(1)
        queue.shutdown(immediate=True)
    finish(thread)
    assert not is_stuck
    assert queue.empty()


# -- barriers: the states ----------------------------------------------------------------


def test_reset_harms_nobody_who_has_come_through() -> None:
    """The last one comes, and resets: the others are through."""
    for _ in range(50):
        barrier, results = sync.Barrier(2), list[object]()

        def come(barrier: sync.Barrier = barrier, results: list[object] = results) -> None:
            try:
                results.append(barrier.wait(TIME_LIMIT))
            except threading.BrokenBarrierError as error:
                results.append(error)

        thread = start(come)
        await_waiting(barrier._condition._monitor)
        assert barrier.wait(TIME_LIMIT) == 1
        barrier.reset()
        finish(thread)
        assert results == [0]


def test_abort_breaks_it_also_while_others_leave() -> None:
    """Whoever comes afterwards gets the error."""
    barrier = sync.Barrier(1)
    condition = barrier._condition
    with condition:
        barrier._words[barriers._STATE], barrier._words[barriers._COUNT] = barriers._DRAINING, 1
    barrier.abort()
    assert barrier.broken


# -- calls that are stopped --------------------------------------------------------------


@pytest.mark.parametrize("make", LOCKS, ids=_name)
def test_a_call_cancelled_under_a_lock_releases_it(make: Callable[[], Any], begun: Pipe) -> None:
    """`with` does that."""
    lock = make()
    with pool_of(1) as pool:
        for _ in range(3):
            future = pool.submit(sync_tasks.hold_and_spin, lock, begun.writer)
            begun.hear()
            assert future.cancel()
            assert lock.acquire(timeout=TIME_LIMIT)
            lock.release()


@pytest.mark.slow
@pytest.mark.parametrize("make", LOCKS, ids=_name)
def test_a_call_cancelled_somewhere_keeps_no_lock(make: Callable[[], Any], begun: Pipe) -> None:
    """Wherever it was: in the body, in `acquire`, in `release`, contended or not."""
    chance = random.Random(5)
    lock = make()
    with pool_of(2, initializer=sync_tasks.keep) as pool:
        for _ in range(25):
            future = pool.submit(sync_tasks.hold_over_and_over, lock, begun.writer)
            begun.hear()
            for _ in range(chance.randrange(20)):
                with lock:
                    pass
            assert future.cancel()
            assert lock.acquire(timeout=TIME_LIMIT), "it was kept"
            lock.release()
    assert lock._monitor.waiting(0) == 0


@pytest.mark.parametrize("make", LOCKS, ids=_name)
def test_a_call_cancelled_while_it_waits_gives_its_place_back(
    make: Callable[[], Any], begun: Pipe
) -> None:
    """Who is behind it is served."""
    lock = make()
    with pool_of(1) as pool:
        lock.acquire()
        future = pool.submit(sync_tasks.pass_through, lock)
        await_waiting(lock._monitor)
        assert future.cancel()
        results: list[bool] = []
        # Another thread, in line behind it.
        thread = start(lambda: results.append(sync_tasks.take(lock)))
        lock.release()
        finish(thread)
        assert results == [True]


def test_cancelled_when_granted() -> None:
    """Cancel and release at the same moment: the call gives it back, or never had it."""
    lock = sync.Semaphore(0)
    with pool_of(2, initializer=sync_tasks.keep) as pool:
        for number in range(30):
            future = pool.submit(sync_tasks.pass_through, lock)
            await_waiting(lock._monitor)
            first, second = (lock.release, future.cancel)[:: 1 if number % 2 else -1]
            first()
            second()
            assert lock.acquire(timeout=TIME_LIMIT), "the grant was lost"
            assert not lock.acquire(blocking=False), "it was granted twice"


# -- interruptions at home -----------------------------------------------------------------


def test_a_signal_handler_may_set_the_event_that_is_waited_for() -> None:
    """The usual way to end a program: SIGTERM sets an event."""
    event = sync.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: event.set())
    try:
        thread = start(_when_waiting, event._monitor, signal.SIGUSR1)
        assert event.wait(TIME_LIMIT)
        finish(thread)
    finally:
        signal.signal(signal.SIGUSR1, before)


def _when_waiting(monitor: monitor_module.Monitor, number: int) -> None:
    await_waiting(monitor)
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("make", LOCKS, ids=_name)
def test_ctrl_c_ends_a_wait(make: Callable[[], Any]) -> None:
    """It is in no line any more, and what is released is there for others."""
    lock = make()
    lock.acquire()
    if isinstance(lock, sync.RLock):
        lock.release()
        other = pool_thread(lock)
    else:
        other = None
    thread = start(_when_waiting, lock._monitor, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        lock.acquire(timeout=TIME_LIMIT)
    finish(thread)
    assert lock._monitor.waiting(0) == 0
    if other is not None:
        other.set()
        assert lock.acquire(timeout=TIME_LIMIT)
    lock.release()
    assert lock.acquire(timeout=TIME_LIMIT)
    lock.release()


def pool_thread(lock: sync.RLock) -> threading.Event:
    """Let another thread hold a lock until the event is set."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait(TIME_LIMIT)

    start(hold)
    assert held.wait(TIME_LIMIT)
    return over


def test_an_interruption_after_the_grant_loses_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C when the lock was handed over already: it is free afterwards."""
    lock = _held(sync.Lock())
    original = waiting_module.Wakeup.close

    def close(wakeup: waiting_module.Wakeup) -> None:
        original(wakeup)
        signal.raise_signal(signal.SIGINT)

    def release() -> None:
        await_waiting(lock._monitor)
        lock.release()

    thread = start(release)
    with monkeypatch.context() as patch:
        patch.setattr(waiting_module.Wakeup, "close", close)
        with pytest.raises(KeyboardInterrupt), lock:
            assert lock.locked()
            patch.undo()
    finish(thread)
    assert not lock.locked()


def test_a_pool_that_ends_takes_no_lock_along(begun: Pipe) -> None:
    """`terminate_workers` stops who holds it, and who waits."""
    lock = sync.Lock()
    pool = InterpreterPoolExecutor(2)
    futures = [pool.submit(sync_tasks.hold_and_spin, lock, begun.writer) for _ in range(2)]
    begun.hear()
    await_waiting(lock._monitor)
    pool.terminate_workers()
    for future in futures:
        assert future.cancelled() or future.exception(TIME_LIMIT)
    assert lock.acquire(timeout=TIME_LIMIT)
    lock.release()
