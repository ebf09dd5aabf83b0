"""A program that does everything at once to pools, by a seed: `chaos.py SEED ROUNDS`.

Each round makes a pool, does some tens of random things to it and its calls,
ends it in a random way, and then looks: every future has ended, with the
result or the error that it must have. At the end nothing is left.
"""

import _interpreters
import gc
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from random import Random
from time import monotonic

import mishaps
import tasks
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, NotShareableError

type Expected = tuple[str, object]
"""("result", value), or ("error", class)."""

LIMIT = 60.0


class Round:
    """One pool and all that is done to it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.pool: InterpreterPoolExecutor | None = InterpreterPoolExecutor(random.randint(1, 4))
        self.calls: list[tuple[Future[object], Expected]] = []
        self.chained: list[Future[object]] = []
        self.lock = threading.Lock()

    def _add(self, expected: Expected, fn: Callable[..., object], *args: object) -> None:
        assert self.pool is not None
        future = self.pool.submit(fn, *args)
        with self.lock:
            self.calls.append((future, expected))

    def submit(self) -> None:
        """Submit a call of some kind."""
        number = self.random.randrange(1000)
        large = bytes(self.random.choice([10, 70_000, 2_000_000]))
        self._add(*self.random.choice([
            (("result", number), tasks.same, number),
            (("result", large), tasks.same, large),
            (("result", -number), lambda n: -n, number),
            (("error", ZeroDivisionError), tasks.divide, number, 0),
            (("error", SystemExit), tasks.fail, SystemExit(number)),
            (("error", mishaps.Coded), mishaps.make_and_raise, _coded, number),
            (("error", NotShareableError), tasks.same, threading.Lock()),
            (("error", NotShareableError), mishaps.lock),
            (("error", NotShareableError), tasks.same, mishaps.ExplodesOnArrival()),
            (("error", RecursionError), mishaps.recurse),
        ]))  # fmt: skip

    def cancel(self) -> None:
        """Cancel some of the calls."""
        with self.lock:
            sample = self.random.sample(self.calls, len(self.calls) // 3)
        for future, _ in sample:
            future.cancel()

    def chain(self) -> None:
        """Let a callback submit another call."""
        pool = self.pool
        assert pool is not None

        def go_on(_: object) -> None:
            try:
                self.chained.append(pool.submit(tasks.same, 1))
            except RuntimeError:
                pass  # it was shut down in the meantime

        pool.submit(tasks.same, 0).add_done_callback(go_on)

    def _sizes(self) -> dict[str, int | None]:
        buffersize = self.random.choice([None, 3, 20])
        return {"chunksize": self.random.randint(1, 5), "buffersize": buffersize}

    def map_some(self) -> None:
        """Map, and look at some of the results only."""
        assert self.pool is not None
        sizes = {
            "chunksize": self.random.randint(1, 5),
            "buffersize": self.random.choice([None, 3, 20]),
        }
        results = self.pool.map(tasks.same, range(30), **sizes)
        for number in range(self.random.randrange(31)):
            assert next(results) == number

    def imap_some(self) -> None:
        """Map without order, and look at some of the results only."""
        assert self.pool is not None
        sizes = {
            "chunksize": self.random.randint(1, 5),
            "buffersize": self.random.choice([None, 3, 20]),
        }
        results = self.pool.imap_unordered(tasks.same, range(30), **sizes)
        seen = {next(results) for _ in range(self.random.randrange(31))}
        assert seen <= set(range(30))

    def ask(self) -> None:
        """Wait for some calls, one after another, some of them not to their end."""
        with self.lock:
            sample = self.random.sample(self.calls, min(5, len(self.calls)))
        for future, _ in sample:
            try:
                future.exception(self.random.choice([0, 0.001, 0.01, LIMIT]))
            except (TimeoutError, CancelledError):
                pass

    def one_by_one(self) -> None:
        """Submit a call, wait for its result, submit the next one."""
        assert self.pool is not None
        for number in range(self.random.randrange(20)):
            assert self.pool.submit(tasks.same, number).result(LIMIT) == number

    def collect(self) -> None:
        """Collect garbage."""
        gc.collect()

    def step(self) -> None:
        """Do one of these things."""
        rare = [
            self.ask,
            self.one_by_one,
            self.cancel,
            self.chain,
            self.map_some,
            self.imap_some,
            self.collect,
        ]
        self.random.choice([*[self.submit] * 10, *rare])()

    def finish(self) -> None:
        """End the pool in some way."""
        assert self.pool is not None
        way = self.random.randrange(5)
        if way == 0:
            self.pool.shutdown()
        elif way == 1:
            self.pool.shutdown(cancel_futures=True)
        elif way == 2:
            self.pool.shutdown(wait=False)
        elif way == 3:
            self.pool.shutdown(wait=False, cancel_futures=True)
        self.pool = None

    def check(self) -> None:
        """Every call has ended as it must."""
        futures = [future for future, _ in self.calls]
        assert not wait(futures, LIMIT).not_done, "a future stays pending"
        for future, (kind, expected) in self.calls:
            if future.cancelled():
                continue
            error = future.exception(0)
            if kind == "result":
                assert error is None, error
                assert future.result(0) == expected
            else:
                assert type(error) is expected, (type(error), expected)
        for future in list(self.chained):
            try:
                assert future.result(LIMIT) == 1
            except (CancelledError, BrokenInterpreterPool):
                assert future.cancelled()


def _coded(number: int) -> Exception:
    return mishaps.Coded(number, reason="chaos")


def run_round(random: Random) -> None:
    """Make a round, some of it in several threads."""
    chaos = Round(random)
    for _ in range(random.randint(1, 40)):
        chaos.step()
    if random.random() < 0.5:
        threads = [threading.Thread(target=_many_steps, args=(chaos,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    chaos.finish()
    chaos.check()


def _many_steps(chaos: Round) -> None:
    """Do things from one more thread."""
    for _ in range(20):
        chaos.step()


def census() -> tuple[int, int, int]:
    """Count descriptors, threads and interpreters.

    A pool that was dropped ends when nobody refers to it. Its last callbacks may do so for a
    while, and leave it in a circle of garbage then.
    """
    end = monotonic() + LIMIT
    while (others := threading.enumerate()[1:]) and monotonic() < end:
        gc.collect()
        others[0].join(0.1)
    gc.collect()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return descriptors, threading.active_count(), len(_interpreters.list_all())


def main() -> None:
    """Do it."""
    seed, rounds = map(int, sys.argv[1:])
    run_round(Random(0))
    before = census()
    random = Random(seed)
    for _ in range(rounds):
        run_round(random)
    assert census() == before, (census(), before)
    sys.stdout.write("well\n")


if __name__ == "__main__":
    main()
