"""An interruption hits its own call and no other: with a fake thread, and with a real one."""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from interpexec import TaskCancelled, current_task
from interpexec._core import current_call
from interpexec._core.cancellation import Interruptible, this_thread
from repetitions import ROUNDS
from stops import TIME_LIMIT, finish, start


class FakeThread:
    """Notes what is done to it, and may do something of its own meanwhile."""

    def __init__(self, when_thrown: Callable[[], object] = int) -> None:
        self.ident = 0
        self.log: list[str] = []
        self.when_thrown = when_thrown

    def throw(self, error: type[BaseException]) -> None:
        assert issubclass(error, TaskCancelled)
        self.log.append("throw")
        self.when_thrown()

    def clear(self) -> None:
        self.log.append("clear")

    def trace(self, _function: object) -> None:
        self.log.append("trace")

    def frame(self) -> None:
        return None


def fake(when_thrown: Callable[[], object] = int) -> tuple[Interruptible, FakeThread]:
    """Make an Interruptible over a fake thread."""
    thread = FakeThread(when_thrown)
    return Interruptible(thread), thread  # type: ignore[arg-type]


# -- which call is hit: with a fake thread ---------------------------------


def test_the_running_call_is_hit() -> None:
    """One exception is thrown, also when it is ordered again; it is cleared at the call's end."""
    calls, thread = fake()
    assert calls.arm(1)
    assert calls.interrupt(1)
    calls.interrupt(1)
    assert thread.log == ["throw"]
    assert calls.hit == 1
    assert calls.disarm()
    assert thread.log == ["throw", "clear"]


def test_an_order_for_an_earlier_call_hits_nobody() -> None:
    """Not before, in, or after the next call."""
    calls, thread = fake()
    assert calls.arm(1)
    assert not calls.disarm()
    assert not calls.interrupt(1)
    assert calls.arm(2)
    assert not calls.interrupt(1)
    assert not calls.disarm()
    assert thread.log == []
    assert calls.hit == 0


def test_an_early_order_skips_its_call_only() -> None:
    """The ones before and after it run."""
    calls, thread = fake()
    assert calls.arm(1)
    assert not calls.interrupt(2)
    assert not calls.disarm()
    assert not calls.arm(2)
    assert not calls.disarm()
    assert calls.arm(3)
    assert not calls.disarm()
    assert thread.log == []


def test_nobody_is_hit_between_two_calls() -> None:
    """Where `armed` is 0, whatever is ordered."""
    calls, thread = fake()
    for call_id in (1, 2):
        assert not calls.interrupt(call_id)
    assert thread.log == []
    assert calls.hit == 0


def test_the_call_ends_while_it_is_being_thrown_at() -> None:
    """`disarm()` waits for the end of the throwing, and takes back what was thrown.

    1. the helper has seen `armed`, and is about to throw
    2. the call ends: `disarm()` is called
    3. the helper throws
    """
    ended: SimpleQueue[bool] = SimpleQueue()
    threads: list[threading.Thread] = []

    def end_the_call() -> None:
        thread.log.append("ending")
        threads.append(start(lambda: ended.put(calls.disarm())))
        while calls.armed:
            threads[0].join(0)
        threads[0].join(0.1)
        assert threads[0].is_alive(), "it did not wait for the thrower"
        thread.log.append("thrown")

    calls, thread = fake(end_the_call)
    assert calls.arm(1)
    assert calls.interrupt(1)
    assert ended.get(timeout=TIME_LIMIT)
    finish(threads[0])
    assert thread.log == ["throw", "ending", "thrown", "clear"]


def test_a_shield_goes_up_while_the_call_is_being_thrown_at() -> None:
    """The call's thread waits for the thrower, so it is hit outside of its shield."""
    threads: list[threading.Thread] = []
    up = threading.Event()

    def raise_shield() -> None:
        calls.raise_shield()
        up.set()

    def be_shielded() -> None:
        threads.append(start(raise_shield))
        assert not up.wait(0.1)

    calls, _ = fake(be_shielded)
    assert calls.arm(1)
    assert calls.interrupt(1)
    assert up.wait(TIME_LIMIT)
    finish(threads[0])


def test_nothing_is_thrown_under_a_shield() -> None:
    """The exception is raised once, at the end of the outermost shield."""
    calls, thread = fake()
    assert calls.arm(1)
    calls.raise_shield()
    calls.raise_shield()
    assert not calls.interrupt(1)
    assert calls.hit == 1
    calls.lower_shield()
    with pytest.raises(TaskCancelled):
        calls.lower_shield()
    calls.raise_shield()
    calls.lower_shield()
    assert "throw" not in thread.log
    assert calls.disarm()


def test_a_shield_that_stays_up_does_not_protect_the_next_call() -> None:
    """A shield that was left open belongs to the call that is over."""
    calls, thread = fake()
    assert calls.arm(1)
    calls.raise_shield()
    assert not calls.disarm()
    assert calls.arm(2)
    calls.interrupt(2)
    assert thread.log == ["throw"]


def test_without_the_c_api_calls_are_still_marked() -> None:
    """Where there is no way to throw, `cancelled()` says it."""
    calls = Interruptible(None)
    assert calls.arm(1)
    calls.interrupt(1)
    assert calls.hit == 1
    assert calls.disarm()


# -- which call is hit: with a real thread ---------------------------------


def _shield() -> current_call.Shield:
    task = current_task()
    assert task is not None
    return task.shield()


class Runner:
    """A thread that runs one short call after another, as a worker does, and is shot at."""

    def __init__(self, body: Callable[["Interruptible"], object], *, last: int) -> None:
        self.body = body
        self.last = last
        self.calls = Interruptible(None)
        self.is_ready = threading.Event()
        self.strays: list[str] = []
        self.skipped: list[int] = []
        self.hits: list[int] = []
        self.thread = start(self.run)
        assert self.is_ready.wait(TIME_LIMIT)

    def run(self) -> None:
        """Run the calls, as `Worker._run` does."""
        self.calls.thread = this_thread()
        current_call.enter(self.calls)
        self.is_ready.set()
        for call_id in range(1, 100 * self.last):
            if call_id > self.last and self.hits:
                break  # else who shoots has not had a turn yet
            try:
                self.run_one(call_id)
                sum(range(20))  # between two calls
            except TaskCancelled:
                self.strays.append(f"outside of {call_id}")
            if self.calls.hit:
                if self.calls.hit != call_id:
                    self.strays.append(f"{self.calls.hit} in {call_id}")
                self.hits.append(self.calls.hit)
                # A pool would replace the interpreter: make do with a new state.
                calls = Interruptible(self.calls.thread)
                calls._unmet = self.calls._unmet
                self.calls = calls
                current_call.enter(calls)
        current_call.leave()

    def run_one(self, call_id: int) -> None:
        """Run one call."""
        calls = self.calls
        try:
            if calls.arm(call_id):
                self.body(calls)
            else:
                self.skipped.append(call_id)
            calls.disarm()
        except TaskCancelled:
            calls.disarm()


@pytest.fixture
def _hasty() -> Iterator[None]:
    """Let threads be preempted very often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty")
def test_a_short_call_is_stopped_at_random_a_thousand_times() -> None:
    """No stray comes out, no other call is hit, with the real `throw`."""
    runner = Runner(lambda _: sum(range(50)), last=20 * ROUNDS)
    ordered = 0
    while runner.thread.is_alive():
        calls = runner.calls
        calls.interrupt(calls.armed or random.randrange(1, runner.last))
        ordered += 1
    finish(runner.thread)
    assert runner.strays == []
    assert ordered
    assert len(set(runner.hits)) == len(runner.hits)


@pytest.mark.usefixtures("_hasty")
def test_nothing_is_raised_under_a_shield_however_it_is_hit() -> None:
    """A thousand times: what is done inside is done whole; the end raises."""
    harmed: list[int] = []

    def body(calls: Interruptible) -> None:
        task_id, inside = calls.armed, False
        try:
            for _ in range(3):
                with _shield():
                    inside = True
                    sum(range(30))
                    inside = False
        except TaskCancelled:
            if inside:
                harmed.append(task_id)
            raise

    runner = Runner(body, last=10 * ROUNDS)
    while runner.thread.is_alive():
        calls = runner.calls
        calls.interrupt(calls.armed or -1)
    finish(runner.thread)
    assert runner.strays == []
    assert harmed == []
    assert runner.hits
