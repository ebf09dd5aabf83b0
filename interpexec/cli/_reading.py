"""One reading of `interpexec bench`: the sample, run in one way. In a process of its own.

load    the task, here: a program has imported what it submits
start   the pool is made, until every worker has loaded the task
run     from the first item to the last result
memory  how much more this process and its children take then
"""

import json
import os
import pickle
import sys
from concurrent import futures
from itertools import pairwise
from time import perf_counter
from typing import NamedTuple

from interpexec import InterpreterPoolExecutor
from interpexec.cli._evaluate import prepare
from interpexec.cli._trial import Failure, Pipes, Trial, begin, meet, run_all, trial
from interpexec.cli._usage import used_memory, waited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from interpexec.cli._evaluate import Settings

    class Way(Protocol):
        """A way to run items."""

        def start(self, settings: Settings, jobs: int) -> object:
            """Start the workers; return when they are ready."""

        def run(self, items: list[str]) -> list[object]:
            """Return the results."""

        def stop(self) -> object:
            """End the workers."""


CHUNKS = 4
"""Chunks for each worker, as in `multiprocessing`."""


class Request(NamedTuple):
    """The way, and the items that it runs."""

    way: str
    settings: "Settings"
    jobs: int
    items: list[str]
    times: int = 1
    """How often each item is run."""
    seconds: float | None = None
    """After these no further item is begun."""


class Loop:
    """A loop in the main interpreter."""

    def start(self, settings: "Settings", jobs: int) -> None:
        """Do nothing: there are no workers."""

    def run(self, items: list[str]) -> list[object]:
        """Run the items, one after another."""
        return run_all(items)

    def stop(self) -> None:
        """Do nothing."""


class _Executor:
    """An executor of the standard library, which gets chunks that are made by hand."""

    def __init__(self, make: "Callable[..., futures.Executor]") -> None:
        self._make = make

    def start(self, settings: "Settings", jobs: int) -> None:
        """Start all workers: a call waits in each until all are there."""
        arrived, door = os.pipe(), os.pipe()
        meeting = Pipes(arrived[1], door[0])
        self._chunks = CHUNKS * jobs
        self._executor = self._make(jobs, initializer=begin, initargs=(settings, meeting))
        calls = [self._executor.submit(meet) for _ in range(jobs)]
        for call in calls:
            call.add_done_callback(lambda call: call.exception() and os.write(arrived[1], b"!"))
        for _ in range(jobs):
            os.read(arrived[0], 1)
        os.write(door[1], b"!" * jobs)
        for call in calls:
            call.result()

    def run(self, items: list[str]) -> list[object]:
        """Run the items in chunks of one size."""
        count = min(len(items), self._chunks)
        ends = [len(items) * place // count for place in range(count + 1)]
        chunks = [items[start:end] for start, end in pairwise(ends)]
        results = self._executor.map(run_all, chunks)
        return [result for chunk in results for result in chunk]

    def stop(self) -> None:
        """End the workers."""
        self._executor.shutdown()


class Processes(_Executor):
    """The standard library's pool of processes, started in the usual way."""

    def __init__(self) -> None:
        super().__init__(futures.ProcessPoolExecutor)

    def start(self, settings: "Settings", jobs: int) -> None:
        """Start all workers; the place where they meet can be sent to processes."""
        from multiprocessing import Barrier  # only here

        self._chunks = CHUNKS * jobs
        self._executor = self._make(jobs, initializer=begin, initargs=(settings, Barrier(jobs)))
        for call in [self._executor.submit(meet) for _ in range(jobs)]:
            call.result()


class Ours(_Executor):
    """The pool of this package, which makes chunks itself."""

    def __init__(self) -> None:
        super().__init__(InterpreterPoolExecutor)

    def run(self, items: list[str]) -> list[object]:
        """Run the items."""
        return list(self._executor.map(Trial(), items))


WAYS: "dict[str, Callable[[], Way]]" = {
    "loop": Loop,
    "threads": lambda: _Executor(futures.ThreadPoolExecutor),
    "processes": Processes,
    "stdlib interpreters": lambda: _Executor(futures.InterpreterPoolExecutor),  # type: ignore[attr-defined]  # from 3.14 on
    "interpexec": Ours,
}


def take(request: Request) -> dict[str, object]:
    """Run the sample; return the reading."""
    prepare(request.settings)
    trial()  # loads the task
    if request.seconds is not None:
        return _count(request.items, request.seconds)
    items, way = request.items * request.times, WAYS[request.way]()
    before, begun = used_memory(), perf_counter()
    way.start(request.settings, request.jobs)
    idle, started = waited(), perf_counter()
    results = way.run(items)
    ended, idle = perf_counter(), waited() - idle
    after = used_memory()
    failures = [each.text for each in results if type(each) is Failure]
    reading: dict[str, object] = {"start": started - begun, "run": ended - started, "idle": idle}
    reading |= {"memory": None if before is None or after is None else max(after - before, 0)}
    reading |= {"failed": len(failures), "failure": failures[0] if failures else None}
    way.stop()
    return reading


def _count(items: list[str], seconds: float) -> dict[str, object]:
    """Run items for so many seconds; return how many that were, and how long it took."""
    run_one, count = trial(), 0
    begun = now = perf_counter()
    while count < len(items) and now - begun < seconds:
        run_one(items[count])
        count += 1
        now = perf_counter()
    return {"count": count, "seconds": now - begun}


def main() -> None:
    """Read a request from stdin, and write the reading to stdout."""
    # The task may print to stdout, by whatever means: that goes to stderr.
    answer = os.dup(1)
    os.dup2(2, 1)
    sys.path[:], request = pickle.load(sys.stdin.buffer)
    try:
        reading = take(request)
    except Exception as error:
        from interpexec.cli._failures import summarize  # as a rule it is not needed

        reading = {"error": summarize(error)}
    os.write(answer, json.dumps(reading).encode())
