"""Outcomes that are taken from a call before it has ended: two threads of a worker meet."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pickle import loads
from typing import Any

import pytest

from gates import TIME_LIMIT, Gate, gate
from interpexec import Feed, InterpreterPoolExecutor, WorkerLostError
from interpexec._core import current_call
from interpexec._core.cancellation import Interruptible
from interpexec._map.outcomes import Outcomes
from interpexec._map.run_chunk import ChunkRun

pytestmark = pytest.mark.fast


@pytest.fixture
def runs_calls() -> Iterator[None]:
    """Let this thread run calls, as a worker's does."""
    made = Interruptible(None)
    current_call.enter(made)
    made.arm(1)
    yield
    made.disarm()
    current_call.leave()


def run(
    items: list[object], fn: Callable[[ChunkRun, Any], object], *, is_timed: bool = False
) -> Outcomes:
    """Run a chunk by a function that gets the run, too."""
    chunk = ChunkRun([items], {}, 0, are_pickled=False, is_timed=is_timed, raises=False)
    return chunk.run(lambda item: fn(chunk, item))


def values_of(outcomes: Outcomes) -> list[object]:
    """Return the values; of a failure, the type of the exception."""
    found: list[object] = []
    while outcomes:
        error = outcomes.take_error()
        found.append(outcomes.take() if error is None else type(error))
    return found


@pytest.mark.usefixtures("runs_calls")
@pytest.mark.parametrize("is_timed", [False, True])
def test_outcomes_are_either_early_or_late(is_timed: bool) -> None:
    """Wherever the helper comes: what it takes is not in the reply, failures included."""
    for place in range(1, 6):
        taken: list[bytes | None] = []

        def step(chunk: ChunkRun, item: int, place: int = place, taken: Any = taken) -> float:
            if item == place:
                taken.append(chunk.take_early())
            return 1 / (item - 2)

        late = run([*range(6)], step, is_timed=is_timed)
        assert taken[0] is not None
        early = loads(taken[0])
        assert (late.early, len(early), len(late)) == (place, place, 6 - place)
        for each in early, late:
            assert len(each.times or ()) == (len(each) if is_timed else 0)
        expected = [-0.5, -1.0, ZeroDivisionError, 1.0, 0.5, 1 / 3]
        assert values_of(early) + values_of(late) == expected


@pytest.mark.usefixtures("runs_calls")
def test_nothing_is_taken_where_there_is_nothing() -> None:
    """Before the first item has ended, and after the call has."""
    runs: list[ChunkRun] = []

    def step(chunk: ChunkRun, item: int) -> int:
        runs.append(chunk)
        assert item or chunk.take_early() is None
        return item

    assert values_of(run([0, 1], step)) == [0, 1]
    assert runs[0].take_early() is None


@pytest.mark.usefixtures("runs_calls")
def test_values_that_may_fail_to_be_pickled_stay() -> None:
    """Their pickling may run the user's code, beside the call."""

    def step(chunk: ChunkRun, item: int) -> object:
        assert chunk.take_early() is None
        return [item]

    assert len(run([0, 1], step)) == 2


# -- the answer, and the reply, on the caller's side ----------------------------------


def pass_if_tuple(item: int | tuple[int, int]) -> int:
    """Wait at a gate, if the item is one."""
    import tasks

    return tasks.pass_gate(item, -1) if isinstance(item, tuple) else item


class HeldAnswers:
    """Answers of workers with outcomes, which the test passes on; it does not hold others up."""

    def __init__(self, pool: InterpreterPoolExecutor) -> None:
        self._ask = pool._scheduler.ask_items
        pool._scheduler.idle = lambda: 0  # type: ignore[method-assign]  # else more is asked for
        pool._scheduler.ask_items = self.ask  # type: ignore[assignment]  # that is the test
        self.is_asked = threading.Event()
        self.calls: list[Future[Any]] = []
        self.answers: list[Future[Any]] = []
        self.held: list[Future[Any]] = []

    def ask(self, call: Any, *, takes_outcomes: bool = False) -> Any:
        """Ask, and hold the answer back."""
        answer = self._ask(call, takes_outcomes=takes_outcomes)
        if answer is None:
            return None
        held: Future[Any] = Future()

        def pass_on(_: object) -> None:
            if answer.result()[1] is None:
                held.set_result(answer.result())
                return
            self.calls.append(call)
            self.answers.append(answer)
            self.held.append(held)
            self.is_asked.set()

        answer.add_done_callback(pass_on)
        return held


@contextmanager
def answered_late() -> Iterator[tuple[Feed[Any, int], HeldAnswers]]:
    """Have a call end before the answer comes to what it was asked; yield that answer."""
    door: Gate
    with gate() as door, InterpreterPoolExecutor(1) as pool, pool.feed(pass_if_tuple) as feed:
        feed.extend(range(200))
        for _ in range(200):
            next(feed)
        sizer = feed._job._sizer
        # All go in one call, whatever was measured, and it hands none back by itself.
        sizer._each, sizer._reached = 1000.0, 200
        feed._job._maker._budget = 10**12
        held = HeldAnswers(pool)
        feed.extend([1, 2, 3, door.handle, 5, 6])
        feed.close()
        try:
            door.await_knocks(1)
            assert held.is_asked.wait(TIME_LIMIT)
        finally:
            door.open()  # else the pool waits for the item
        held.calls[0].result(TIME_LIMIT)
        yield feed, held


def test_the_reply_may_come_before_the_answer() -> None:
    """Each item has one outcome, and its own."""
    with answered_late() as (feed, held):
        held.held[0].set_result(held.answers[0].result())
        outcomes = [(each.index, each.value) for each in feed]
    assert outcomes == [(200, 1), (201, 2), (202, 3), (203, -1), (204, 5), (205, 6)]


def test_an_answer_may_never_come() -> None:
    """The outcomes that went with it are not known; all others are there, once."""
    with answered_late() as (feed, held):
        held.held[0].set_exception(MemoryError())
        count = len(loads(held.answers[0].result()[1]))
        outcomes = [each.value or type(each.error) for each in feed]
    lost = slice(3 - count, 3)  # those right before the slow one
    expected: list[object] = [1, 2, 3, -1, 5, 6]
    expected[lost] = [WorkerLostError] * count
    assert outcomes == expected
