"""`stats()`, `restart()` and `interpexec.run()`."""

import threading
from functools import partial
from typing import Any

import pytest

import interpexec
import tasks
from gates import TIME_LIMIT, Gate, gated
from interpexec import InterpreterPoolExecutor, PoolStats, WorkerStats, _default_pool

pytestmark = pytest.mark.fast


def endless() -> None:
    """Never return."""
    while True:
        pass


def test_calls_are_counted_by_their_ends(
    pass_by: tuple[InterpreterPoolExecutor, Gate],
) -> None:
    """Values, errors, cancelled calls, late ones and further attempts; broadcasts are none."""
    pool, door = pass_by
    assert pool.stats()[:11] == (0,) * 10 + (0.0,)
    assert pool.stats().by_worker == ()
    done = [pool.submit(tasks.same, n) for n in range(5)]
    failed = [pool.submit(tasks.divide, 1, 0) for _ in range(3)]
    tried = pool.with_options(retries=2).submit(tasks.divide, 1, 0)
    for each in [*done, *failed, tried]:
        each.exception(TIME_LIMIT)
    for each in pool.broadcast(tasks.divide, 1, 0):
        each.exception(TIME_LIMIT)
    late = pool.with_options(timeout=0.05).submit(endless)
    late.exception(TIME_LIMIT)
    held = [pool.submit(tasks.pass_gate, door.handle) for _ in range(2)]
    door.await_knocks(2)
    waiting = [pool.submit(tasks.same, 1) for _ in range(4)]
    assert waiting[3].cancel()
    stats = pool.stats()
    assert (stats.submitted, stats.pending, stats.done) == (16, 5, 5)
    assert (stats.failed, stats.cancelled, stats.timed_out) == (5, 1, 1)
    assert (stats.retried, stats.lost, stats.workers) == (2, 0, 2)
    assert stats.started >= 3
    assert 0 < stats.cpu_seconds < TIME_LIMIT
    door.open()
    for each in [*held, *waiting[:3]]:
        each.result(TIME_LIMIT)
    assert pool.stats().done == 10
    assert pool.stats().pending == 0


def _stats(**changed: float) -> PoolStats:
    """Return the statistics of 1,000 calls of 10 ms, with some of them changed."""
    counts = dict.fromkeys(PoolStats._fields, 0) | {"submitted": 1000, "done": 1000, "started": 2}
    times = {"cpu_seconds": 10.0, "other_cpu_seconds": 0.1, "seconds": 6.0, "by_worker": ()}
    return PoolStats(**(counts | times | changed))  # type: ignore[arg-type]  # each has its type


@pytest.mark.parametrize(
    ("changed", "begin"),
    [
        ({}, None),
        ({"cpu_seconds": 0.01}, "the calls are too short: 10 µs of CPU in the workers for each"),
        ({"done": 100, "failed": 400, "cpu_seconds": 0.01}, "the calls are too short: 20 µs"),
        ({"done": 100, "cpu_seconds": 0.001}, None),
        ({"cpu_seconds": 0.0}, None),
        ({"other_cpu_seconds": 11.0}, "the program uses more CPU than the workers, 11,000 µs and"),
        ({"other_cpu_seconds": 9.0}, None),
    ],
)
def test_advice_is_given_where_the_pool_gains_little(
    changed: dict[str, float], begin: str | None
) -> None:
    """Calls that are too short, or payloads that are too large; None where nothing is wrong."""
    advice = _stats(**changed).advice
    assert advice == begin if begin is None else str(advice).startswith(begin)


def test_short_calls_get_the_advice_to_use_map(pool: InterpreterPoolExecutor) -> None:
    """A thousand of them are enough to tell."""
    for each in [pool.submit(abs, -1) for _ in range(3000)]:
        each.result(TIME_LIMIT)
    assert "too short" in str(pool.stats().advice)


def test_each_worker_is_told(pool: InterpreterPoolExecutor) -> None:
    """Its index, its calls, how long it is there, and for how much of that it computed."""
    pool.warm()
    for each in [pool.submit(sum, range(100_000)) for _ in range(20)]:
        each.result(TIME_LIMIT)
    stats = pool.stats()
    assert sorted(each.index for each in stats.by_worker) == [0, 1]
    # A worker counts a call when it has answered.
    assert 18 <= sum(each.calls for each in stats.by_worker) <= 20
    assert sum(each.cpu_seconds for each in stats.by_worker) == pytest.approx(stats.cpu_seconds)
    assert all(0 < each.busy <= 1 and each.seconds <= stats.seconds for each in stats.by_worker)
    assert stats.other_cpu_seconds > 0
    assert WorkerStats(0, 0, 0.0, 0.0).busy == 0


def test_the_time_of_workers_that_have_ended_is_kept() -> None:
    """Nothing is lost at the end of the pool."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(sum, range(300_000)).result(TIME_LIMIT)
        before = pool.stats().cpu_seconds
    after = pool.stats()
    assert 0 < before <= after.cpu_seconds
    assert (after.workers, after.started, after.done) == (0, 1, 1)


def test_after_a_restart_calls_run_in_fresh_workers() -> None:
    """A call that runs comes to its end in its own."""
    with gated(partial(InterpreterPoolExecutor, 2)) as (pool, gate):
        held = pool.submit(tasks.pass_gate, gate.handle, "old")
        gate.await_knocks(1)
        pool.submit(tasks.keep, 1).result(TIME_LIMIT)
        pool.restart()
        kept = [pool.submit(tasks.kept_values).result(TIME_LIMIT) for _ in range(5)]
        assert kept == [[]] * 5
        gate.let_in()
        assert held.result(TIME_LIMIT) == "old"
        before = {pool.submit(tasks.interpreter).result(TIME_LIMIT) for _ in range(5)}
        pool.restart()
        assert pool.submit(tasks.interpreter).result(TIME_LIMIT) not in before


def test_a_pool_that_has_no_worker_is_restarted_at_no_cost() -> None:
    """Nothing is started; after `shutdown` it is refused."""
    with InterpreterPoolExecutor(1) as pool:
        pool.restart()
        assert pool.stats().started == 0
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.restart()


@pytest.mark.slow
def test_restarting_over_and_over_loses_no_call() -> None:
    """Calls that wait go to whichever worker comes."""
    with InterpreterPoolExecutor(2) as pool:
        for _ in range(10):
            calls = [pool.submit(tasks.same, n) for n in range(20)]
            pool.restart()
            assert [call.result(TIME_LIMIT) for call in calls] == [*range(20)]


def end_default_pool() -> None:
    """Shut the shared pool down, which a test has made."""
    _default_pool.default_pool().shutdown()


def test_run_runs_a_call_in_a_shared_pool(request: pytest.FixtureRequest) -> None:
    """Its result is returned, its exception raised; a limit stops it."""
    request.addfinalizer(end_default_pool)
    first = interpexec.run(tasks.interpreter)
    assert first != tasks.interpreter()
    assert interpexec.run(tasks.arguments, 1, a=2) == ((1,), {"a": 2})
    with pytest.raises(ZeroDivisionError):
        interpexec.run(tasks.divide, 1, 0)
    with pytest.raises(TimeoutError, match=r"ran for more than 0\.05 s"):
        interpexec.run(endless, timeout=0.05)
    with pytest.raises(ValueError, match="timeout must be greater than 0"):
        interpexec.run(tasks.same, 1, timeout=0)


def test_run_may_be_called_from_many_threads(request: pytest.FixtureRequest) -> None:
    """All of them share one pool, and one that was shut down is replaced."""
    request.addfinalizer(end_default_pool)
    pools: list[Any] = []

    def use() -> None:
        assert interpexec.run(tasks.same, 3) == 3
        pools.append(_default_pool.default_pool())

    for _ in range(2):
        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIME_LIMIT)
        end_default_pool()
    assert len(pools) == 8
    assert len(set(map(id, pools))) == 2
