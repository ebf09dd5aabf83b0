"""Work for a CPU: many items, done in this thread, in a pool, and by two bare processes."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.meeting import WORKERS
from benchmarks.timing import timed

WARM_UP = slice(4)


@dataclass(frozen=True, slots=True)
class Work:
    """A task and its arguments, a column for each parameter. The task returns a number."""

    task: Callable[..., int]
    columns: tuple[Sequence[int], ...]

    def part(self, which: slice) -> "Work":
        """Return some of it."""
        return Work(self.task, tuple(column[which] for column in self.columns))

    def serial(self) -> list[int]:
        """Do all of it in this thread."""
        return list(map(self.task, *self.columns))

    def parallel(self, pool: Executor) -> list[int]:
        """Do all of it in *pool*, as a user would: with the defaults of ``map``."""
        return list(pool.map(self.task, *self.columns))


def pool_speed_up(work: Work, pool: Executor) -> float:
    """Return the speed of a pool's ``map``, after a warm-up, over the serial speed."""
    work.part(WARM_UP).parallel(pool)
    return speed_up(work, lambda: work.parallel(pool))


def bare_speed_up(work: Work, workers: int = WORKERS) -> float:
    """Return the speed of so many bare processes over the serial speed.

    Each has every other item, say, from the start, and is told to go at the same moment:
    what the machine has to give, since two cores that share a cache, a clock or a neighbour
    are less than twice one.
    """
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(workers)]
    ends = [here for here, _ in pipes]
    for number, (_, there) in enumerate(pipes):
        share = work.part(slice(number, None, workers))
        context.Process(target=work_alone, args=(there, share)).start()
    exchange(ends)  # all of them are up and warm
    return speed_up(work, lambda: exchange(ends))


def work_alone(end: Connection, work: Work) -> None:
    """Do *work* when the other end says so, in a process that has nothing else to do."""
    end.recv()
    end.send(work.part(WARM_UP).serial())
    end.recv()
    end.send(work.serial())


def exchange(ends: list[Connection]) -> list[int]:
    """Say go at every end, then collect what comes back."""
    for end in ends:
        end.send(None)
    return [count for end in ends for count in end.recv()]


def speed_up(work: Work, run: Callable[[], list[int]]) -> float:
    """Return the serial time of *work*, taken before and after, divided by that of *run*."""
    work.part(WARM_UP).serial()
    before, expected = timed(work.serial)
    between, found = timed(run)
    after, _ = timed(work.serial)
    if sorted(found) != sorted(expected):
        message = f"{len(found)} results, {sum(found)} in all; serially {sum(expected)}"
        raise AssertionError(message)
    return (before + after) / 2 / between
