"""Waiting for one call in the collector's place: a wake-up saved, and no reply lost."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

import pytest

import tasks
from gates import Gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor
from interpexec._core.waiting import Deadline, Spinner, Wakeup
from interpexec._pool import call_ends, link
from interpexec._pool.collector import Collector
from interpexec._pool.future import CallFuture
from interpexec._pool.scheduler import Scheduler
from interpexec._pool.settings import Settings
from interpexec._pool.state import PoolState
from interpexec._sharing import pickling
from interpexec._worker import wire
from interpexec._worker.wire import Message
from stops import TIME_LIMIT, await_direct_wait, rest


class Waiting:
    """A thread that waits for a future directly."""

    def __init__(self, scheduler: Scheduler, future: "Future[int]", timeout: float | None) -> None:
        """Start it, and see it asleep in the collector's place, and the collector too."""
        self.error: BaseException | None = None
        self.value: int | None = None
        self._future, self._timeout = future, timeout
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()
        await_direct_wait(scheduler.state.link)

    def _wait(self) -> None:
        try:
            self.value = self._future.result(self._timeout)
        except BaseException as error:
            self.error = error

    def end(self) -> "Waiting":
        """Wait for the thread's end."""
        self._thread.join(TIME_LIMIT)
        assert not self._thread.is_alive()
        return self


def test_the_reply_wakes_the_one_that_waits(door: Gate) -> None:
    """The waiting thread gets its result, and the collector has not been woken for it."""
    with InterpreterPoolExecutor(1) as pool:
        pool.warm()  # that is what a worker says beside
        future = pool.submit(tasks.pass_gate, door.handle, 1)
        waiting = Waiting(pool._scheduler, future, None)
        link = pool._scheduler.state.link
        assert link is not None
        sleeps: list[float | None] = []
        collect = link.wait

        def sleep(timeout: float | None) -> list[Message]:
            sleeps.append(timeout)
            return collect(timeout)

        link.wait = sleep  # type: ignore[method-assign]
        door.let_in()
        assert waiting.end().value == 1
        assert not sleeps  # it is still in the one from before


def test_calls_of_others_are_left_to_the_collector(
    door: Gate,
) -> None:
    """Their replies may come to the one that waits; their callbacks do not run there."""
    threads: list[threading.Thread] = []
    with InterpreterPoolExecutor(2) as pool:
        waiting = Waiting(pool._scheduler, pool.submit(tasks.pass_gate, door.handle, 1), None)
        other = pool.submit(int)
        other.add_done_callback(lambda _: threads.append(threading.current_thread()))
        assert other.result(TIME_LIMIT) == 0
        door.let_in()
        assert waiting.end().value == 1
    assert [thread is waiting._thread for thread in threads] == [False]


def test_its_time_is_over(door: Gate) -> None:
    """TimeoutError, and the call goes on."""
    with InterpreterPoolExecutor(1) as pool:
        pool.warm()
        future = pool.submit(tasks.pass_gate, door.handle, 1)
        link = pool._scheduler.state.link
        assert link is not None
        wait_directly, waits = link.wait_directly, []

        def wait(left: float | None) -> list[wire.Message]:
            waits.append(left)
            return wait_directly(left)

        link.wait_directly = wait  # type: ignore[method-assign]
        with pytest.raises(TimeoutError):
            future.result(0.2)
        assert waits  # in the collector's place
        door.let_in()
        assert future.result(TIME_LIMIT) == 1


def test_the_call_is_cancelled_meanwhile(door: Gate) -> None:
    """A waiting thread is woken, although no reply comes."""
    with InterpreterPoolExecutor(1, cancel_running=False) as pool:
        running = pool.submit(tasks.pass_gate, door.handle, 1)
        scheduler = pool._scheduler
        ahead = pool.submit(tasks.pass_gate, door.handle, 1)
        out = scheduler.state.table.out
        held = out.pop(running._call_id)  # so that the other one seems to be the only one
        waiting = Waiting(scheduler, ahead, None)
        out[running._call_id] = held
        while not ahead.cancel():  # until then the worker has not begun the first one
            assert not ahead.done()
        assert isinstance(waiting.end().error, CancelledError)
        door.let_in()
        assert running.result(TIME_LIMIT) == 1


@pytest.mark.parametrize("places", [["look"], ["sleep"], ["look", "sleep"]])
def test_signal_handlers_wait_for_other_calls(
    door: Gate, monkeypatch: pytest.MonkeyPatch, places: list[str]
) -> None:
    """In the thread that waits directly, in the middle of that: the collector takes over."""
    left = [{"look": (Spinner, "spin"), "sleep": (Wakeup, "wait")}[place] for place in places]
    got: list[object] = []
    with InterpreterPoolExecutor(2) as pool:
        pool.warm()

        def handle() -> None:
            got.append(pool.submit(abs, -5).result(TIME_LIMIT))
            if not left:
                door.let_in()

        def interrupt(place: type, name: str) -> None:
            original = getattr(place, name)

            def interrupted(self: object, *args: object) -> object:
                is_main = threading.current_thread() is threading.main_thread()
                if is_main and left and left[0] == (place, name):
                    del left[0]
                    handle()
                return original(self, *args)

            monkeypatch.setattr(place, name, interrupted)

        future = pool.submit(tasks.pass_gate, door.handle, 1)
        for place, name in list(left):
            interrupt(place, name)
        assert future.result(TIME_LIMIT) == 1
        assert got == [5] * len(places)
        assert pool.submit(abs, -6).result(TIME_LIMIT) == 6
        assert not pool._scheduler.direct._is_lent


def test_the_pool_breaks_meanwhile(door: Gate, caplog: pytest.LogCaptureFixture) -> None:
    """A waiting thread is woken by any end of the call."""
    scheduler = Scheduler(PoolState(Settings(1, "test")))
    future = scheduler.submit(pickling.dumps_call(tasks.pass_gate, (door.handle,), {}))
    waiting = Waiting(scheduler, future, None)  # type: ignore[arg-type]
    scheduler.state.broken = "broken by the test", None
    scheduler.state.table.out.pop(future._call_id)
    call_ends.fail(future, scheduler.state.error_of_broken())
    assert isinstance(waiting.end().error, BrokenInterpreterPool)
    door.let_in()
    scheduler.close()
    scheduler.join()
    assert not caplog.records


class Link:
    """A link that gives what the test wants: a fake that forces a race."""

    def __init__(self, *, step: Callable[[], object], last: list[wire.Message]) -> None:
        self._step = step
        self._last = last
        self.nudged = 0

    def wait_directly(self, _: float | None) -> list[wire.Message]:
        self._step()
        return []

    def take(self) -> list[wire.Message]:
        return self._last

    def nudge(self) -> None:
        self.nudged += 1

    def nudge_direct(self) -> None:
        pass


def test_a_reply_that_comes_while_it_leaves_is_not_lost() -> None:
    """The race that would strand a reply beside a sleeping collector, in steps.

    1. a thread sleeps in the collector's place; its call is settled elsewhere,
       and it is woken for that
    2. before it is up, a worker sends another reply, finds this seat asleep, and
       wakes it: the collector sleeps on
    3. the thread sees its call finished, and must not just leave
    """
    scheduler = Scheduler(PoolState(Settings(1, "test")))
    mine: CallFuture[object] = CallFuture(1, None, scheduler)
    other: CallFuture[object] = CallFuture(2, None, scheduler)
    mine.set_running_or_notify_cancel()
    scheduler.state.table.out = {1: mine}

    def settled_elsewhere() -> None:
        mine.set_result("mine")
        scheduler.state.table.out = {2: other}

    reply = wire.seal(pickling.dumps_value("other"), 2, wire.VALUE)
    link = Link(step=settled_elsewhere, last=[reply])
    scheduler.state.link = link  # type: ignore[assignment]
    scheduler.direct.wait(mine, Deadline(None))
    assert link.nudged == 1
    scheduler.state.todo.popleft()()
    assert other.result(0) == "other"


def test_callbacks_left_at_the_very_end_are_run() -> None:
    """The race that would forget them, in steps.

    1. the pool is closed, the last worker gone: the collector is about to end
    2. the thread that waits directly settles its call, and leaves the callbacks
    3. the collector has waited for that thread, and must look at its list again
    """
    scheduler = Scheduler(PoolState(Settings(1, "test")))
    assert scheduler.submit(pickling.dumps_call(int, (), {})).result(TIME_LIMIT) == 0
    done = threading.Event()
    collectors, collector_waits = scheduler.state.collectors, threading.Event()
    assert collectors is not None

    class Direct:
        """The lock of direct waiting: callbacks are left behind as it is released."""

        def acquire(self, **_: object) -> bool:
            return False

        def __enter__(self) -> None:
            if not collector_waits.is_set():
                collector_waits.set()
                scheduler.state.leave_to_collector(done.set)

        def __exit__(self, *_: object) -> None:
            pass

    scheduler.direct.lock = Direct()  # type: ignore[assignment]
    scheduler.close()
    scheduler.join()
    assert done.is_set()


def test_many_threads_wait_at_once() -> None:
    """Every call gets its result, whichever thread is in the collector's place."""
    with InterpreterPoolExecutor(2) as pool:
        results: list[int] = []

        def call(number: int) -> None:
            futures = (pool.submit(sum, [number, index]) for index in range(200))
            results.extend(future.result(TIME_LIMIT) for future in futures)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIME_LIMIT)
    assert sorted(results) == sorted(n + i for n in range(4) for i in range(200))


def test_a_reply_in_hand_is_not_lost_when_the_last_worker_goes(
    door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that would take its call for lost, in steps.

    1. a thread that waits directly takes its reply out of the queue, and is preempted
    2. the pool rests for a fork: its worker ends, and the collector is about to end
    3. the thread goes on, and notes the reply
    """
    held, at_end = threading.Event(), threading.Event()
    wait_directly, end = link.Link.wait_directly, Collector._end

    def hold(of: link.Link, timeout: float | None) -> list[Message]:
        replies = wait_directly(of, timeout)
        if replies:
            held.set()
            assert at_end.wait(TIME_LIMIT)
        return replies

    def tell(collector: Collector, of: link.Link) -> bool:
        at_end.set()
        return end(collector, of)

    monkeypatch.setattr(link.Link, "wait_directly", hold)
    monkeypatch.setattr(Collector, "_end", tell)
    with InterpreterPoolExecutor(1) as pool:
        pool.warm()
        future = pool.submit(tasks.pass_gate, door.handle, 1)
        waiting = Waiting(pool._scheduler, future, None)
        door.let_in()
        assert held.wait(TIME_LIMIT)
        assert rest(pool)
        pool._scheduler.rest.end()
        assert waiting.end().value == 1
        monkeypatch.undo()
        assert pool.submit(abs, -3).result(TIME_LIMIT) == 3
