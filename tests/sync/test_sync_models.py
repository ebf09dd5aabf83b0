"""Queues, locks and semaphores, driven at random beside those of the standard library."""

import queue as library
import threading
from collections import deque
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interpexec import (
    sync,
)
from stops import await_waiting

pytestmark = pytest.mark.usefixtures("kernel_ways", "no_garbage")

Queue: Any = sync.Queue

SETTINGS = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


QUEUE_STEPS = st.lists(
    st.sampled_from(["put", "get", "get", "done", "size", "shutdown", "shutdown now"])
    | st.sampled_from(["put", "put", "get"]),
    max_size=40,
)


@pytest.mark.slow
@settings(SETTINGS, max_examples=200)
@given(QUEUE_STEPS, st.integers(-1, 3))
def test_a_queue_is_the_standard_librarys(steps: list[str], maxsize: int) -> None:
    """Both of them do the same at every step, errors included."""
    ours, theirs = Queue(maxsize), library.Queue[int](maxsize)
    for number, step in enumerate(steps):
        results = []
        for each in (ours, theirs):
            try:
                results.append(_queue_step(each, step, number))
            except Exception as error:
                results.append(type(error))  # ours says what was shut down
        assert results[0] == results[1], step
    for each in (ours, theirs):
        each.shutdown(immediate=True)


def _queue_step(queue: Any, step: str, number: int) -> object:
    match step:
        case "put":
            return queue.put_nowait(number)
        case "get":
            return queue.get(timeout=0) if number % 2 else queue.get_nowait()
        case "done":
            return queue.task_done()
        case "shutdown" | "shutdown now":
            return queue.shutdown(immediate=step.endswith("now"))
    return queue.qsize(), queue.empty(), queue.full(), queue.is_shutdown


PAIRS: list[tuple[Any, Any]] = [
    (sync.Lock, threading.Lock),
    (sync.RLock, threading.RLock),
    (lambda: sync.Semaphore(2), lambda: threading.Semaphore(2)),
    (lambda: sync.BoundedSemaphore(2), lambda: threading.BoundedSemaphore(2)),
    (sync.Event, threading.Event),
    (sync.Condition, threading.Condition),
]

LOCK_STEPS = st.lists(
    st.sampled_from(
        [
            ("acquire", {"blocking": False}),
            ("acquire", {"timeout": 0.0005}),
            ("release", {}),
            ("release", {}),
            ("release", {"n": 2}),
            ("set", {}),
            ("clear", {}),
            ("is_set", {}),
            ("wait", {"timeout": 0.0005}),
            ("notify", {}),
            ("notify_all", {}),
        ]
    ),
    max_size=30,
)


@pytest.mark.parametrize("pair", PAIRS, ids=["lock", "rlock", "semaphore", "bounded", "event",
                                             "condition"])  # fmt: skip
@pytest.mark.slow
def test_a_lock_is_that_of_threading(pair: tuple[Any, Any]) -> None:
    """Both of them do the same at every step, errors included."""

    @settings(SETTINGS)
    @given(LOCK_STEPS)
    def drive(steps: list[tuple[str, dict[str, Any]]]) -> None:
        both = [make() for make in pair]
        for name, options in steps:
            if not hasattr(both[1], name) or ("n" in options and not hasattr(both[1], "_value")):
                continue
            results = []
            for each in both:
                try:
                    results.append(getattr(each, name)(**options))
                except Exception as error:
                    results.append(type(error))
            assert results[0] == results[1], (name, options)

    drive()


@settings(SETTINGS, max_examples=25)
@given(
    st.integers(0, 3),
    st.lists(st.sampled_from(["wait", "briefly", "release", "release two"]), max_size=12),
)
def test_a_semaphore_serves_in_order(value: int, steps: list[str]) -> None:
    """Threads come one after another; each release serves who has waited longest."""
    semaphore = sync.Semaphore(value)
    waiting: deque[tuple[threading.Thread, list[bool]]] = deque()
    for step in steps:
        if step == "briefly":
            assert semaphore.acquire(timeout=0.001) == bool(value)
            value = max(value - 1, 0)
        elif step == "wait":
            results: list[bool] = []
            thread = threading.Thread(target=_acquire, args=(semaphore, results))
            thread.start()
            if value:
                value -= 1
                thread.join(20)
                assert results == [True]
            else:
                waiting.append((thread, results))
                await_waiting(semaphore._monitor, len(waiting))
        else:
            count = 1 if step == "release" else 2
            semaphore.release(count)
            for _ in range(count):
                value += not waiting
                if waiting:
                    _is_served(*waiting.popleft())
            assert not any(results for _, results in waiting)
    semaphore.release(len(waiting) + 1)
    for each in waiting:
        _is_served(*each)


def _acquire(semaphore: sync.Semaphore, results: list[bool]) -> None:
    results.append(semaphore.acquire(timeout=20))


def _is_served(thread: threading.Thread, results: list[bool]) -> None:
    thread.join(20)
    assert results == [True]
