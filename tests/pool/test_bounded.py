"""`bounded()`: an executor whose `submit` waits while too much is pending."""

import gc
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

import tasks
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor
from interpexec._pool.bounded import Pending
from stops import finish, start

if TYPE_CHECKING:
    from concurrent.futures import Future

pytestmark = pytest.mark.fast


def test_submit_waits_for_room(pass_by: tuple[InterpreterPoolExecutor, Gate]) -> None:
    """As many calls as may be are pending; then each that ends lets one more come."""
    pool, door = pass_by
    bounded = pool.bounded(3)
    submitted: list[Future[object]] = []
    news = threading.Semaphore(0)

    def produce() -> None:
        for number in range(6):
            submitted.append(bounded.submit(tasks.pass_gate, door.handle, number))
            news.release()

    producer = start(produce)
    for _ in range(3):
        assert news.acquire(timeout=TIME_LIMIT)
    door.await_knocks(2)
    assert len(submitted) == 3
    assert pool.submit(tasks.same, 1).cancel()  # the others of the pool do not wait
    door.let_in(1)
    assert news.acquire(timeout=TIME_LIMIT)
    assert len(submitted) == 4
    door.open()
    finish(producer)
    assert [each.result(TIME_LIMIT) for each in submitted] == [*range(6)]


def test_however_a_call_ends_there_is_room(pass_by: tuple[InterpreterPoolExecutor, Gate]) -> None:
    """Failed, cancelled, refused, or out of time."""
    pool, door = pass_by
    bounded = pool.bounded(1)
    for _ in range(3):
        assert bounded.submit(tasks.divide, 1, 0).exception(TIME_LIMIT) is not None
        assert bounded.submit(tasks.same, threading.Lock()).exception(TIME_LIMIT) is not None
        held = bounded.submit(tasks.pass_gate, door.handle)
        assert held.cancel()
        with pytest.raises(TypeError, match="fn must be a callable"):
            bounded.submit(5)  # type: ignore[arg-type]
    late = bounded.with_options(timeout=0.05)
    assert isinstance(late.submit(_endless).exception(TIME_LIMIT), TimeoutError)
    assert late.submit(tasks.same, 2).result(TIME_LIMIT) == 2


def _endless() -> None:
    while True:
        pass


def test_options_and_groups_share_the_bound(
    pass_by: tuple[InterpreterPoolExecutor, Gate],
) -> None:
    """Of one bounded executor; another one has a bound of its own."""
    pool, door = pass_by
    bounded = pool.bounded(2)
    named = bounded.with_options(name="held")
    held = [each.submit(tasks.pass_gate, door.handle) for each in (bounded, named)]
    others = pool.bounded(1)
    door.await_knocks(2)
    other = others.submit(tasks.same, 3)
    begun = threading.Event()

    def group() -> int:
        with bounded.group() as calls:
            begun.set()
            return calls.submit(tasks.same, 4).result()

    thread = start(group)
    assert begun.wait(TIME_LIMIT)
    assert thread.is_alive()
    door.open()
    finish(thread)
    assert other.result(TIME_LIMIT) == 3
    assert [each.result(TIME_LIMIT) for each in held] == [None, None]


def test_maps_are_not_bounded(pool: InterpreterPoolExecutor) -> None:
    """A map has a `buffersize`; it goes the ordinary way, without a call for each item."""
    bounded = pool.bounded(1)
    before = pool.stats().submitted
    assert [*bounded.map(tasks.same, range(1000), chunksize=100)] == [*range(1000)]
    assert pool.stats().submitted - before <= 10


class Counting(InterpreterPoolExecutor):
    """An executor with a `submit` of its own."""

    count = 0

    def submit(self, *call: Any, **options: Any) -> Any:
        """Count the call."""
        type(self).count += 1
        return super().submit(*call, **options)


def test_a_submit_of_the_programs_is_called() -> None:
    """By the bounded one, and by its maps."""
    with Counting(1) as pool:
        bounded = pool.bounded(2)
        assert isinstance(bounded, Counting)
        assert type(bounded).__name__ == "Counting"
        assert bounded.bounded(5).submit(tasks.same, 1).result(TIME_LIMIT) == 1
        assert [*bounded.map(tasks.same, [1, 2])] == [1, 2]
    assert type(bounded).count + Counting.count >= 3


def test_the_end_of_the_pool_ends_the_waiting(
    pass_by: tuple[InterpreterPoolExecutor, Gate],
) -> None:
    """RuntimeError, as from `submit`."""
    pool, door = pass_by
    bounded = pool.bounded(1)
    bounded.submit(tasks.pass_gate, door.handle)
    door.await_knocks(1)
    errors: list[BaseException] = []

    def produce() -> None:
        try:
            bounded.submit(tasks.same, 1)
        except RuntimeError as error:
            errors.append(error)

    threads = [start(produce) for _ in range(3)]
    pool.shutdown(wait=False)
    door.open()
    for each in threads:
        finish(each)
    assert all("after shutdown" in str(each) for each in errors)
    with pytest.raises(RuntimeError, match="after shutdown"):
        bounded.submit(tasks.same, 2)


def test_ctrl_c_interrupts_the_waiting(pass_by: tuple[InterpreterPoolExecutor, Gate]) -> None:
    """The executor is as it was before."""
    pool, door = pass_by
    bounded = pool.bounded(1)
    held = bounded.submit(tasks.pass_gate, door.handle)
    door.await_knocks(1)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        bounded.submit(tasks.same, 1)
    timer.join()
    door.open()
    held.result(TIME_LIMIT)
    assert bounded.submit(tasks.same, 2).result(TIME_LIMIT) == 2


def test_wrong_bounds_are_refused(pool: InterpreterPoolExecutor) -> None:
    """By errors that name the argument."""
    for wrong in ("5", None, 1.5, True):
        with pytest.raises(TypeError, match="max_pending must be an int, got"):
            pool.bounded(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_pending must be > 0, got 0"):
        pool.bounded(0)


def test_many_producers_lose_no_room() -> None:
    """Ten threads share a bound of two."""
    results: list[int] = []

    def produce(first: int) -> None:
        results.extend(bounded.submit(tasks.same, first + n).result(TIME_LIMIT) for n in range(20))

    with InterpreterPoolExecutor(2) as pool:
        bounded = pool.bounded(2)
        threads = [start(produce, 100 * n) for n in range(10)]
        for each in threads:
            finish(each)
    assert len(results) == 200
    # The pool has ended, and so all callbacks have run.
    assert bounded._pending._count == 0  # type: ignore[attr-defined]  # of the class that it has


def test_a_bounded_executor_keeps_no_pool_alive() -> None:
    """The classes are kept, and nothing else."""
    with InterpreterPoolExecutor(1) as pool:
        bounded = pool.bounded(1)
        assert bounded.submit(tasks.same, 1).result(TIME_LIMIT) == 1
        assert type(pool.bounded(2)) is type(bounded)
    del pool, bounded
    gc.collect()


def test_a_forked_child_can_take_the_lock() -> None:
    """The one that its parent held is replaced."""
    pending = Pending(1)
    pending._lock.acquire()
    pending.renew_lock()
    finish(start(pending.begin))
    assert pending._count == 1
