"""`dump_stacks()`: the Python stacks of the running calls, whatever these do."""

import math
import threading
from pathlib import Path
from time import monotonic

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from stops import TIME_LIMIT, Pipe, finish, pool_of, shut_down, start


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
