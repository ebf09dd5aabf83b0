"""The parts of maps beside models of them, and their forced races."""

import pickle
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpexec._core import cancellation
from interpexec._core.cancellation import Interruptible
from interpexec._core.waiting import Deadline
from interpexec._map import hand_back, iterators, reader
from interpexec._map.chunk_size import BUDGET, LEAST, MOST, MOST_WEIGHT, TARGET, Sizer
from interpexec._map.hand_back import Remaining
from interpexec._map.items import Items, packed
from interpexec._map.job import Job
from interpexec._map.outcomes import Outcomes
from interpexec._map.request import MapRequest
from interpexec._map.results import Ordered

if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._map.chunk_list import Chunk

pytestmark = pytest.mark.fast

# -- sizes --------------------------------------------------------------------------------

MEASURES = st.tuples(st.integers(1, MOST), st.integers(0, 10**12), st.integers(0, 1 << 40))


@given(
    st.none() | st.integers(1, 2 * MOST),
    st.integers(1, MOST),
    st.lists(MEASURES, max_size=5),
    st.tuples(st.integers(0, 10**9), st.integers(1, 64), st.floats(0, 1e12)),
)
def test_a_size_is_within_its_bounds(
    fixed: int | None,
    most: int,
    measures: list[tuple[int, int, int]],
    asked: tuple[int, int, float],
) -> None:
    """At least one item; no more than fit, whatever was measured."""
    sizer = Sizer(fixed, most)
    for measure in measures:
        sizer.measured(*measure)
    size = sizer.size(*asked)
    assert 1 <= size <= min(most, fixed or MOST)
    assert fixed is not None or size == 1 or size * asked[2] <= MOST_WEIGHT


def test_nothing_known_is_one_item() -> None:
    """Of what was never measured, one item is a call."""
    assert Sizer(None, MOST).size(10**6, 2) == 1


@pytest.mark.parametrize("each", [100, 10_000, 100_000, TARGET // 2, TARGET, 10**9, 10**12])
def test_a_call_takes_as_long_as_it_should(each: int) -> None:
    """Once the size has grown; and one item is taken that takes longer by itself."""
    sizer = Sizer(None, MOST)
    for _ in range(10):
        size = sizer.size(10**9, 2)
        sizer.measured(size, size * each, 0)
    assert size == max(1, min(MOST, TARGET // each))


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_at_the_end_a_call_is_a_share_of_what_is_left(workers: int) -> None:
    """No worker has much left when the others have nothing; but no call is tiny."""
    sizer = Sizer(None, MOST)
    sizer.measured(MOST, MOST * 1000, 0)
    assert sizer.size(100 * workers, workers) == LEAST // 1000
    assert sizer.size(4000 * workers, workers) == 2000
    assert LEAST < TARGET < BUDGET


def test_a_few_items_are_no_measure_for_thousands() -> None:
    """From one size to the next it grows sixteenfold at most."""
    sizer = Sizer(None, MOST)
    sizes = []
    for _ in range(4):
        sizes.append(sizer.size(10**9, 2))
        sizer.measured(sizes[-1], 0, 0)
    assert sizes == [1, 16, 256, 4096]


# -- items -----------------------------------------------------------------------------------

PLAIN = st.integers() | st.text(max_size=3) | st.none()
RUNS = st.lists(PLAIN, max_size=8) | st.lists(st.lists(PLAIN, max_size=2), max_size=8)
STEPS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=6)


def _values(items: Items) -> list[object]:
    """Return what a worker would call a function of one argument with."""
    columns, failures = items.sendable()
    assert not failures
    if not items.are_pickled:
        return columns[0]
    return [call[1][0] for call in map(_loads, columns[0])]


def _loads(pickled: object) -> Any:
    return pickle.loads(pickled)  # type: ignore[arg-type]  # there is no out-of-band data


@given(st.lists(RUNS, min_size=1, max_size=4), STEPS)
@settings(deadline=None)
def test_items_are_cut_and_joined_as_lists_are(
    runs: list[list[object]], steps: list[tuple[int, bool]]
) -> None:
    """Whether they are plain or pickled, and whatever was cut off before."""
    items, model = packed([list(runs[0])]), list(runs[0])
    for run in runs[1:]:
        more = packed([list(run)])
        if steps and steps[0][1]:
            if items.extend(more):
                model += run
        else:
            items.join(more)
            model += run
    for count, is_cut in steps:
        assert len(items) == len(model)
        assert _values(items.after(count)) == model[count:]
        if is_cut:
            assert _values(items.cut(count)) == model[:count]
            del model[:count]
    assert _values(items) == model
    assert bool(items) == bool(model)


# -- cutting off ---------------------------------------------------------------------------


class Shared(deque[object]):
    """Items that the running thread takes in between the steps of the thread that cuts them off."""

    def __init__(self, items: list[object], between: tuple[int, int, int]) -> None:
        super().__init__(items)
        self._between = list(between)
        self.taken: list[object] = []
        self._is_over = False

    def run(self, count: int) -> None:
        """Take so many items, as the running thread does: to the end, and no further."""
        for _ in range(count):
            if self._is_over:
                return
            item = self.popleft()
            if item is hand_back._END:
                self._is_over = True
            else:
                self.taken.append(item)

    def rotate(self, n: int = 1) -> None:
        """Do it, with the running thread at work before and after."""
        self.run(self._between.pop(0))
        super().rotate(n)
        self.run(self._between.pop(0))

    def copy(self) -> Any:
        """Do it, with the running thread at work after that."""
        copied = deque(self)
        self.run(self._between.pop(0))
        return copied


AT_WORK = st.integers(0, 7)


@given(st.integers(0, 5), AT_WORK, st.tuples(AT_WORK, AT_WORK, AT_WORK))
def test_each_item_is_either_run_or_handed_back(
    count: int, before: int, between: tuple[int, int, int]
) -> None:
    """Wherever the running thread is when the rest is cut off: none twice, none never."""
    items = Shared([*range(count)], between)
    remaining = Remaining(items)
    items.run(before)
    handed_back = remaining.cut_off()
    items.run(count + 1)
    assert items.taken == [*range(count - handed_back)]
    assert remaining.cut_off() == 0


@given(st.integers(0, 5))
def test_one_item_is_kept_where_none_was_begun(count: int) -> None:
    """Else a call would be handed round and never get on."""
    items = Shared([*range(count)], (0, 0, 0))
    assert Remaining(items).cut_off(keep_first=True) == max(count - 1, 0)
    items.run(count + 1)
    assert items.taken == [0][:count]


class Asked:
    """The thread that runs calls of ten items, and the helper's answers."""

    def __init__(self) -> None:
        self.thread = Interruptible(None)
        self.answers: list[tuple[int, int]] = []
        self.thread.answer = lambda ask, count: self.answers.append((ask, count))

    def begin(self, call_id: int) -> None:
        """Begin a call of ten items."""
        self.thread.arm(call_id)
        self.thread.begin_items(Remaining(deque(range(10))))

    def end(self) -> None:
        """End it."""
        self.thread.disarm()
        self.thread.answer_asks()


def test_a_call_is_asked_before_it_runs_and_after() -> None:
    """Every ask is answered once; of a call that is over, or not there, nothing is taken."""
    asked = Asked()
    asked.thread.ask_for_items(5, 1)
    assert asked.answers == [(1, 0)]
    asked.thread.arm(5)
    asked.thread.ask_for_items(5, 2)  # its items are still being unpickled
    asked.thread.begin_items(Remaining(deque(range(10))))
    assert asked.answers.pop() == (2, 9)
    asked.thread.ask_for_items(5, 3)
    assert asked.answers.pop() == (3, 0)
    asked.end()
    asked.thread.arm(6)
    asked.thread.ask_for_items(6, 4)
    asked.end()  # it had no items
    assert asked.answers == [(1, 0), (4, 0)]
    asked.begin(7)
    asked.thread.ask_for_items(7, 5)
    assert asked.answers.pop() == (5, 10)


class Treacherous(deque[int]):
    """The asks; the running thread does something just before, or after, one is taken."""

    def __init__(self, steps: "list[Callable[[], None]]") -> None:
        super().__init__()
        self.before, self.after = steps

    def append(self, ask: int, /) -> None:
        super().append(ask)
        self._do("before")

    def popleft(self) -> int:
        ask = super().popleft()
        self._do("after")
        return ask

    def _do(self, when: str) -> None:
        step = getattr(self, when)
        setattr(self, when, lambda: None)
        step()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("reaches", ["armed", "begun"])
def test_no_other_call_is_cut(when: str, reaches: str) -> None:
    """The call that was asked ends, and the next one begins, while the helper looks at it.

    1. The helper has found that the call runs.
    2. The running thread ends it, and begins the next one.
    3. The helper cuts: the items of the first one, of which none is left.
    """
    asked = Asked()

    def go_on() -> None:
        asked.end()
        if reaches == "armed":
            asked.thread.arm(6)
        else:
            asked.begin(6)

    def nothing() -> None:
        pass

    asked.begin(5)
    assert isinstance(asked.thread._items, Remaining)
    asked.thread._items._items.clear()  # the last item is being run; the end was taken
    asked.thread._asks = Treacherous([go_on, nothing] if when == "before" else [nothing, go_on])
    asked.thread.ask_for_items(5, 1)
    assert asked.answers == [(1, 0)]
    if reaches == "begun":
        asked.thread.ask_for_items(6, 2)
        assert asked.answers == [(1, 0), (2, 10)]


def test_to_be_stopped_and_asked_hands_nothing_back_twice() -> None:
    """A call that was stopped has no items to hand back."""
    asked = Asked()
    asked.begin(5)
    asked.thread.interrupt(5)
    asked.thread.ask_for_items(5, 1)
    assert asked.answers == [(1, 0)]
    assert cancellation._pop(asked.thread._asks) is None


# -- the list of chunks --------------------------------------------------------------------


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

    def ask_items(self, call: "Future[object]") -> "Future[object] | None":
        return self._asks.setdefault(call, Future()) if call in self._calls else None

    def submit(self, payload: bytes, *_: object, **__: object) -> "Future[object]":
        """Take a call."""
        future: Future[object] = Future()
        self._calls[future] = _loads(payload)[1][1][0]
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
        limit=None,
        arrived=None if arrived is None else arrived.append,
    )


def test_what_is_handed_back_twice_stands_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
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
        outcomes = [job.outcomes(each, each.future.result()) for each in arrived]
        found = [each.take() for each in outcomes for _ in range(len(each))]
        assert sorted(found) == [*range(count)]  # type: ignore[type-var]  # ints
    else:
        assert [*Ordered(iterators.InOrder(job, origin, Deadline(None)))] == [*range(count)]
