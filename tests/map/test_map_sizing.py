"""`map` sizes its own calls: short items are sent together, and none waits behind a slow one."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count, repeat
from typing import Any

import pytest

import mishaps
import sizing_tasks
import tasks
from gates import TIME_LIMIT, Gate, gated
from interpexec import InterpreterPoolExecutor, NotShareableError, aio, sync
from interpexec._map.chunk_size import Sizer
from iterators import METHODS, outcomes
from stops import Pipe, finish, start
from tiers import few

type Columns = tuple[Iterable[Any], ...]


@pytest.fixture(params=["measured", "fifty"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have calls sized as they are; and by fifty, whatever the machine is busy with."""
    if request.param == "fifty":
        in_fifties(monkeypatch)
    return str(request.param)


def in_fifties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all calls of fifty items that are sized, as far as there are so many."""
    size = Sizer.size
    monkeypatch.setattr(Sizer, "size", lambda each, *of: size(each, *of) if each.is_fixed else 50)


def submitted(pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the list of all calls that are submitted from here on."""
    calls: list[object] = []
    submit = pool._scheduler.submit

    def counting(*call: Any, **options: Any) -> object:
        calls.append(call)
        return submit(*call, **options)

    monkeypatch.setattr(pool._scheduler, "submit", counting)
    return calls


def take_until(results: Iterator[object], wanted: set[int]) -> list[object]:
    """Take results until all that are wanted were among them."""
    taken: list[object] = []
    while not wanted.issubset(taken):
        taken.append(next(results))
    return taken


# -- sizes ----------------------------------------------------------------------------


def test_short_items_are_sent_together(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200,000 no-ops are some dozens of calls; even a machine that stalls makes no thousands."""
    calls = submitted(pool, monkeypatch)
    assert list(pool.map(abs, range(200_000))) == list(range(200_000))
    assert len(calls) < 2_000


def test_long_items_are_sent_alone(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that takes longer than a call should is one."""
    calls = submitted(pool, monkeypatch)
    results = pool.map(sizing_tasks.take_a_while, repeat(0.006), range(12))
    assert list(results) == list(range(12))
    assert len(calls) == 12


def test_the_first_items_are_sent_alone(
    pass_by: tuple[InterpreterPoolExecutor, Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of them: each worker gets one, and has one standing by."""
    pool, gate = pass_by
    calls = submitted(pool, monkeypatch)
    results = pool.map(sizing_tasks.wait_at, *map(repeat, gate.handle), repeat(",0,1,"), range(90))
    gate.await_knocks(2)
    assert len(calls) == 4
    gate.open()
    assert list(results) == list(range(90))


def test_a_call_that_takes_too_long_hands_back_what_it_has_not_begun(
    told: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, also where nobody is idle; each item is run once."""
    in_fifties(monkeypatch)
    with InterpreterPoolExecutor(1) as pool:
        calls = submitted(pool, monkeypatch)
        task = partial(sizing_tasks.tell_and_take_a_while, told.writer, 0.002)
        assert list(pool.map(task, range(100))) == list(range(100))
        assert len(calls) > 4  # which it would be otherwise
    assert told.rest() == b"." * 100


@pytest.mark.slow
def test_items_with_a_time_limit_are_sent_alone(
    pass_by: tuple[InterpreterPoolExecutor, Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each item has that time for itself; one that exceeds it fails alone."""
    pool, gate = pass_by
    calls = submitted(pool, monkeypatch)
    pool.warm()
    for future in pool.broadcast(sizing_tasks.raise_at, "ValueError", "", 0):
        assert future.result(TIME_LIMIT) == 0  # this worker has imported what its items need
    columns: Columns = *map(repeat, gate.handle), repeat(",20,"), range(40)
    results = pool.with_options(timeout=1).imap_unordered(sizing_tasks.wait_at, *columns)
    assert Counter(outcomes(results)) == Counter([*range(20), *range(21, 40), TimeoutError])
    assert len(calls) == 40


# -- nobody waits behind a slow one -------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 20, 150, 298])
def test_a_slow_item_holds_up_none_behind_it(
    pass_by: tuple[InterpreterPoolExecutor, Gate], sizes: str, place: int
) -> None:
    """The other worker does what is behind it in the same call."""
    pool, gate = pass_by
    results = pool.imap_unordered(
        sizing_tasks.wait_at, *map(repeat, gate.handle), repeat(f",{place},"), range(300)
    )
    taken = take_until(results, set(range(place + 1, 300)))
    gate.open()
    assert sorted([*taken, *results]) == list(range(300))  # type: ignore[type-var]  # ints


def test_a_slow_item_holds_up_none_behind_it_in_a_busy_pool(
    pass_by: tuple[InterpreterPoolExecutor, Gate], door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow item's call hands items back even if both workers had other calls when it came."""
    in_fifties(monkeypatch)
    pool, gate = pass_by
    with gated(partial(InterpreterPoolExecutor, 1)) as (_, late):
        others: list[Any] = [pool.submit(tasks.pass_gate, each.handle) for each in (door, late)]
        door.await_knocks(1)
        late.await_knocks(1)
        columns: Columns = *map(repeat, gate.handle), repeat(",30,")
        results = pool.imap_unordered(sizing_tasks.wait_at, *columns, range(50))
        door.open()
        gate.await_knocks(1)
        late.open()
        taken = take_until(results, set(range(31, 50)))
        gate.open()
        assert sorted([*taken, *results]) == list(range(50))  # type: ignore[type-var]  # ints
        assert [other.result(TIME_LIMIT) for other in others] == [None, None]


def test_slow_items_of_one_call_run_side_by_side(
    pass_by: tuple[InterpreterPoolExecutor, Gate], sizes: str
) -> None:
    """Each time that a worker is idle, it gets what another one has not begun."""
    pool, gate = pass_by
    slow = list(range(120, 140, 4))
    places = f",{','.join(map(str, slow))},"
    columns: Columns = *map(repeat, gate.handle), repeat(places)
    results = pool.imap_unordered(sizing_tasks.wait_at, *columns, range(200))
    gate.await_knocks(2)
    for _ in slow[2:]:
        gate.let_in()
        gate.await_knocks(1)
    gate.open()
    assert sorted(results) == list(range(200))


def test_results_keep_their_order_however_calls_are_divided(
    pass_by: tuple[InterpreterPoolExecutor, Gate], sizes: str
) -> None:
    """Items that were handed back come right behind those that were not."""
    pool, gate = pass_by
    slow = list(range(3, 400, 40))
    places = f",{','.join(map(str, slow))},"
    results = pool.map(sizing_tasks.wait_at, *map(repeat, gate.handle), repeat(places), range(400))
    for _ in slow:
        gate.await_knocks(1)
        gate.let_in()
    assert list(results) == list(range(400))


def test_no_item_runs_twice(
    pass_by: tuple[InterpreterPoolExecutor, Gate], told: Pipe, sizes: str
) -> None:
    """Items that are taken from a worker were not begun there."""
    pool, gate = pass_by
    columns: Columns = repeat(told.writer), *map(repeat, gate.handle), repeat(120)
    results = pool.imap_unordered(sizing_tasks.tell_and_wait_at, *columns, range(300))
    taken = take_until(results, set(range(121, 300)))
    gate.open()
    assert len([*taken, *results]) == 300
    assert told.rest() == b"." * 300


def _luggage(kind: str) -> object:
    size = 100_000  # so much that it is out-of-band data
    if kind == "lock":
        return sync.Lock()
    if kind == "view":
        return memoryview(bytes(size))
    return bytes(size) if kind == "bytes" else bytearray(size)


@pytest.mark.parametrize("kind", ["lock", "array", "view", "bytes"])
def test_out_of_band_data_of_an_item_is_handed_back_with_it(
    pass_by: tuple[InterpreterPoolExecutor, Gate], kind: str, sizes: str
) -> None:
    """Out-of-band data is sent again, wherever its item has been."""
    pool, gate = pass_by
    columns = repeat(gate.handle), repeat(30), range(100), [_luggage(kind) for _ in range(100)]
    results = pool.imap_unordered(sizing_tasks.wait_beside, *columns)
    taken = take_until(results, set(range(31, 100)))
    gate.open()
    assert sorted([*taken, *results]) == list(range(100))  # type: ignore[type-var]  # ints


# -- failures ---------------------------------------------------------------------------------

KINDS = ValueError, StopIteration, StopAsyncIteration, SystemExit, KeyboardInterrupt, GeneratorExit


@pytest.mark.parametrize("kind", KINDS)
def test_an_exception_costs_no_other_item(
    pool: InterpreterPoolExecutor, kind: type[BaseException], sizes: str
) -> None:
    """Any exception, at any place in its call."""
    places = [0, 1, 49, 50, 51, 75, 76, 199]
    raised = f",{','.join(map(str, places))},"
    columns = repeat(kind.__name__), repeat(raised), range(200)
    found = Counter(outcomes(pool.imap_unordered(sizing_tasks.raise_at, *columns)))
    assert found.pop(RuntimeError if kind is StopIteration else kind) == len(places)
    assert found == Counter(set(range(200)) - set(places))


@pytest.mark.parametrize("kind", KINDS)
def test_an_exception_costs_no_other_item_in_asyncio(
    pool: InterpreterPoolExecutor, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end that an item raises does not end the loop over the results."""
    in_fifties(monkeypatch)

    async def main() -> "Counter[object]":
        columns = repeat(kind.__name__), repeat(",0,30,"), range(200)
        results = aio.imap_unordered(pool, sizing_tasks.raise_at, *columns, buffersize=400)
        found: Counter[object] = Counter()
        while True:
            try:
                found[await anext(results)] += 1
            except StopAsyncIteration:
                return found
            except BaseException as error:  # any of them is an outcome
                found[type(error)] += 1

    found = asyncio.run(main())
    for number in 0, 30:
        assert number not in found
    failed = {each: n for each, n in found.items() if isinstance(each, type)}
    assert sum(failed.values()) == 2
    assert {each for each in found if not isinstance(each, type)} == set(range(200)) - {0, 30}


def test_an_item_that_means_the_end_while_the_rest_is_taken_away(
    pass_by: tuple[InterpreterPoolExecutor, Gate], sizes: str
) -> None:
    """StopIteration of the item that runs meanwhile is its failure, and not the end."""
    pool, gate = pass_by
    columns: Columns = *map(repeat, gate.handle), repeat(120)
    results = pool.imap_unordered(sizing_tasks.wait_and_stop, *columns, range(300))
    taken = Counter(take_until(results, set(range(121, 300))))
    gate.open()
    taken += Counter(outcomes(results))
    assert taken.pop(RuntimeError) == 1
    assert taken == Counter(set(range(300)) - {120})


@pytest.mark.parametrize("method", METHODS)
def test_items_of_all_kinds_are_sent_in_one_map(
    pool: InterpreterPoolExecutor, method: str, sizes: str
) -> None:
    """Items that can be sent as they are, and items that are pickled, in any order."""
    some: list[object] = [1, "two", [3], b"4", {"five": 5}, 6.0, None, (7,), "8" * 70_000]
    items = [some[n * n % len(some)] for n in range(200)] + [0] * 100 + [[]] * 100
    found = list(getattr(pool, method)(tasks.same, items))
    if method == "map":
        assert found == items
    assert sorted(map(repr, found)) == sorted(map(repr, items))


@pytest.mark.parametrize("kind", [mishaps.ExplodesOnDeparture, mishaps.ExplodesOnArrival])
@pytest.mark.parametrize("place", [0, 30, 199])
def test_an_item_that_cannot_be_sent_costs_no_other_one(
    pool: InterpreterPoolExecutor, place: int, kind: Callable[[], object], sizes: str
) -> None:
    """Its error comes in its place."""
    items: list[object] = list(range(200))
    items[place] = kind()
    found = outcomes(pool.imap_unordered(tasks.same, items))
    assert Counter(found) == Counter([*range(place), NotShareableError, *range(place + 1, 200)])
    ordered = pool.map(tasks.same, items)
    assert [next(ordered) for _ in range(place)] == list(range(place))
    with pytest.raises(NotShareableError):
        next(ordered)


@pytest.mark.parametrize("luggage", [0, [0]])
def test_a_result_that_cannot_be_sent_costs_no_other_one(
    pool: InterpreterPoolExecutor, luggage: object, sizes: str
) -> None:
    """As an item that cannot."""
    columns = range(200), repeat(70), repeat(luggage)
    found = outcomes(pool.imap_unordered(sizing_tasks.some_result, *columns))
    assert found.count(NotShareableError) == 1
    found.remove(NotShareableError)
    assert sorted(found, key=repr) == sorted(
        [(n, luggage) for n in range(200) if n != 70], key=repr
    )


# -- and with everything else -----------------------------------------------------------------


@pytest.mark.parametrize("quota", few([2, 1, 5]))
@pytest.mark.parametrize("method", METHODS)
def test_a_map_goes_on_in_the_next_worker(
    method: str, quota: int, sizes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where workers may run only so many calls, each item counts; chunks if they are wanted."""
    with InterpreterPoolExecutor(2, max_tasks_per_child=quota) as pool:
        calls = submitted(pool, monkeypatch)
        assert sorted(getattr(pool, method)(abs, range(20))) == list(range(20))
        assert len(calls) == 20
        assert sorted(getattr(pool, method)(abs, range(60), chunksize=7)) == list(range(60))
        assert len(calls) == 20 + 9


def test_a_map_may_run_in_a_worker(pool: InterpreterPoolExecutor) -> None:
    """A map may run in a call, and in an item of another map."""
    assert list(pool.map(sizing_tasks.sum_of_a_map, [0, 1, 3000])) == [0, 0, 4498500]


def test_maps_and_calls_share_a_pool(pool: InterpreterPoolExecutor, sizes: str) -> None:
    """From several threads at once; each gets its own results."""
    found: dict[str, object] = {}

    def map_in_order() -> None:
        found["map"] = list(pool.map(abs, range(5000)))

    def map_in_any_order() -> None:
        found["unordered"] = sorted(pool.imap_unordered(tasks.same, range(5000)))

    def map_with_a_bound() -> None:
        results = pool.imap_unordered(abs, count(), buffersize=16)
        found["bounded"] = len({next(results) for _ in range(500)})
        results.close()  # type: ignore[attr-defined]

    def submit() -> None:
        found["calls"] = [pool.submit(abs, n).result(TIME_LIMIT) for n in range(100)]

    users = map_in_order, map_in_any_order, map_with_a_bound, submit
    for thread in [start(each) for each in users]:
        finish(thread)
    numbers = list(range(5000))
    assert found == {"map": numbers, "unordered": numbers, "bounded": 500, "calls": numbers[:100]}
