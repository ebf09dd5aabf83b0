"""`feed(fail_fast=...)` and `stop()`: no further item begins, and nothing that has run is lost."""

import logging
from collections.abc import Iterator
from threading import Event
from time import monotonic

import pytest

import tasks
from gates import TIME_LIMIT, Gate, gate
from hooked_lock import HookedLock
from interpexec import Feed, InterpreterPoolExecutor


@pytest.fixture
def door() -> Iterator[Gate]:
    """Make a gate."""
    with gate() as made:
        yield made


def _note(item: tuple[int, int]) -> int:
    """Write a byte, to tell that this item has begun; fail if its number is 3."""
    import os

    number, descriptor = item
    os.write(descriptor, bytes([number]))
    return 12 // (number - 3)


def _pass_or_fail(item: tuple[int, int] | int) -> int:
    """Fail for a number; else knock at a gate, and pass it."""
    import tasks

    return tasks.pass_gate(item, 7) if isinstance(item, tuple) else 1 // item  # type: ignore[arg-type]


def numbers(feed: "Feed[object, int]") -> list[int]:
    """Return the numbers of the items that have outcomes, in the order in which they came."""
    return [outcome.index for outcome in feed]


@pytest.mark.parametrize("ordered", [True, False])
def test_no_item_begins_behind_a_failure_in_its_call(ordered: bool, door: Gate) -> None:
    """Items before it have their outcomes; the feed is closed, and the worker goes on."""
    knocker = door.handle[0]
    with InterpreterPoolExecutor(1) as pool:
        with pool.feed(_note, fail_fast=True, ordered=ordered, chunksize=50) as feed:
            feed.extend([(number, knocker) for number in range(50)])
            assert numbers(feed) == [0, 1, 2, 3]
            with pytest.raises(RuntimeError, match="the feed is closed"):
                feed.put((5, knocker))
        assert pool.submit(abs, -1).result(TIME_LIMIT) == 1
    door.await_knocks(4)
    assert not door.has_knock()


@pytest.mark.parametrize("size", [None, 1, 4])
@pytest.mark.parametrize("ordered", [True, False])
def test_each_item_that_has_begun_has_its_outcome(
    size: int | None, ordered: bool, door: Gate
) -> None:
    """A worker may take some more calls before the pool learns of the failure."""
    knocker = door.handle[0]
    with (
        InterpreterPoolExecutor(2) as pool,
        pool.feed(_note, fail_fast=True, ordered=ordered, chunksize=size) as feed,
    ):
        feed.extend([(number, knocker) for number in range(200)])
        found = numbers(feed)
    assert 3 in found
    assert (found == sorted(found)) or not ordered
    door.await_knocks(len(found))
    assert not door.has_knock()


def test_a_failure_ends_a_feed_that_waits_for_items(pool: InterpreterPoolExecutor) -> None:
    """Nobody has closed it."""
    with pool.feed(int, fail_fast=True) as feed:
        feed.put("x")
        (outcome,) = feed
        assert isinstance(outcome.error, ValueError)


@pytest.mark.parametrize("ordered", [True, False])
def test_running_items_come_to_their_end(ordered: bool, door: Gate) -> None:
    """Though an item behind them has failed; the thread that waits does not delay the halt."""
    with (
        InterpreterPoolExecutor(2) as pool,
        pool.feed(_pass_or_fail, fail_fast=True, ordered=ordered, chunksize=1) as feed,
    ):
        feed.put(door.handle)
        door.await_knocks(1)
        feed.extend([0, *[door.handle] * 20])
        if not ordered:
            assert next(feed).index == 1
        while not _is_closed(feed):  # the worker's answer is on its way
            pass
        _await_drop(feed)
        door.open()
        values = [outcome.value for outcome in feed]
    # The worker that is free takes one more call at most, before the pool learns of the failure.
    assert values in (([7, None], [7, None, 7]) if ordered else ([7], [7, 7]))
    door.await_knocks(values.count(7) - 1)
    assert not door.has_knock()


def test_a_call_that_has_ended_is_not_asked(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that printed an error beside the results, in steps.

    1. a call fails in its first item; its worker has replied, and still says that it runs it
    2. the pool takes the reply, halts, and asks the calls that run for what they have not begun
    3. it must not ask that call, too: the answer would come when its outcomes are taken
    """
    asked: list[bool] = []
    with pool.feed(_pass_or_fail, fail_fast=True, chunksize=3) as feed:
        scheduler = feed._job._scheduler
        monkeypatch.setattr(scheduler, "ask_items", lambda call, **_: asked.append(call.done()))
        feed.extend([0, 1, 1])
        (outcome,) = feed
    assert isinstance(outcome.error, ZeroDivisionError)
    assert not any(asked)


def test_outcomes_are_taken_while_an_answer_is_looked_at(
    door: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """The race of an answer and a reply, in steps.

    1. a call is asked for what it has not begun, and the collector takes the answer
    2. it leaves the lock: another thread takes the reply, and the outcomes out of it
    3. the collector looks whether the call has ended: its chunk has no future any more
    """
    with (
        InterpreterPoolExecutor(1) as pool,
        pool.feed(_pass_or_fail, chunksize=2) as feed,
    ):
        feed.extend([door.handle] * 2)
        door.await_knocks(1)
        job, taken = feed._job, Event()
        (chunk,) = job._out.values()
        lock = job._lock = HookedLock()  # type: ignore[assignment]
        lock.hooks["_on_answer"] = lambda: (job.forget(chunk), taken.set())
        feed.stop()
        assert taken.wait(TIME_LIMIT)
        door.open()
        assert pool.submit(abs, -1).result(TIME_LIMIT) == 1  # the collector has gone on
    assert not caplog.records


def _is_closed(feed: "Feed[object, int]") -> bool:
    return feed._window._is_closed


def test_a_callable_decides(pool: InterpreterPoolExecutor) -> None:
    """By how many have failed, of how many that have ended."""
    seen: list[tuple[int, int]] = []

    def enough(failed: int, ended: int) -> bool:
        seen.append((failed, ended))
        return failed == 2

    with pool.feed(int, fail_fast=enough) as feed:
        for item in "1", "x", "2", "y":
            feed.put(item)
            assert (next(feed).error is None) == item.isdigit()
        assert list(feed) == []
    assert seen == [(1, 2), (2, 4)]


def test_a_callable_that_raises_is_logged(
    pool: InterpreterPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    """The feed ends then."""
    with (
        caplog.at_level(logging.ERROR, "interpexec"),
        pool.feed(int, fail_fast=lambda *_: 1 / 0) as feed,
    ):
        feed.put("x")
        assert len(list(feed)) == 1
    assert "given as `fail_fast`" in caplog.text


def test_items_that_cannot_be_sent_are_failures(pool: InterpreterPoolExecutor) -> None:
    """Like those that fail in the worker."""
    with pool.feed(tasks.same, fail_fast=True, chunksize=1) as feed:
        feed.put(lambda: pool)
        (outcome,) = feed
        assert outcome.error is not None


@pytest.mark.parametrize("value", [None, 1, "x"])
def test_another_value_is_refused(pool: InterpreterPoolExecutor, value: object) -> None:
    """The message names the argument."""
    with pytest.raises(TypeError, match="fail_fast must be a bool or a callable, got "):
        pool.feed(int, fail_fast=value)  # type: ignore[arg-type]


# -- stop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, 1, 5])
@pytest.mark.parametrize("ordered", [True, False])
def test_stop_drops_items_that_no_worker_has_begun(
    size: int | None, ordered: bool, door: Gate
) -> None:
    """Items of calls that wait, and those behind the running ones in their calls."""
    with InterpreterPoolExecutor(2) as pool:
        with pool.feed(_pass_or_fail, ordered=ordered, chunksize=size) as feed:
            feed.extend([door.handle] * 50)
            door.await_knocks(2)
            feed.stop()
            _await_drop(feed)
            door.open()
            outcomes = list(feed)
        assert [outcome.value for outcome in outcomes] == [7, 7]
        assert not door.has_knock()


def _await_drop(feed: "Feed[object, int]") -> None:
    """Wait until only running items are in calls."""
    job, end = feed._job, monotonic() + TIME_LIMIT
    while not set(job._out) <= set(job._scheduler.running()) or not all(
        len(chunk.items) == 1 for chunk in list(job._out.values())
    ):
        assert monotonic() < end, "the other items are not dropped"


def test_stop_of_a_feed_with_nothing_in_it_ends_it(pool: InterpreterPoolExecutor) -> None:
    """Twice, too."""
    with pool.feed(abs) as feed:
        feed.stop()
        feed.stop()
        assert list(feed) == []


def test_a_pool_ends_behind_a_feed_that_was_stopped() -> None:
    """The backlog of the feed does not hold it up."""
    with InterpreterPoolExecutor(1) as pool:
        feed = pool.feed(abs, chunksize=1)
        feed.extend(range(1000))
        feed.stop()
    values = [outcome.value for outcome in feed]
    assert values == list(range(len(values)))
