"""`with_options(priority=..., name=...)`: the order of the calls that wait, and their names."""

from functools import partial
from random import Random

import pytest

import tasks
from gates import TIME_LIMIT, Gate, gated
from interpexec import InterpreterPoolExecutor
from interpexec._pool.call_table import CallTable
from interpexec._pool.future import CallFuture

pytestmark = pytest.mark.fast


def test_calls_of_a_higher_priority_begin_earlier() -> None:
    """The others keep their order; a call that was sent already is not reordered."""
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        held = pool.submit(tasks.pass_gate, gate.handle)
        gate.await_knocks(1)
        ahead = pool.submit(tasks.keep, "ahead")  # it was sent, next to run
        for priority, name in [(0, "a"), (1, "b"), (-1, "c"), (5, "d"), (1, "e"), (0, "f")]:
            pool.with_options(priority=priority).submit(tasks.keep, name)
        gate.let_in()
        held.result(TIME_LIMIT)
        ahead.result(TIME_LIMIT)
        kept = pool.with_options(priority=-9).submit(eval, "__import__('tasks').kept")
        assert kept.result(TIME_LIMIT) == ["ahead", "d", "b", "e", "a", "f", "c"]


def test_a_map_has_a_priority() -> None:
    """Its calls go before those that wait."""
    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        held = pool.submit(tasks.pass_gate, gate.handle)
        gate.await_knocks(1)
        pool.submit(tasks.keep, "ahead")
        low = [pool.submit(tasks.keep, n) for n in range(3)]
        results = pool.with_options(priority=1).map(tasks.keep, "xy", chunksize=2)
        gate.let_in()
        held.result(TIME_LIMIT)
        list(results)
        for each in low:
            each.result(TIME_LIMIT)
        kept = pool.submit(eval, "__import__('tasks').kept").result(TIME_LIMIT)
    assert kept == ["ahead", "x", "y", 0, 1, 2]


def test_the_backlog_is_ordered_by_priority_and_then_by_time() -> None:
    """Calls that come, and calls that are put back."""
    random = Random(3)
    table = CallTable()
    for number in range(300):
        future: CallFuture[object] = CallFuture(number, None, None)
        future._priority = random.choice([0, 0, 0, 1, -2, 7])
        table.enqueue(future)
        if random.random() < 0.3:
            table._put_back(table.backlog.popleft())
    order = [(-each._priority, each._call_id) for each in table.backlog]
    assert order == sorted(order)


def test_a_call_has_the_name_that_it_is_given(
    pass_by: tuple[InterpreterPoolExecutor, Gate],
) -> None:
    """In `workers()`, and in the error of its limit; None takes it away."""
    pool, door = pass_by
    view = pool.with_options(name="load users", timeout=0.05)
    error = view.submit(tasks.pass_gate, door.handle).exception(TIME_LIMIT)
    assert "load users was stopped: it ran for more than 0.05 s" in str(error)
    named = view.with_options(timeout=None)
    call = named.submit(tasks.pass_gate, door.handle)
    door.await_knocks(2)
    assert "load users" in {each.function for each in pool.workers()}
    door.open()
    call.result(TIME_LIMIT)
    assert repr(named).endswith("name='load users'>")
    assert "name" not in repr(named.with_options(name=None))


def test_a_view_tells_its_options() -> None:
    """The repr has the options that are not the ordinary ones."""
    with InterpreterPoolExecutor(1) as pool:
        view = pool.with_options(retries=2, retry_on=(OSError, KeyError), priority=-1, timeout=1.5)
        text = "timeout=1.5, retries=2, retry_on=OSError|KeyError, priority=-1>"
        assert repr(view).endswith(text)
        assert view.with_options()._options == view._options
        ordinary = view.with_options(retries=0, retry_on=Exception, priority=0, timeout=None)
        assert ordinary._options is None
