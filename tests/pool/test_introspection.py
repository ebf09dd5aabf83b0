"""Looking at running calls: `workers`, `dump_stacks`, and the call's own `current_task`."""

import math
import threading
from pathlib import Path
from time import monotonic

import pytest

import shielded
import stoppable
from gates import Gate, gate
from interpexec import InterpreterPoolExecutor, current_task
from leftovers import interpreters
from stops import TIME_LIMIT, Pipe, finish, pool_of, shut_down, start


def await_states(pool: InterpreterPoolExecutor, *states: str) -> None:
    """Return when the workers are in these states."""
    end = monotonic() + TIME_LIMIT
    while sorted(info.state for info in pool.workers()) != sorted(states):
        assert monotonic() < end, pool.workers()


# -- workers ---------------------------------------------------------------------------


def test_there_are_no_workers_before_the_first_call() -> None:
    """Nor after the end."""
    pool = InterpreterPoolExecutor(2)
    assert pool.workers() == []
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    assert len(pool.workers()) == 1
    shut_down(pool)
    assert pool.workers() == []


def test_what_a_worker_tells(begun: Pipe, door: Gate) -> None:
    """A `WorkerInfo` has interpreter, thread and state; the call and its time; a count of calls."""
    with pool_of(1, "Name") as pool:
        for number in range(3):
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        await_states(pool, "idle")
        (info,) = pool.workers()
        assert isinstance(info, tuple)
        assert info._fields == (
            *("interpreter_id", "thread_name", "state", "function", "seconds", "calls", "index"),
        )
        assert type(info).__name__ == "WorkerInfo"
        assert info == (where, info.thread_name, "idle", None, None, 4, 0)
        assert info.thread_name.startswith("Name")
        assert info.thread_name in {thread.name for thread in threading.enumerate()}
        begin = monotonic()
        future = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
        begun.hear()
        (first,), (second,) = pool.workers(), pool.workers()
        assert (first.state, first.function) == ("running", "spin_until")
        assert first.calls == 4
        assert first.seconds is not None
        assert second.seconds is not None
        assert 0 <= first.seconds <= second.seconds <= monotonic() - begin
        door.open()
        assert future.result(TIME_LIMIT) is None
        await_states(pool, "idle")
        assert pool.workers()[0].calls == 5


def test_a_worker_that_is_being_made(begun: Pipe, door: Gate) -> None:
    """A worker is "starting" until its initializer has run."""
    with pool_of(
        1, initializer=stoppable.spin_until, initargs=(begun.writer, door.handle[1])
    ) as pool:
        future = pool.submit(stoppable.same, 1)
        assert pool.workers()[0].state == "starting"
        begun.hear()
        (info,) = pool.workers()
        assert info.state == "starting"
        assert info.calls == 0
        assert info.interpreter_id in interpreters()
        door.open()
        assert future.result(TIME_LIMIT) == 1
        await_states(pool, "idle")


def test_a_worker_that_leaves(begun: Pipe, door: Gate) -> None:
    """One whose call was stopped and does not end: what it runs is still told."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        await_states(pool, "idle", "leaving")
        leaving = next(info for info in pool.workers() if info.state == "leaving")
        assert leaving.function == "block_in_lock"
        assert leaving.seconds is not None
        door.open()
        await_states(pool, "idle")


def test_several_workers(begun: Pipe, door: Gate) -> None:
    """Each for itself."""
    with pool_of(3) as pool:
        futures = [
            pool.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(3)
        ]
        begun.hear(3)
        infos = pool.workers()
        assert [info.state for info in infos] == ["running"] * 3
        assert len({info.interpreter_id for info in infos}) == 3
        assert len({info.thread_name for info in infos}) == 3
        door.open()
        assert [future.result(TIME_LIMIT) for future in futures] == [None] * 3


@pytest.mark.parametrize("chunksize", [1, 2])
def test_the_function_of_a_map(chunksize: int, begun: Pipe, door: Gate) -> None:
    """The function that is named is the user's, also in chunks."""
    with pool_of(1) as pool:
        results = pool.map(
            stoppable.spin_until, [begun.writer] * 2, [door.handle[1]] * 2, chunksize=chunksize
        )
        begun.hear()
        assert pool.workers()[0].function == "spin_until"
        door.open()
        assert list(results) == [None, None]


def test_asking_all_the_time() -> None:
    """While workers come, run, are stopped and go: every answer makes sense."""
    stop = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        while not stop.is_set():
            for info in pool.workers():
                fits = {
                    "starting": info.calls == 0,
                    "idle": info.function is None and info.seconds is None,
                    "running": info.seconds is not None and 0 <= info.seconds < 60,
                    "leaving": True,
                }
                if not fits.get(info.state):
                    wrong.append(info)

    with pool_of(2, max_tasks_per_child=3) as pool:
        asking = start(ask)
        try:
            for number in range(60):
                future = pool.submit(stoppable.count_to, 10_000 * (number % 5))
                if number % 4 == 0:
                    future.cancel()
            assert list(pool.map(stoppable.same, range(20))) == list(range(20))
        finally:
            stop.set()
            finish(asking)
    assert wrong == []


# -- dump_stacks --------------------------------------------------------------------------


def line_of(word: str) -> int:
    """Return the number of the first line of `stoppable.py` with these words."""
    lines = Path(stoppable.__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if word in line)


def test_the_stack_of_a_running_call(begun: Pipe, told: Pipe, door: Gate) -> None:
    """Functions, files, lines, source, the innermost at the end; the call goes on."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.block_in_read, (begun.writer, door.handle[1]))
        begun.hear()
        text = pool.dump_stacks(TIME_LIMIT)
        assert "block_in_read" in text
        assert f'File "{stoppable.__file__}", line {line_of("knock_and(knocker, partial")}' in text
        assert "knock_and(knocker, partial(os.read, entrance, 1))" in text
        assert text.index("in block_in_read") < text.index("in knock_and")
        assert "_worker/main.py" not in text
        door.open()
        assert future.result(TIME_LIMIT) == "through"


def test_the_stack_of_a_busy_call(begun: Pipe, door: Gate) -> None:
    """Python code that never waits is seen, too; of each worker."""
    with pool_of(2) as pool:
        futures = [
            pool.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(2)
        ]
        begun.hear(2)
        end = monotonic() + TIME_LIMIT
        while "while not select.select" not in (text := pool.dump_stacks(TIME_LIMIT)):
            assert monotonic() < end, text  # it has knocked, and comes to the loop
        assert text.count("in spin_until") == 2
        assert all(info.thread_name in text for info in pool.workers())
        door.open()
        assert [future.result(TIME_LIMIT) for future in futures] == [None, None]


def test_the_stack_of_what_runs_in_a_chunk(begun: Pipe, door: Gate) -> None:
    """Only the user's frames."""
    with pool_of(1) as pool:
        results = pool.map(
            stoppable.spin_until, [begun.writer] * 2, [door.handle[1]] * 2, chunksize=2
        )
        begun.hear()
        text = pool.dump_stacks(TIME_LIMIT)
        assert "in spin_until" in text
        assert "_map/chunk.py" not in text
        door.open()
        assert list(results) == [None, None]


def test_the_stack_of_a_lambda(begun: Pipe, door: Gate) -> None:
    """A function by value has its lines as well."""
    with pool_of(1) as pool:
        call = lambda writer, reader: __import__("stoppable").spin_until(writer, reader)  # noqa: E731
        future = pool.submit(call, begun.writer, door.handle[1])
        begun.hear()
        text = pool.dump_stacks(TIME_LIMIT)
        assert "<lambda>" in text
        assert __file__ in text
        door.open()
        assert future.result(TIME_LIMIT) is None


def test_the_stack_of_a_cancelled_call_that_stays(begun: Pipe, door: Gate) -> None:
    """To find out where it hangs."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert future.cancel()
        assert "in block_in_lock" in pool.dump_stacks(TIME_LIMIT)
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert "in block_in_lock" in pool.dump_stacks(TIME_LIMIT)
        door.open()


def test_the_stack_of_an_initializer(begun: Pipe, door: Gate) -> None:
    """A pool that does not get ready can be looked at."""
    with pool_of(
        1, initializer=stoppable.spin_until, initargs=(begun.writer, door.handle[1])
    ) as pool:
        future = pool.submit(stoppable.same, 1)
        begun.hear()
        assert "in spin_until" in pool.dump_stacks(TIME_LIMIT)
        door.open()
        assert future.result(TIME_LIMIT) == 1


def test_there_is_no_stack_where_nothing_runs() -> None:
    """Before, between, after: no frames, and no waiting."""
    pool = InterpreterPoolExecutor(1)
    assert "File" not in pool.dump_stacks()
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    assert "File" not in pool.dump_stacks()
    shut_down(pool)
    assert "File" not in pool.dump_stacks()


def test_a_worker_that_cannot_answer(begun: Pipe, door: Gate) -> None:
    """C code that keeps the interpreter's lock: the text says so, in time."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.keep_the_lock, (begun.writer, door.handle[1]))
        begun.hear()
        begin = monotonic()
        text = pool.dump_stacks(0.05)
        took = monotonic() - begin
        assert "keep_the_lock" in text
        assert "no answer" in text
        assert took < TIME_LIMIT
        door.open()
        assert future.result(TIME_LIMIT) is None


@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (-1, ValueError), (math.nan, ValueError), ("1", TypeError)],
)
def test_a_wrong_time_to_wait_is_refused(value: float, error: type[Exception]) -> None:
    """Naming the argument."""
    with pool_of(1) as pool, pytest.raises(error, match="timeout"):
        pool.dump_stacks(value)


def test_dumping_all_the_time() -> None:
    """While calls run and are stopped, from several threads: always a text, never a hang."""
    stop = threading.Event()
    texts: list[str] = []

    def dump() -> None:
        while not stop.is_set():
            texts.append(pool.dump_stacks())

    with pool_of(2) as pool:
        dumping = [start(dump) for _ in range(2)]
        try:
            for number in range(40):
                future = pool.submit(stoppable.work, 500 * (number % 7))
                if number % 5 == 0:
                    future.cancel()
                elif number % 2:
                    assert future.result(TIME_LIMIT)[0] == 500 * (number % 7)
        finally:
            stop.set()
            for thread in dumping:
                finish(thread)
    assert texts


# -- current_task -----------------------------------------------------------------------------


def test_there_is_no_task_in_the_main_interpreter() -> None:
    """Neither in its main thread nor in another one."""
    assert current_task() is None
    found: list[object] = []
    finish(start(lambda: found.append(current_task())))
    assert found == [None]


def test_the_task_of_a_call() -> None:
    """A call has one, a thread that it starts has none."""
    with pool_of(1) as pool:
        assert pool.submit(shielded.task_here).result(TIME_LIMIT) == (True, False)
        assert not pool.submit(shielded.task_in_thread).result(TIME_LIMIT)
        assert pool.submit(shielded.task_here).result(TIME_LIMIT) == (True, False)
        assert list(pool.map(shielded.shield_in_passing, range(6), chunksize=3)) == list(range(6))


def test_a_shield_delays_the_interruption(begun: Pipe, told: Pipe) -> None:
    """`cancelled()` becomes True inside; TaskCancelled is raised at its end."""
    with pool_of(1) as pool:
        future = pool.submit(shielded.poll_shielded, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert future.cancelled()
        assert told.hear(3) == b"ucf"
    assert told.rest() == b""


def test_shields_can_be_nested(begun: Pipe, told: Pipe) -> None:
    """The end of the outermost one raises."""
    with pool_of(1) as pool:
        future = pool.submit(shielded.poll_nested, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(3) == b"ioc"
    assert told.rest() == b""


def test_a_shield_costs_nothing_else() -> None:
    """Values and exceptions pass; the next call is as any other."""
    with pool_of(1) as pool:
        assert pool.submit(shielded.shield_in_passing, 5).result(TIME_LIMIT) == 5
        error = pool.submit(shielded.fail_under_shield, LookupError(5)).exception(TIME_LIMIT)
        assert isinstance(error, LookupError)
        assert pool.submit(shielded.task_here).result(TIME_LIMIT) == (True, False)


def test_the_call_after_one_that_used_a_shield_can_be_stopped(begun: Pipe, told: Pipe) -> None:
    """Even if it never left the shield."""
    with pool_of(1) as pool:
        for function in (shielded.shield_in_passing, stoppable.same):
            pool.submit(function, 1).result(TIME_LIMIT)
        pool.submit(shielded.leave_shield_open).result(TIME_LIMIT)
        future = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(13) == b"TaskCancelled"


def test_only_the_calls_own_thread_may_use_the_shield() -> None:
    """RuntimeError elsewhere."""
    with pool_of(1) as pool:
        assert pool.submit(shielded.shield_elsewhere).result(TIME_LIMIT) == "RuntimeError"


def test_a_task_may_be_watched_from_another_thread(begun: Pipe, told: Pipe) -> None:
    """A thread of the call sees that it was cancelled."""
    with pool_of(1) as pool:
        future = pool.submit(shielded.watch_from_thread, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"t"


def test_a_time_limit_cancels_the_task_too(begun: Pipe, told: Pipe) -> None:
    """A time limit waits for the end of the shield to raise; the future does not wait."""
    # The module is imported before the call's time begins.
    with pool_of(1, initializer=shielded.task_here) as pool:
        future = pool.with_options(timeout=2).submit(
            shielded.poll_shielded, begun.writer, told.writer
        )
        assert isinstance(future.exception(TIME_LIMIT), TimeoutError)
        assert told.hear(3) == b"ucf"


def test_a_long_shield_costs_the_pool_no_width(begun: Pipe, told: Pipe) -> None:
    """A worker that stays in one is replaced after the grace, as one that is blocked."""
    with pool_of(1) as pool, gate() as door:
        future = pool.submit(shielded.stay_shielded, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5
        assert not told.has_word()
        door.open()
        assert told.hear() == b"u"
