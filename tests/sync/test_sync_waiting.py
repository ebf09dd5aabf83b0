"""How long a thread waits for a lock or its kin, and what arguments are refused."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from interpexec import NotShareableError, sync
from interpexec._sync import barriers
from primitives import LOCKS, Queue, held
from stops import TIME_LIMIT, await_waiting, finish, start

pytestmark = pytest.mark.fast

# -- time ------------------------------------------------------------------


WAITS: list[Callable[[float], object]] = [
    lambda t: held(sync.Lock()).acquire(timeout=t),
    lambda t: sync.Semaphore(0).acquire(timeout=t),
    lambda t: sync.Event().wait(t),
    lambda t: _wait_in(sync.Condition(), t),
    lambda t: _wait_in(sync.Condition(sync.Lock()), t),
]


def _wait_in(condition: sync.Condition, timeout: float) -> bool:
    with condition:
        return condition.wait(timeout)


@pytest.mark.parametrize("waiting", WAITS)
@pytest.mark.parametrize("seconds", [0, 0.001, 0.0301])
@pytest.mark.usefixtures("wakeups")
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


@pytest.mark.slow
def test_a_notified_one_is_not_late() -> None:
    """A notified thread gets True, however late it has the lock back."""
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


# -- bad arguments ---------------------------------------------------------


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


def test_an_object_that_cannot_be_sent_is_not_put() -> None:
    """The error names the part; `join` does not wait for it."""
    queue = Queue()
    with pytest.raises(NotShareableError, match="foo"):
        queue.put({"foo": [threading.Lock()]})
    assert queue.empty()
    finish(start(queue.join))


def test_a_message_without_room_in_memory_is_not_put(monkeypatch: pytest.MonkeyPatch) -> None:
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


# -- barriers: the states --------------------------------------------------


def test_reset_harms_no_thread_that_has_come_through() -> None:
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
    """Threads that come afterwards get the error."""
    barrier = sync.Barrier(1)
    condition = barrier._condition
    with condition:
        barrier._words[barriers._STATE], barrier._words[barriers._COUNT] = barriers._DRAINING, 1
    barrier.abort()
    assert barrier.broken
