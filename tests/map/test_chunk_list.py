"""The list of chunks of a map, with a scheduler that does as it is told: items keep their order."""

import pickle
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpexec._core.waiting import Deadline
from interpexec._map import iterators, reader
from interpexec._map.chunk_size import Sizer
from interpexec._map.job import Job
from interpexec._map.opening import opened
from interpexec._map.outcomes import Outcomes
from interpexec._map.request import MapRequest
from interpexec._map.results import Ordered

if TYPE_CHECKING:
    from interpexec._map.chunk_list import Chunk

pytestmark = pytest.mark.fast


class FakeScheduler:
    """Takes calls, and does as much of them as it is told, when it is told.

    orders: numbers that decide what happens; when there are no more of them, all is done.
    """

    max_workers = 2
    max_tasks = None

    def __init__(self, orders: list[int]) -> None:
        self._orders = orders
        self._calls: dict[Future[object], list[object]] = {}
        self._asks: dict[Future[object], Future[object]] = {}
        self.sources: set[object] = set()
        self.at_once: list[int] = []
        """Numbers of items: so many of the next calls are done before a callback can be added."""

    def accept(self, source: object) -> None:
        self.sources.add(source)

    def release(self, source: object) -> None:
        self.sources.discard(source)

    def idle(self) -> int:
        return self._order() % 3

    def ask_items(self, call: "Future[object]", **_: object) -> "Future[object] | None":
        return self._asks.setdefault(call, Future()) if call in self._calls else None

    def submit(self, payload: bytes, *_: object, **__: object) -> "Future[object]":
        """Take a call."""
        future: Future[object] = Future()
        self._calls[future] = pickle.loads(payload)[1][1][0]
        if self.at_once:
            self.do(future, self.at_once.pop(0))
        elif self._order() % 2:
            self.do(future)
        return future

    def work(self) -> None:
        """Do calls, in any order, until there are none."""
        while self._calls:
            calls = [*self._calls]
            self.do(calls[self._order() % len(calls)])

    def do(self, call: "Future[object]", done: int | None = None) -> None:
        """Do the first items of a call; hand the others back, on demand or not."""
        items = self._calls.pop(call)
        if done is None:
            done = self._order() % (len(items) + 1) if self._orders else len(items)
        answer = self._asks.pop(call, None)
        if answer is not None:
            is_first = self._order() % 2
            if is_first:
                answer.set_result(len(items) - done)
        call.set_result(Outcomes(items[:done], spent=self._order() * 100_000))
        if answer is not None and not is_first:
            answer.set_result(len(items) - done)

    def _order(self) -> int:
        return self._orders.pop() if self._orders else 0


def _job(scheduler: FakeScheduler, count: int, arrived: "list[Chunk] | None" = None) -> Job:
    """Make a map over so many numbers."""
    return Job(
        scheduler,
        scheduler,  # type: ignore[arg-type]  # as good as one, here
        MapRequest(abs, (range(count),), None, None),
        options=None,
        arrived=None if arrived is None else arrived.append,
    )


def test_items_that_are_handed_back_twice_stand_in_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Items are handed back twice before the caller's side knows of the first time.

    1. Of a call of four items three are handed back, to be two calls.
    2. The first of these is done, but for one item, before it has a callback: so it is
       divided while the second one has not been submitted.
    3. The items that it hands back stand before the second one all the same.
    """
    monkeypatch.setattr(reader, "_QUICK", 1 << 60)  # it reads 1, 2, 4 and 3 items
    monkeypatch.setattr(Sizer, "size", lambda *_: 4)
    scheduler = FakeScheduler([])
    job = _job(scheduler, 10)
    origin = job.begin()
    monkeypatch.setattr(Sizer, "size", lambda *_: 2)
    call = next(call for call, chunk in job._out.items() if len(chunk.items) == 4)
    scheduler.at_once = [1]
    scheduler.do(call, 1)
    scheduler.work()
    assert [*Ordered(iterators.InOrder(job, origin, Deadline(None)))] == [*range(10)]


@given(st.integers(0, 60), st.lists(st.integers(0, 100), max_size=80), st.booleans())
@settings(deadline=None)
def test_every_item_comes_once_and_in_its_place(
    count: int, orders: list[int], is_unordered: bool
) -> None:
    """However calls are divided, on demand or not, and whenever the caller's side learns of it."""
    scheduler = FakeScheduler(orders)
    arrived: list[Chunk] = []
    job = _job(scheduler, count, arrived if is_unordered else None)
    origin = job.begin()
    scheduler.work()
    assert not scheduler.sources
    if is_unordered:
        assert len(arrived) == job.chunks.made
        outcomes = [opened(job, each, each.future.result()) for each in arrived]
        found = [each.take() for each in outcomes for _ in range(len(each))]
        assert sorted(found) == [*range(count)]  # type: ignore[type-var]  # ints
    else:
        assert [*Ordered(iterators.InOrder(job, origin, Deadline(None)))] == [*range(count)]
