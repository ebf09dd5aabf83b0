"""The stages of a map and the states of its chunks; and releases in the middle of a move."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from itertools import count, product

import pytest

from interpexec import InterpreterPoolExecutor, aio
from interpexec._map import chunk_list, lifecycle
from interpexec._map.chunk_list import ASKED, DIVIDED, FINISHED, WHOLE, Chunk
from interpexec._map.chunk_size import Sizer
from interpexec._map.items import packed
from interpexec._map.job import Job
from interpexec._map.lifecycle import (
    BEGINNING,
    CLOSED,
    EXHAUSTED,
    READING,
    READS,
    RELEASED,
    SUBMITS,
    Lifecycle,
)
from interpexec._map.provenance import Record
from interpexec._map.request import MapRequest
from iterators import METHODS
from stops import finish, start

pytestmark = pytest.mark.fast

STAGES = BEGINNING, READING, EXHAUSTED, CLOSED, RELEASED
STATES = WHOLE, ASKED, DIVIDED, FINISHED


def _life(stage: str) -> Lifecycle:
    """Return a life that has come to a stage."""
    life = Lifecycle()
    assert stage is BEGINNING or life.move(stage)
    return life


@pytest.mark.parametrize(("origin", "stage"), [*product(STAGES, STAGES)])
def test_a_map_moves_as_the_table_says(origin: str, stage: str) -> None:
    """A legal move is made, and an illegal one changes nothing."""
    life = _life(origin)
    is_legal = stage in lifecycle.MOVES[origin]
    assert life.move(stage) is is_legal
    assert life.stage is (stage if is_legal else origin)


@pytest.mark.parametrize(("origin", "state"), [*product(STATES, STATES)])
def test_a_chunk_moves_as_the_table_says(origin: str, state: str) -> None:
    """A legal move is made, and an illegal one changes nothing."""
    chunk = Chunk(packed([[1, 2]]))
    assert origin is WHOLE or chunk.move(origin)
    is_legal = state in chunk_list.MOVES[origin]
    assert chunk.move(state) is is_legal
    assert chunk.state is (state if is_legal else origin)


def test_no_move_leads_back() -> None:
    """The tables have every stage and every state, in their order."""
    for order, moves in (STAGES, lifecycle.MOVES), (STATES, chunk_list.MOVES):
        assert tuple(moves) == order
        assert all(moves[each] == set(order[place + 1 :]) for place, each in enumerate(order))
    assert READS < SUBMITS < set(STAGES)


def test_a_chunk_that_is_finished_keeps_no_items() -> None:
    """Its items may hold an error, and the frames of that all else."""
    chunk = Chunk(packed([[1, 2]]))
    provenance = Record("f", wants_outcomes=False).failed(chunk.items)
    assert chunk.finish(provenance)
    assert not chunk.items
    assert not chunk.finish(provenance)
    assert not provenance.arguments


class Meddling(frozenset[str]):
    """An entry of the table that releases the map when it is looked at."""

    life: Lifecycle

    def __contains__(self, stage: object) -> bool:
        if stage is not RELEASED:
            assert self.life.move(RELEASED)
        return super().__contains__(stage)


@pytest.mark.parametrize("stage", [READING, EXHAUSTED, CLOSED])
def test_no_move_undoes_a_release(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destructor releases the map between the look at the table and the move."""
    entry = Meddling(lifecycle.MOVES[BEGINNING])
    entry.life = life = Lifecycle()
    monkeypatch.setitem(lifecycle.MOVES, BEGINNING, entry)
    assert life.move(stage)
    assert life.stage is RELEASED


class Meddler:
    """A scheduler that does something in the middle of the job's moves.

    meddle: that, done once, `at` a call of this name.
    """

    max_workers = 2
    max_tasks = None

    def __init__(self, at: str, meddle: Callable[[Job], object]) -> None:
        self._at, self._meddle = at, meddle
        self.job: Job
        self.sources: set[object] = set()
        self.calls: list[Future[object]] = []
        self.left: list[Callable[[], object]] = []

    def _do(self, name: str) -> None:
        if name == self._at:
            self._at = ""
            self._meddle(self.job)

    def accept(self, source: object) -> None:
        self._do("accept")
        self.sources.add(source)

    def release(self, source: object) -> None:
        self.sources.discard(source)

    def refuse_if_over(self) -> None:
        self._do("refuse_if_over")

    def idle(self) -> int:
        self._do("idle")
        return 0

    def recall_one(self, call: "Future[object]") -> bool:
        return call in self.calls

    def leave_to_collector(self, step: "Callable[[], object]") -> None:
        self.left.append(step)

    def submit(self, *_: object, **__: object) -> "Future[object]":
        self._do("submit")
        call: Future[object] = Future()
        call._cancel_pending = call.cancel  # type: ignore[attr-defined]  # no worker begins it
        self.calls.append(call)
        return call


def _job(scheduler: Meddler, items: Iterator[int], bound: int | None = 8) -> Job:
    """Make a map whose scheduler meddles."""
    scheduler.job = Job(
        scheduler,
        scheduler,  # type: ignore[arg-type]  # as good as one, here
        MapRequest(abs, (items,), None, bound),
        options=None,
    )
    return scheduler.job


def _job_at(stage: str) -> tuple[Job, Meddler, list[int]]:
    """Make a map that has come to a stage; return what it has read, too."""
    read: list[int] = []
    scheduler = Meddler("", int)
    job = _job(scheduler, (read.append(each) or each for each in count()), 8)  # type: ignore[func-returns-value]
    if stage is EXHAUSTED:
        job = _job(scheduler, iter(range(3)))
    if stage is not BEGINNING:
        job.begin()
    if stage is CLOSED:
        job.close(None)
    elif stage is RELEASED:
        job.release()
    assert job._life.stage is stage
    return job, scheduler, read


@pytest.mark.parametrize("stage", STAGES)
def test_a_job_reads_only_where_the_table_says(stage: str) -> None:
    """`refill` reads one item, or nothing."""
    job, _, read = _job_at(stage)
    before = len(read)
    job.refill()
    assert len(read) - before == (stage in READS)


@pytest.mark.parametrize("stage", STAGES)
def test_a_job_is_ended_once_by_its_pool(stage: str) -> None:
    """The end has a chunk of its own where further items would have come."""
    job, scheduler, _ = _job_at(stage)
    made = job.chunks.made
    job.close(LookupError())
    assert job.chunks.made - made == (stage in READS)
    assert job._life.stage is (RELEASED if stage is RELEASED else CLOSED)
    assert not any(call.cancelled() for call in scheduler.calls) or stage is RELEASED


@pytest.mark.parametrize("end", [Job.release, Job.cancel])
@pytest.mark.parametrize("stage", STAGES)
def test_a_job_is_released_from_every_stage(stage: str, end: Callable[[Job], object]) -> None:
    """All its calls are cancelled, its pool does not wait for it, and replies are ignored."""
    job, scheduler, _ = _job_at(stage)
    end(job)
    assert job._life.stage is RELEASED
    assert not scheduler.sources
    assert all(call.cancelled() for call in scheduler.calls)
    assert not job._out


@pytest.mark.parametrize("end", [Job.release, Job.cancel])
@pytest.mark.parametrize("at", ["accept", "submit", "idle"])
def test_a_release_in_the_middle_of_a_move_leaves_nothing(
    at: str, end: Callable[[Job], object]
) -> None:
    """A destructor releases the map while it is accepted, or while a call is submitted.

    Then the pool does not wait for the map, every call is cancelled, and no more items are read.
    """
    scheduler = Meddler(at, end)
    read = count()
    job = _job(scheduler, read)
    job.begin()
    for step in scheduler.left:
        step()
    assert not scheduler.sources
    assert all(call.cancelled() for call in scheduler.calls)
    before = repr(read)
    job.refill()
    assert repr(read) == before
    assert next(read) <= 8


@pytest.mark.parametrize("at", ["accept", "submit", "idle"])
def test_a_pool_that_ends_in_the_middle_of_a_move_ends_the_map_once(at: str) -> None:
    """Submitted items stay; behind them stands one end, with the error of the pool."""
    error = RuntimeError("it is over")
    scheduler = Meddler(at, lambda job: job.close(error))
    job = _job(scheduler, count())
    origin = job.begin()
    job.close(RuntimeError("a second one"))
    job.refill()
    chunks: list[Chunk] = []
    chunk = job.after(origin)
    while chunk is not None:
        chunks.append(chunk)
        chunk = job.after(chunk)
    ends = [each.future.exception() for each in chunks if each.state is FINISHED]
    assert ends
    assert set(ends) == {error}
    assert len(chunks) == len(ends) + len(scheduler.calls)


@pytest.mark.parametrize("method", [*METHODS, "aio.map", "aio.imap_unordered"])
def test_a_fault_half_way_is_told(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing hangs, and no iterator ends as if it was complete."""

    def measured(*_: object) -> None:
        raise MemoryError

    async def collect(results: AsyncIterator[object]) -> list[object]:
        return [each async for each in results]

    def gather(pool: InterpreterPoolExecutor) -> None:
        with pytest.raises((RuntimeError, CancelledError, asyncio.CancelledError)) as caught:
            if method in METHODS:
                list(getattr(pool, method)(abs, range(1000)))
            else:
                asyncio.run(collect(getattr(aio, method[4:])(pool, abs, range(1000))))
        # The call that is waited for may have been cancelled first.
        assert type(caught.value) is not RuntimeError or isinstance(
            caught.value.__cause__, MemoryError
        )

    monkeypatch.setattr(Sizer, "measured", measured)
    with InterpreterPoolExecutor(2) as pool:
        finish(start(partial(gather, pool)))
