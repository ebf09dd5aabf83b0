"""Broadcasts that are cancelled: before they begin, while they run, when they are done."""

from concurrent.futures import wait

import shielded
import stoppable
from gates import Gate, gate
from interpexec import InterpreterPoolExecutor
from stops import TIME_LIMIT, Pipe, await_sleep, pool_of


def test_a_broadcast_can_be_cancelled(begun: Pipe, told: Pipe) -> None:
    """A cancelled broadcast is interrupted, and its worker is replaced."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert future.cancelled()
        assert wait([future], 0).done == {future}
        assert told.hear(13) == b"TaskCancelled"
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where


def test_a_worker_that_sleeps_takes_no_call_after_a_stopped_broadcast(begun: Pipe) -> None:
    """The stopped broadcast has changed something by half; the next call must not find that."""
    with pool_of(1) as pool:
        for _ in range(10):
            where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
            (future,) = pool.broadcast(stoppable.spin, begun.writer)
            begun.hear()
            await_sleep(pool)
            assert future.cancel()
            assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where


def test_the_worker_is_replaced_after_its_call(begun: Pipe, told: Pipe, door: Gate) -> None:
    """The call beside a broadcast that was cancelled comes to its end, with its result."""
    with pool_of(1) as pool:
        running = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        begun.hear()
        (where,) = pool.broadcast(stoppable.interpreter)
        (future,) = pool.broadcast(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(13) == b"TaskCancelled"
        assert not running.done()
        next_one = pool.submit(stoppable.interpreter)
        door.open()
        assert running.result(TIME_LIMIT) == "end"
        assert next_one.result(TIME_LIMIT) != where.result(TIME_LIMIT)


def test_a_cancelled_broadcast_that_has_not_begun_never_runs(
    begun: Pipe, told: Pipe, door: Gate
) -> None:
    """However many there are; the others run, and the worker stays."""
    count = 3000
    with pool_of(1) as pool, gate() as other_door:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        pool.submit(stoppable.block_in_read, (begun.writer, other_door.handle[1]))
        pool.broadcast(stoppable.knock_and_pass, (begun.writer, door.handle[1]))
        begun.hear(2)
        futures = [pool.broadcast(stoppable.note, told.writer)[0] for _ in range(count)]
        (last,) = pool.broadcast(stoppable.same, 5)
        assert all(future.cancel() for future in futures)
        assert "block_in_read" in pool.dump_stacks(TIME_LIMIT)  # the orders have been heard
        (after,) = pool.broadcast(stoppable.interpreter)
        door.open()
        assert last.result(TIME_LIMIT) == 5
        assert after.result(TIME_LIMIT) == where
        other_door.open()
    assert told.rest() == b""


def test_a_broadcast_never_delays_a_cancel(begun: Pipe, told: Pipe) -> None:
    """While one runs for ever, and others wait behind it, a call is stopped."""
    with pool_of(1) as pool:
        running = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        futures = pool.broadcast(stoppable.spin, begun.writer)
        begun.hear()
        futures += pool.broadcast(stoppable.same, 1)
        assert running.cancel()
        assert told.hear(13) == b"TaskCancelled"
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5
        assert all(future.cancel() for future in futures)


def test_a_worker_that_ends_before_cancels_it(begun: Pipe) -> None:
    """A broadcast that an initializer's failure overtakes."""
    with pool_of(
        1, initializer=stoppable.spin_until, initargs=(begun.writer, begun.reader)
    ) as pool:
        # The initializer spins until there is something in its own pipe: at once.
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
    assert begun.rest() == b"!"
    pool = InterpreterPoolExecutor(1, initializer=stoppable.spin, initargs=(begun.writer,))
    pool.submit(stoppable.same, 1)
    begun.hear()
    futures = pool.broadcast(stoppable.same, 1)
    pool.terminate_workers()
    assert all(future.cancelled() for future in futures)


def test_cancel_running_false_holds_for_broadcasts(begun: Pipe, door: Gate) -> None:
    """A running broadcast is not stopped then, and `cancel()` says so."""
    with pool_of(1, cancel_running=False) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.spin_until, begun.writer, door.handle[1], "end")
        begun.hear()
        assert not future.cancel()
        door.open()
        assert future.result(TIME_LIMIT) == "end"


def test_cancelling_a_finished_broadcast_is_false() -> None:
    """As for calls; twice is True again."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        (future,) = pool.broadcast(stoppable.same, 5)
        assert future.result(TIME_LIMIT) == 5
        assert not future.cancel()


def test_current_task_in_a_broadcast(begun: Pipe, told: Pipe) -> None:
    """A broadcast is a task of its own: it sees its own cancelling, and may shield itself."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        assert pool.broadcast(shielded.task_here)[0].result(TIME_LIMIT) == (True, False)
        (future,) = pool.broadcast(shielded.poll_shielded, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(3) == b"ucf"
