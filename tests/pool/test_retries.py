"""`with_options(retries=...)`: a call that fails is run again, and its last error tells of all."""

import os
from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import pytest

import sizing_tasks
import tasks
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, NotShareableError, SharedBuffer, WorkerLostError
from interpexec.sharing import Handle


class FlakyError(Exception):
    """An error that a test has asked for."""


def fail_at_first(runs: SharedBuffer, failures: int, error: Exception | None = None) -> int:
    """Count the runs in shared memory, and fail as often as asked for; return their number."""
    with runs.cast("q") as count:
        count[0] += 1
        number = count[0]
    if number <= failures:
        raise error or FlakyError(number)
    return number


@pytest.fixture
def runs() -> Iterator[SharedBuffer]:
    """Return memory in which runs are counted."""
    with SharedBuffer(8) as made:
        yield made


def number_of(runs: SharedBuffer) -> int:
    """Return how many runs there were."""
    with runs.cast("q") as count:
        return count[0]


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_a_call_that_fails_is_run_again(
    pool: InterpreterPoolExecutor, runs: SharedBuffer, failures: int
) -> None:
    """Until it succeeds; nobody hears of the failures."""
    future = pool.with_options(retries=3).submit(fail_at_first, runs, failures)
    assert future.result(TIME_LIMIT) == failures + 1
    assert number_of(runs) == failures + 1


def test_the_last_error_tells_of_the_others(
    pool: InterpreterPoolExecutor, runs: SharedBuffer
) -> None:
    """A note for each attempt before it."""
    future = pool.with_options(retries=2).submit(fail_at_first, runs, 9)
    error = future.exception(TIME_LIMIT)
    assert isinstance(error, FlakyError)
    assert error.args == (3,)
    assert error.__notes__ == ["attempt 1 of 3: FlakyError: 1", "attempt 2 of 3: FlakyError: 2"]
    assert number_of(runs) == 3


@pytest.mark.parametrize(
    ("retry_on", "error", "count"),
    [
        (KeyError, KeyError("a"), 3),
        (LookupError, KeyError("a"), 3),
        ((OSError, KeyError), KeyError("a"), 3),
        (OSError, KeyError("a"), 1),
        ((), KeyError("a"), 1),
    ],
)
def test_only_some_errors_are_a_reason(
    pool: InterpreterPoolExecutor,
    runs: SharedBuffer,
    retry_on: Any,
    error: Exception,
    count: int,
) -> None:
    """The classes in `retry_on`, and their subclasses."""
    view = pool.with_options(retries=2, retry_on=retry_on)
    assert isinstance(view.submit(fail_at_first, runs, 9, error).exception(TIME_LIMIT), KeyError)
    assert number_of(runs) == count


def count_and_return_lock(runs: SharedBuffer) -> object:
    """Return something that cannot be sent."""
    fail_at_first(runs, 0)
    return tasks.threading.Lock()


def test_a_result_that_cannot_be_sent_is_no_reason(
    pool: InterpreterPoolExecutor, runs: SharedBuffer
) -> None:
    """Unless that is asked for: it would come again."""
    view = pool.with_options(retries=2)
    error = view.submit(count_and_return_lock, runs).exception(TIME_LIMIT)
    assert isinstance(error, NotShareableError)
    assert number_of(runs) == 1
    view = view.with_options(retry_on=NotShareableError)
    view.submit(count_and_return_lock, runs).exception(TIME_LIMIT)
    assert number_of(runs) == 4


def block_at_first(runs: SharedBuffer) -> int:
    """Run for ever when this runs for the first time."""
    number = fail_at_first(runs, 0)
    while number == 1:
        pass
    return number


def test_a_call_that_is_out_of_time_is_run_again(runs: SharedBuffer) -> None:
    """By another worker; each attempt has all the time."""
    with InterpreterPoolExecutor(1) as pool:
        view = pool.with_options(timeout=1, retries=1)
        assert view.submit(block_at_first, runs).result(TIME_LIMIT) == 2


def break_worker_at_first(runs: SharedBuffer) -> int:
    """Break the worker when this runs for the first time."""
    number = fail_at_first(runs, 0)
    return sizing_tasks.break_worker_at(1, number)


def test_a_call_whose_worker_is_lost_is_run_again(runs: SharedBuffer) -> None:
    """By another worker; without retries it has WorkerLostError."""
    with InterpreterPoolExecutor(1) as pool:
        view = pool.with_options(retries=1)
        assert view.submit(break_worker_at_first, runs).result(TIME_LIMIT) == 2
        with runs.cast("q") as count:
            count[0] = 0
        error = pool.submit(break_worker_at_first, runs).exception(TIME_LIMIT)
        assert isinstance(error, WorkerLostError)


def test_a_call_can_be_cancelled_between_two_attempts(
    pass_by: tuple[InterpreterPoolExecutor, Gate], runs: SharedBuffer
) -> None:
    """The call waits in the backlog then, behind those that came meanwhile."""
    pool, door = pass_by
    view = pool.with_options(retries=1000)
    future = view.submit(fail_at_first, runs, 10**9)
    held = [pool.submit(tasks.pass_gate, door.handle) for _ in range(3)]
    door.await_knocks(2)
    assert future.cancel()
    door.open()
    for each in held:
        each.result(TIME_LIMIT)
    before = number_of(runs)
    with pytest.raises(CancelledError):
        future.result(TIME_LIMIT)
    pool.submit(tasks.same, 1).result(TIME_LIMIT)
    assert number_of(runs) == before


@pytest.mark.parametrize("wait", [True, False])
def test_an_accepted_call_is_run_again_after_shutdown(
    runs: SharedBuffer, door: Gate, wait: bool
) -> None:
    """The pool ends when the last attempt has."""
    pool = InterpreterPoolExecutor(1)
    held = pool.submit(tasks.pass_gate, door.handle)
    future = pool.with_options(retries=5).submit(fail_at_first, runs, 3)
    door.await_knocks(1)
    pool.shutdown(wait=False)
    door.open()
    if wait:
        pool.shutdown()
    assert future.result(TIME_LIMIT) == 4
    held.result(TIME_LIMIT)
    pool.shutdown()


@pytest.mark.parametrize("end", ["cancel_futures", "terminate"])
def test_a_pool_that_cancels_runs_nothing_again(runs: SharedBuffer, door: Gate, end: str) -> None:
    """A call that fails after that is finished, or cancelled."""
    pool = InterpreterPoolExecutor(1)
    view = pool.with_options(retries=10**6)
    future = view.submit(pass_gate_and_count, door.handle, runs)
    door.await_knocks(1)
    if end == "terminate":
        door.open()
        pool.terminate_workers()
    else:
        pool.shutdown(wait=False, cancel_futures=True)
        door.open()
        pool.shutdown()
    assert future.done()
    assert number_of(runs) <= 1 or end == "terminate"


def pass_gate_and_count(handle: Any, runs: SharedBuffer) -> None:
    """Wait at a gate, and fail."""
    tasks.pass_gate(handle)
    fail_at_first(runs, 10**9)


METHODS = "map", "imap_unordered", "outcomes"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_items_of_maps_are_run_again(
    pool: InterpreterPoolExecutor, runs: SharedBuffer, method: str
) -> None:
    """Each item is a call of its own."""
    view = pool.with_options(retries=3)
    found = list(getattr(view, method)(partial(fail_at_third_item, runs), range(5)))
    if method == "outcomes":
        assert all(each.ok for each in found)
        found = [each.value for each in found]
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert number_of(runs) == 3


def fail_at_third_item(runs: SharedBuffer, item: int) -> int:
    """Fail twice for one of the items."""
    if item == 2:
        fail_at_first(runs, 2)
    return item


def test_an_outcome_tells_of_all_attempts(
    pool: InterpreterPoolExecutor, runs: SharedBuffer
) -> None:
    """The item is named behind them."""
    (outcome,) = pool.with_options(retries=1).outcomes(partial(fail_at_first, runs), [9])
    assert outcome.error is not None
    assert outcome.error.__notes__[0] == "attempt 1 of 2: FlakyError: 1"
    assert outcome.error.__notes__[1].startswith("item 0 of the map: ")


def read_and_fail_at_first(handle: Handle, runs: SharedBuffer) -> int:
    """Use a descriptor in each run."""
    os.write(handle.fileno(), b"!")
    return fail_at_first(runs, 2)


def test_descriptors_are_sent_again(pool: InterpreterPoolExecutor, runs: SharedBuffer) -> None:
    """Each attempt gets its own duplicate."""
    reader, writer = os.pipe()
    try:
        view = pool.with_options(retries=2)
        assert view.submit(read_and_fail_at_first, Handle(writer), runs).result(TIME_LIMIT) == 3
        assert os.read(reader, 10) == b"!!!"
    finally:
        os.close(reader)
        os.close(writer)


def test_an_argument_that_can_be_sent_only_once_is_refused(pool: InterpreterPoolExecutor) -> None:
    """With the reason, before it is run."""
    from interpexec import create_channel

    receiver, sender = create_channel()
    with receiver, sender:
        future = pool.with_options(retries=1).submit(tasks.same, receiver)
        error = future.exception(TIME_LIMIT)
    assert error is None or "only once" in str(error)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"retries": -1}, ValueError, "retries must be >= 0, got -1"),
        ({"retries": 1.5}, TypeError, "retries must be an int, got 1.5"),
        ({"retries": True}, TypeError, "retries must be an int"),
        ({"retry_on": 3}, TypeError, "retry_on must be an exception class, or a tuple"),
        ({"retry_on": [OSError]}, TypeError, "retry_on must be"),
        ({"retry_on": (OSError, int)}, TypeError, "retry_on must be"),
        ({"name": 3}, TypeError, "name must be a str or None, got 3"),
        ({"priority": "high"}, TypeError, "priority must be an int, got 'high'"),
        ({"priority": 0.5}, TypeError, "priority must be an int"),
    ],
)
def test_bad_options_are_refused_at_once(
    options: dict[str, Any], error: type[Exception], match: str
) -> None:
    """With the name and the value of the argument."""
    with InterpreterPoolExecutor(1) as pool, pytest.raises(error, match=match):
        pool.with_options(**options)
