"""CPython's own tests of `threading`'s locks and of `queue`, run against ours."""

import queue
import unittest
from collections.abc import Callable
from typing import Any

import pytest

from interpexec import sync
from stops import TIME_LIMIT, await_waiting, finish, start

pytestmark = pytest.mark.slow

Queue: Any = sync.Queue

# Not each Python has its tests installed.
lock_tests: Any = pytest.importorskip("test.lock_tests")
test_queue: Any = pytest.importorskip("test.test_queue")

_REPR = "the pattern of the class's name has no room for a dotted module"
_FORK = "it is about the fork of a process, and a private method"
_PRIVATE = "it looks at private attributes"


def _without[T: type](reasons: dict[str, str]) -> Callable[[T], T]:
    """Skip some tests of a class, if it has them, each for its reason."""

    def skip(cls: T) -> T:
        for name, reason in reasons.items():
            if hasattr(cls, name):
                setattr(cls, name, unittest.skip(reason)(getattr(cls, name)))
        return cls

    return skip


@_without({"test_at_fork_reinit": _FORK})
class TestLock(lock_tests.LockTests):  # type: ignore[misc]
    """`sync.Lock` is a `threading.Lock`."""

    locktype = staticmethod(sync.Lock)


@_without({"test_recursion_count": _PRIVATE, "test_at_fork_reinit": _FORK})
class TestRLock(lock_tests.RLockTests):  # type: ignore[misc]
    """`sync.RLock` is a `threading.RLock`."""

    locktype = staticmethod(sync.RLock)


@_without({"test_repr": _REPR, "test_at_fork_reinit": _FORK})
class TestEvent(lock_tests.EventTests):  # type: ignore[misc]
    """`sync.Event` is a `threading.Event`."""

    eventtype = staticmethod(sync.Event)

    def test_set_and_clear(self) -> None:
        """As CPython's, which takes it for granted that all wait after 50 ms."""
        event, results, count = sync.Event(), list[bool](), 5
        threads = [start(lambda: results.append(event.wait(TIME_LIMIT))) for _ in range(count)]
        await_waiting(event._monitor, count)
        event.set()
        event.clear()
        for thread in threads:
            finish(thread)
        assert results == [True] * count


@_without(
    {
        "test_acquire": "it makes one over a lock of `threading`, which cannot be sent",
        "test_nan_timeout": _PRIVATE,
    }
)
class TestCondition(lock_tests.ConditionTests):  # type: ignore[misc]
    """`sync.Condition` is a `threading.Condition`."""

    condtype = staticmethod(sync.Condition)


@_without({"test_repr": _REPR})
class TestSemaphore(lock_tests.SemaphoreTests):  # type: ignore[misc]
    """`sync.Semaphore` is a `threading.Semaphore`."""

    semtype = staticmethod(sync.Semaphore)


@_without({"test_repr": _REPR})
class TestBoundedSemaphore(lock_tests.BoundedSemaphoreTests):  # type: ignore[misc]
    """`sync.BoundedSemaphore` is a `threading.BoundedSemaphore`."""

    semtype = staticmethod(sync.BoundedSemaphore)


@_without({"test_repr": _REPR})
class TestBarrier(lock_tests.BarrierTests):  # type: ignore[misc]
    """`sync.Barrier` is a `threading.Barrier`."""

    barriertype = staticmethod(sync.Barrier)

    def tearDown(self) -> None:
        super().tearDown()
        del self.barrier  # pytest keeps the test, and it keeps descriptors


_UNFINISHED = "it looks at `unfinished_tasks`, which is not documented"


@_without(
    {
        "test_shutdown_immediate_put_join": _UNFINISHED,
        "test_shutdown_put_join": _UNFINISHED,
        "test_shutdown_get_task_done_join": _UNFINISHED,
        "test_shrinking_queue": "`maxsize` is what it was at first",
    }
)
class TestQueue(test_queue.BaseQueueTestMixin, unittest.TestCase):  # type: ignore[misc]
    """`sync.Queue` is a `queue.Queue`."""

    queue = queue
    type2test = staticmethod(Queue)
