"""The states of a worker: what its slot says, step by step."""

import threading
from collections import deque
from collections.abc import Callable
from itertools import product

import pytest

from interpexec._core import current_call
from interpexec._core.cancellation import Interruptible, this_thread
from interpexec._sharing.pickling import dumps_call
from interpexec._worker import wire
from interpexec._worker.main import Worker
from interpexec._worker.retirement import Retirement
from interpexec._worker.wire import (
    CALL,
    IDLE,
    LEAVE,
    RUNNING,
    SINCE,
    STARTING,
    STATE_LEAVING,
    STATES,
    WORDS,
    state,
)

pytestmark = pytest.mark.fast

NUMBER = 3
"""Of the worker, and the id of its initializer's call."""


@pytest.mark.parametrize(
    ("call", "since", "is_leaving"), [*product((0, NUMBER, 7), (0, 5), (0, 1))]
)
def test_a_state_follows_from_the_words_of_the_slot(call: int, since: int, is_leaving: int) -> None:
    """Each combination of them is one of the states in the table."""
    found = state(call, since, NUMBER, is_leaving=bool(is_leaving))
    assert found in STATES
    assert (found is STATE_LEAVING) == is_leaving
    assert is_leaving or (found is STARTING) == (not since or call == NUMBER)
    assert is_leaving or (found is RUNNING) == (bool(since) and call == 7)


def test_the_table_has_every_state() -> None:
    """None but the last one is final, and that follows each."""
    assert [*STATES] == [STARTING, IDLE, RUNNING, STATE_LEAVING]
    for each, moves in STATES.items():
        assert moves <= {*STATES} - {each}
        assert (STATE_LEAVING in moves) is (each is not STATE_LEAVING)


class Slot(list[int]):
    """A slot that remembers the state after each word that is written.

    But not between the two words of an initializer, SINCE and CALL: that is an instant.
    """

    def __init__(self, *, has_initializer: bool) -> None:
        super().__init__([0] * WORDS)
        self._is_begun = not has_initializer
        self.states = [STARTING]

    def __setitem__(self, word: object, value: object) -> None:
        super().__setitem__(word, value)  # type: ignore[index,assignment]  # ints
        self._is_begun = self._is_begun or word == CALL
        if not self._is_begun:
            return
        now = state(self[CALL], self[SINCE], NUMBER, is_leaving=bool(self[LEAVE]))
        if now is not self.states[-1]:
            self.states.append(now)


class Queue:
    """Stands for both queues: gives some messages, and takes all."""

    is_closed = True

    def __init__(self, messages: list[wire.Message]) -> None:
        self._messages = deque(messages)
        self.sent: list[wire.Message] = []

    def take_nothing_when(self, _: object) -> None:
        """Nobody else is here."""

    def recv_nowait(self) -> object:
        return self._messages.popleft() if self._messages else None

    def recv_or_wake(self, *_: object) -> object:
        return None

    def wake(self, _: int) -> None:
        """Nobody sleeps."""

    def send(self, message: wire.Message) -> None:
        self.sent.append(message)


class Helper:
    """Stands for the thread that follows orders."""

    def __init__(self) -> None:
        self.calls = Interruptible(this_thread())

    def is_ready(self) -> None:
        """No broadcast waits."""


@pytest.mark.parametrize("initializer", [None, int, len])
@pytest.mark.parametrize("quota", [None, 1])
def test_a_worker_moves_as_the_table_says(
    initializer: Callable[[], object] | None, quota: int | None
) -> None:
    """From its start to its end, over an initializer and calls: each move is a legal one."""
    slot = Slot(has_initializer=initializer is not None)
    calls = [wire.seal(dumps_call(fn, (), {}), 7) for fn in (int, len)]  # the second one fails
    requests, replies = Queue(calls), Queue([])

    def live() -> None:
        payload = None if initializer is None else dumps_call(initializer, (), {})
        worker = Worker(NUMBER, 0, requests, replies, slot, "w", payload)  # type: ignore[arg-type]
        try:
            worker.live(Helper(), (0.0, quota, False))  # type: ignore[arg-type]
        finally:
            current_call.leave()
        worker.leave()

    thread = threading.Thread(target=live)
    thread.start()
    thread.join()
    for origin, following in zip(slot.states, slot.states[1:], strict=False):
        assert following in STATES[origin]
    runs = 0 if initializer is len else quota or len(calls)
    assert slot.states.count(RUNNING) == runs
    assert slot.states[-1] is STATE_LEAVING


def test_a_successor_is_wanted_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """When what is left takes twice as long as the worker took to be ready; once."""
    now = 1.0
    monkeypatch.setattr("interpexec._worker.retirement.monotonic", lambda: now)
    retirement = Retirement(10, 0.0)
    retirement.begin(1.0)
    now += 0.001
    found = []
    for done in range(10):
        found.append(retirement.is_near(done))
        now += 0.5
    assert found == [False] * 7 + [True] + [False] * 2


def test_a_successor_does_not_count_the_time_that_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A successor was ready after a second, though it takes its first call after a thousand."""
    monkeypatch.setattr("interpexec._worker.retirement.monotonic", lambda: 1000.0)
    retirement = Retirement(10, 0.0)
    retirement.begin(1.0)
    monkeypatch.setattr("interpexec._worker.retirement.monotonic", lambda: 1004.0)
    assert not retirement.is_near(1)
