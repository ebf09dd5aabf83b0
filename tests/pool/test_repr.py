"""`repr(pool)`: the state of a pool in one line."""

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from stops import TIME_LIMIT, Pipe, pool_of, shut_down


def test_a_pool_tells_its_state(begun: Pipe, door: Gate) -> None:
    """Its name, how many workers it has, how many calls are not settled, and what has ended it."""
    pool = InterpreterPoolExecutor(3, "Name")
    assert repr(pool) == "<InterpreterPoolExecutor Name: 0 of 3 workers, 0 calls>"
    future = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
    begun.hear()
    assert repr(pool) == "<InterpreterPoolExecutor Name: 1 of 3 workers, 1 calls>"
    assert repr(pool.with_options(timeout=1.5)).endswith(", 1 calls, timeout=1.5>")
    door.open()
    future.result(TIME_LIMIT)
    shut_down(pool)
    assert repr(pool) == "<InterpreterPoolExecutor Name: shut down, 0 of 3 workers, 0 calls>"


def test_a_pool_tells_that_it_is_broken() -> None:
    """A broken pool says so, also when it is shut down after that."""
    with pool_of(1, initializer=stoppable.fail_with, initargs=(1,)) as pool:
        assert pool.submit(stoppable.same, 1).exception(TIME_LIMIT) is not None
        assert ": broken, " in repr(pool)
    assert ": broken, " in repr(pool)


def test_a_pool_whose_making_has_failed_has_a_repr() -> None:
    """Tracebacks with variables show it."""
    pool = InterpreterPoolExecutor.__new__(InterpreterPoolExecutor)
    assert repr(pool).startswith("<interpexec.executor.InterpreterPoolExecutor object at")
