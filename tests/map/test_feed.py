"""`feed`: items are put in as they come, and outcomes go out as soon as they can."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

import mishaps
import tasks
from gates import TIME_LIMIT, Gate, gate
from interpexec import Feed, InterpreterPoolExecutor, NotShareableError

pytestmark = pytest.mark.fast


@pytest.fixture
def door() -> Iterator[Gate]:
    """Make a gate."""
    with gate() as made:
        yield made


def in_thread[T](work: Callable[[], T]) -> Callable[[], T]:
    """Begin some work in a thread of its own; return what waits for its end."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(work)

    def result() -> T:
        try:
            return future.result(TIME_LIMIT)
        finally:
            executor.shutdown()

    return result


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("ordered", [True, False])
def test_each_item_has_its_outcome(
    pool: InterpreterPoolExecutor, size: int | None, ordered: bool
) -> None:
    """Items are put in one by one and many at once; each comes back with number and value."""
    with pool.feed(abs, ordered=ordered, chunksize=size) as feed:
        feed.put(-1)
        feed.extend(range(-2, -100, -1))
        feed.close()
        outcomes = list(feed)
        assert [*feed] == []
    if not ordered:
        outcomes.sort()
    assert [each[:4] for each in outcomes] == [(n, -n - 1, n + 1, None) for n in range(99)]
    assert all(each.seconds is not None for each in outcomes)


def test_a_feed_without_items_ends(pool: InterpreterPoolExecutor) -> None:
    """Closed at once, by another thread while this one waits, or twice."""
    with pool.feed(abs) as feed:
        closed = in_thread(feed.close)
        assert list(feed) == []
        closed()
        feed.close()
        assert feed.next_batch() is None


def test_a_batch_gives_plain_values_at_once(pool: InterpreterPoolExecutor) -> None:
    """A list, without an object for each; where one has failed, there is only the long way."""
    with pool.feed(int, chunksize=3) as feed:
        feed.extend(["1", "2", "3", "4", "x", "6"])
        feed.close()
        first, second = feed.batches()
    assert (first.first, first.items, first.values(), len(first)) == (
        0,
        ["1", "2", "3"],
        [1, 2, 3],
        0,
    )
    assert (second.values(), len(second)) == (None, 3)
    assert [(each.index, each.value) for each in second] == [(3, 4), (4, None), (5, 6)]


def test_items_may_fail_in_any_way(pool: InterpreterPoolExecutor) -> None:
    """An item or a value that cannot be sent costs no other one."""
    with pool.feed(tasks.same) as feed:
        feed.extend(
            [1, threading.Lock(), mishaps.ExplodesOnDeparture(), mishaps.ExplodesOnArrival(), 4]
        )
        feed.close()
        errors = [each.error for each in feed]
    assert [error is None for error in errors] == [True, False, False, False, True]


# -- promptness --------------------------------------------------------------------


def _pass_if_tuple(item: int | tuple[int, int]) -> int:
    """Wait at a gate, if the item is one."""
    import tasks

    return tasks.pass_gate(item, -1) if isinstance(item, tuple) else item  # type: ignore[arg-type]


def learn(feed: "Feed[object, int]", count: int = 200) -> None:
    """Run so many short items, that further ones share a call."""
    feed.extend(range(count))
    for _ in range(count):
        next(feed)


@pytest.mark.parametrize("ordered", [True, False])
def test_outcomes_do_not_wait_for_a_slow_item_in_their_call(ordered: bool, door: Gate) -> None:
    """With one worker: those before it come while it runs, and those behind it come later."""
    with InterpreterPoolExecutor(1) as pool, pool.feed(_pass_if_tuple, ordered=ordered) as feed:
        learn(feed)
        feed.extend([1, 2, 3, door.handle, 5, 6])
        feed.close()
        assert [next(feed).value for _ in range(3)] == [1, 2, 3]
        door.await_knocks(1)
        assert not feed.is_ready()
        door.open()
        rest = [(each.index, each.value) for each in feed]
        assert rest == [(203, -1), (204, 5), (205, 6)]


def test_items_behind_a_slow_one_go_to_another_worker(
    pool: InterpreterPoolExecutor, door: Gate
) -> None:
    """Unordered, all but the slow one come while that runs."""
    with pool.feed(_pass_if_tuple, ordered=False) as feed:
        learn(feed)
        feed.extend([1, 2, 3, door.handle, 5, 6])
        feed.close()
        assert sorted(next(feed).value or 0 for _ in range(5)) == [1, 2, 3, 5, 6]
        door.await_knocks(1)
        door.open()
        assert [each.value for each in feed] == [-1]


def test_a_call_that_is_lost_takes_no_outcomes_with_it_that_went_out(door: Gate) -> None:
    """The pool is terminated while the slow item runs: the others have their values."""
    with InterpreterPoolExecutor(1) as pool, pool.feed(_pass_if_tuple) as feed:
        learn(feed)
        feed.extend([1, 2, door.handle, 4])
        assert [next(feed).value for _ in range(2)] == [1, 2]
        door.await_knocks(1)
        pool.terminate_workers()
        slow, behind = next(feed), next(feed)
        assert isinstance(slow.error, CancelledError)
        assert (slow.index, behind.index) == (202, 203)
        with pytest.raises(CancelledError):
            next(feed)
        door.open()


# -- bounds ------------------------------------------------------------------------


def test_put_waits_for_room(pool: InterpreterPoolExecutor) -> None:
    """No more than `buffersize` items are in flight, and one that is taken makes room."""
    with pool.feed(abs, buffersize=2) as feed:
        feed.extend([0, 1])
        put = in_thread(lambda: feed.put(2))
        assert next(feed).value == 0
        put()
        feed.close()
        assert [each.value for each in feed] == [1, 2]


def test_bytes_are_bounded(pool: InterpreterPoolExecutor) -> None:
    """Items go in while fewer than so many bytes are in flight; then `put` waits."""
    with pool.feed(len, buffer_bytes=1000) as feed:
        feed.extend(["a" * 600, "b" * 600])
        put = in_thread(lambda: feed.put("c"))
        taken = [next(feed).value, next(feed).value]
        put()
        feed.close()
        assert [*taken, *(each.value for each in feed)] == [600, 600, 1]


def test_results_that_nobody_takes_are_bounded(pool: InterpreterPoolExecutor, door: Gate) -> None:
    """When too many bytes of results wait, no further items are sent; then all go on."""
    with pool.feed(_large, buffer_bytes=1000, chunksize=1) as feed:
        feed.extend([0] * 600)
        feed.put(door.handle)
        feed.close()
        values = [next(feed).value for _ in range(100)]
        assert not door.has_knock()
        values += [next(feed).value for _ in range(500)]
        door.open()
        assert len([*feed]) == 1
    assert values == ["x" * 1000] * 600


def _large(item: object) -> str:
    import tasks

    return "x" * 1000 if item == 0 else tasks.pass_gate(item, "")  # type: ignore[arg-type]


# -- endings -----------------------------------------------------------------------


def test_nothing_can_be_put_into_a_closed_feed(pool: InterpreterPoolExecutor) -> None:
    """Not before, nor while a thread waits for room, nor after `cancel`."""
    with pool.feed(abs, buffersize=1) as feed:
        feed.put(1)
        waiting = in_thread(lambda: feed.put(2))
        feed.close()
        for put in waiting, lambda: feed.put(3):
            with pytest.raises(RuntimeError, match="the feed is closed"):
                put()
        assert next(feed).value == 1
    with pool.feed(abs) as feed:
        feed.cancel()
        with pytest.raises(RuntimeError, match="the feed is closed"):
            feed.put(1)
        assert [*feed] == []


def test_leaving_the_block_stops_what_runs(door: Gate) -> None:
    """Items that wait are cancelled, and a running one is stopped."""
    with InterpreterPoolExecutor(1) as pool:
        with pool.feed(_loop) as feed:
            feed.extend([door.handle] * 10)
            door.await_knocks(1)
        assert pool.submit(abs, -1).result(TIME_LIMIT) == 1
        assert not door.has_knock()


def _loop(handle: tuple[int, int]) -> None:
    import os

    os.write(handle[0], b"!")
    while True:
        pass


def test_cancel_wakes_the_thread_that_waits(pool: InterpreterPoolExecutor) -> None:
    """An iterating thread comes to the end."""
    feed = pool.feed(abs)
    taken = in_thread(lambda: [*feed])
    feed.cancel()
    assert taken() == []


def test_a_pool_that_is_shut_down_takes_no_items() -> None:
    """`put` says so; the items before that are computed."""
    with InterpreterPoolExecutor(1) as pool:
        feed = pool.feed(abs)
        feed.put(-1)
        pool.shutdown(wait=False)
        with pytest.raises(RuntimeError, match="after shutdown"):
            feed.put(-2)
        feed.close()
        assert [each.value for each in feed] == [1]


def test_a_function_that_cannot_be_sent_is_refused(pool: InterpreterPoolExecutor) -> None:
    """By the first `put`."""
    lock = threading.Lock()
    with pool.feed(lambda _: lock) as feed, pytest.raises(NotShareableError):
        feed.put(1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"buffersize": 0}, "buffersize must be None or > 0, got 0"),
        ({"buffer_bytes": -1}, "buffer_bytes must be None or > 0, got -1"),
        ({"chunksize": 0}, "chunksize"),
    ],
)
def test_wrong_arguments_are_named(
    pool: InterpreterPoolExecutor, options: dict[str, int], said: str
) -> None:
    """At once."""
    with pytest.raises(ValueError, match=said):
        pool.feed(abs, **options)  # type: ignore[arg-type]  # that is the test


def test_threads_may_put_and_one_takes(pool: InterpreterPoolExecutor) -> None:
    """Numbers follow the order in which items were put in, from whatever thread."""
    with pool.feed(abs, buffersize=50) as feed:
        ends = [in_thread(lambda: feed.extend(range(500))) for _ in range(3)]
        outcomes = [next(feed) for _ in range(1500)]
        for end in ends:
            end()
        feed.close()
        assert [*feed] == []
    assert [each.index for each in outcomes] == [*range(1500)]
    assert sorted(each.item for each in outcomes) == sorted([*range(500)] * 3)
