"""The executor that `with_options()` returns: a view of a pool, with options of its own."""

from concurrent.futures import Executor, ThreadPoolExecutor, wait

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from stops import TIME_LIMIT, Pipe, pool_of, shut_down

SOON = 0.2


def test_a_view_is_an_executor() -> None:
    """A view passes the checks that the pool passes, and has its methods."""
    with pool_of(1) as pool:
        view = pool.with_options(timeout=TIME_LIMIT)
        assert isinstance(view, InterpreterPoolExecutor)
        assert isinstance(view, ThreadPoolExecutor)
        assert isinstance(view, Executor)
        assert view is not pool
        assert view.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert [info.state for info in view.workers()]
        assert view._max_workers == pool._max_workers


def test_the_pool_itself_is_not_changed(begun: Pipe, door: Gate) -> None:
    """Only what is submitted by the view is limited."""
    with pool_of(1) as pool:
        pool.with_options(timeout=SOON)
        future = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        assert wait([future], 2 * SOON).done == set()
        door.open()
        assert future.result(TIME_LIMIT) == "end"


@pytest.mark.slow
def test_a_view_of_a_view(begun: Pipe, door: Gate) -> None:
    """The last one says; None takes the limit away."""
    with pool_of(1) as pool:
        view = pool.with_options(timeout=TIME_LIMIT).with_options(timeout=SOON)
        assert isinstance(
            view.submit(stoppable.spin, begun.writer).exception(TIME_LIMIT), TimeoutError
        )
        free = view.with_options(timeout=None)
        future = free.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        assert wait([future], 2 * SOON).done == set()
        door.open()
        assert future.result(TIME_LIMIT) == "end"


def test_options_that_are_not_named_stay(begun: Pipe) -> None:
    """`with_options()` without arguments changes nothing."""
    with pool_of(1) as pool:
        view = pool.with_options(timeout=SOON).with_options()
        future = view.submit(stoppable.spin, begun.writer)
        assert wait([future], TIME_LIMIT).done == {future}
        assert isinstance(future.exception(0), TimeoutError)


def test_shutdown_of_a_view_is_that_of_the_pool() -> None:
    """`shutdown()` of a view, or the end of its `with` block, ends the pool."""
    pool = InterpreterPoolExecutor(1)
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    with pool.with_options(timeout=TIME_LIMIT) as view:
        assert view.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    for each in (pool, view, pool.with_options(timeout=3)):
        with pytest.raises(RuntimeError, match="after shutdown"):
            each.submit(stoppable.same, 1)


def test_dropping_a_view_does_not_end_the_pool() -> None:
    """Views come and go."""
    with pool_of(1) as pool:
        for _ in range(50):
            view = pool.with_options(timeout=TIME_LIMIT)
            assert view.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
            del view


def test_a_view_keeps_the_pool_alive() -> None:
    """A program that holds only the view can go on submitting."""
    view = InterpreterPoolExecutor(1).with_options(timeout=TIME_LIMIT)
    for number in range(5):
        assert view.submit(stoppable.same, number).result(TIME_LIMIT) == number
    shut_down(view)


def test_submit_steals_no_keyword() -> None:
    """`timeout=` and others are the callee's."""
    with pool_of(1) as pool:
        future = pool.with_options(timeout=TIME_LIMIT).submit(
            dict, timeout=1, fn=2, self=3, chunksize=4, limit=5, name=6
        )
        assert future.result(TIME_LIMIT) == {
            "timeout": 1,
            "fn": 2,
            "self": 3,
            "chunksize": 4,
            "limit": 5,
            "name": 6,
        }


def test_options_are_keywords() -> None:
    """Neither by position nor unknown ones."""
    with pool_of(1) as pool:
        with pytest.raises(TypeError):
            pool.with_options(5)
        with pytest.raises(TypeError):
            pool.with_options(timeouts=5)
