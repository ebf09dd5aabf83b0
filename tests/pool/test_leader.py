"""Leader and followers: one thread leads, one is spare, nobody is forgotten."""

import threading
import time
from queue import SimpleQueue

import pytest

from interpexec._pool.leader import LeaderFollowers

pytestmark = pytest.mark.fast

TIME_LIMIT = 30.0


class Job:
    """A job that is told step by step what to do."""

    def __init__(self) -> None:
        self.collectors = LeaderFollowers("test", self.lead)
        self.steps: SimpleQueue[threading.Event | str] = SimpleQueue()
        self.blocked: SimpleQueue[int] = SimpleQueue()

    def lead(self) -> bool:
        """Do the steps: "end" ends the job, an event is what the leader blocks on."""
        while (step := self.steps.get(timeout=TIME_LIMIT)) != "end":
            assert isinstance(step, threading.Event)
            self.collectors.hand_over()
            self.blocked.put(threading.get_ident())
            assert step.wait(TIME_LIMIT)
            if not self.collectors.is_leading():
                return False
        return True

    def block(self) -> threading.Event:
        """Block the leader, and return what sets it free."""
        event = threading.Event()
        self.steps.put(event)
        self.blocked.get(timeout=TIME_LIMIT)
        return event


def alive(collectors: LeaderFollowers, at_most: int) -> bool:
    """Wait until at most so many threads of the relay are left."""
    deadline = time.monotonic() + TIME_LIMIT
    while time.monotonic() < deadline:
        living = [thread for thread in collectors._threads if thread.is_alive()]
        if len(living) <= at_most:
            return True
        living[0].join(0.01)
    return False


def test_a_blocked_leader_is_replaced() -> None:
    """Three leaders are blocked one after the other, and the job still ends."""
    job = Job()
    job.collectors.start()
    events = [job.block() for _ in range(3)]
    job.steps.put("end")
    for event in events:
        event.set()
    job.collectors.join()
    assert alive(job.collectors, 0)


def test_one_spare_is_kept_and_used() -> None:
    """Of the threads that come back one waits; the next hand-over takes it."""
    job = Job()
    job.collectors.start()
    for event in [job.block() for _ in range(3)]:
        event.set()
    assert alive(job.collectors, 2)  # the leader and a spare
    before = set(job.collectors._threads)
    event = job.block()
    assert set(job.collectors._threads) <= before
    event.set()
    job.steps.put("end")
    job.collectors.join()


def test_the_end_wakes_the_spare() -> None:
    """The job ends while a thread waits for its turn: it ends too."""
    job = Job()
    job.collectors.start()
    job.block().set()
    job.steps.put("end")
    job.collectors.join()
    assert alive(job.collectors, 0)


def test_without_a_thread_the_leader_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be had, handing over does nothing."""
    job = Job()
    job.collectors.start()

    def cannot_start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        event = job.block()
    event.set()
    job.steps.put("end")
    job.collectors.join()
    assert alive(job.collectors, 0)


def test_nobody_leads_when_the_job_is_over() -> None:
    """A later thread may have the ident of the last leader: it starts nothing anew."""
    job = Job()
    job.collectors.start()
    job.steps.put("end")
    job.collectors.join()
    assert job.collectors._leader == 0


def test_only_the_leader_can_hand_over() -> None:
    """Anybody else's call has no effect."""
    job = Job()
    job.collectors.start()
    job.collectors.hand_over()
    assert len(job.collectors._threads) == 1
    assert not job.collectors.is_member()
    job.steps.put("end")
    job.collectors.join()
