"""Running calls are cancelled at random moments, among ordinary ones, by several threads.

    INTERPEXEC_CANCELS=5000 python -m pytest -o faulthandler_timeout=900 tests/cancel

Each ends an interpreter, of which CPython 3.13 leaks about 2 MB.
"""

import threading
from collections import Counter
from concurrent.futures import Future, wait
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import shielded
import slow_pickles
import stoppable
from gates import Gate, gate
from interpexec import InterpreterPoolExecutor
from repetitions import CANCELS, SEED
from stops import TIME_LIMIT, Pipe, finish, pipe, pool_of

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BLOCKED = 8
"""How many calls of each thread stay blocked until the end, long after they were cancelled."""

LONG = 4 * TIME_LIMIT
"""Seconds for one thread's last calls on a busy machine."""


class Chaos:
    """One thread's calls and cancels, and the results that must come of them."""

    def __init__(
        self, pool: InterpreterPoolExecutor, random: Random, told: Pipe, door: Gate, cancels: int
    ) -> None:
        self.pool = pool
        self.random = random
        self.told = told
        self.door = door
        self.cancels = cancels
        self.done = 0
        self.blocked = 0
        self.ordinary: list[tuple[Future[Any], Callable[[Future[Any]], bool]]] = []
        self.cancelled: list[tuple[Future[Any], list[object]]] = []
        self.errors: list[BaseException] = []

    def run(self) -> None:
        """Do it, until so many running calls were cancelled."""
        try:
            with pipe() as begun:
                while self.done < self.cancels:
                    self.random.choice([self.submit, self.submit, self.stop])(begun)
                self.check()
                assert begun.rest() == b""
        except BaseException as error:
            self.errors.append(error)

    def submit(self, _begun: Pipe) -> None:
        """Submit some ordinary calls, of which nobody cancels any."""
        number = self.random.randrange(1000)
        pool = self.pool
        if self.random.random() < 0.2:
            pool = pool.with_options(timeout=LONG)
        for _ in range(self.random.randrange(1, 4)):
            add = self.ordinary.append
            kind = self.random.randrange(5)
            if kind == 0:
                add(
                    (
                        pool.submit(stoppable.same, number),
                        lambda future, number=number: future.result(0) == number,  # type: ignore[misc]
                    )
                )
            elif kind == 1:
                add(
                    (
                        pool.submit(stoppable.work, number),
                        lambda future, number=number: future.result(0)[0] == number,  # type: ignore[misc]
                    )
                )
            elif kind == 2:
                add(
                    (
                        pool.submit(stoppable.fail_with, number),
                        lambda future, number=number: (  # type: ignore[misc]
                            isinstance(future.exception(0), LookupError)
                            and future.exception(0).args == (number,)
                        ),
                    )
                )
            elif kind == 3:
                add(
                    (
                        pool.submit(shielded.shield_in_passing, number),
                        lambda future, number=number: future.result(0) == number,  # type: ignore[misc]
                    )
                )
            else:
                items = list(range(number, number + 20))
                assert list(pool.map(stoppable.same, items, chunksize=7)) == items

    def stop(self, begun: Pipe) -> None:
        """Let a call begin, and cancel it at some moment."""
        functions: list[tuple[Callable[..., object], tuple[object, ...]]] = [
            (stoppable.spin, (begun.writer,)),
            (stoppable.spin_and_clean, (begun.writer, self.told.writer)),
            (stoppable.spin_and_clean, (begun.writer, self.told.writer)),
            (stoppable.spin_among_exceptions, (begun.writer,)),
            (stoppable.spin_in_finalizers, (begun.writer,)),
            (stoppable.spin_at_work, (begun.writer,)),
            (stoppable.spin_in_imports, (begun.writer,)),
            (stoppable.same, (slow_pickles.SpinsOnArrival(begun.writer),)),
            (slow_pickles.make_spinner, (begun.writer,)),
        ]
        if self.random.random() < 0.05 and self.blocked < MOST_BLOCKED:
            self.blocked += 1
            functions = [(stoppable.block_in_lock, ((begun.writer, self.door.handle[1]),))]
        function, args = self.random.choice(functions)
        called: list[object] = []
        future = self.pool.submit(function, *args)
        future.add_done_callback(called.append)
        self.cancelled.append((future, called))
        begun.hear()
        moment = self.random.random()
        if moment < 0.5:
            wait([future], moment**4)  # at a random moment of what it does
        elif moment < 0.6:
            threading.Thread(target=wait, args=([future],)).start()
        assert future.running()
        assert future.cancel()
        self.done += 1

    def check(self) -> None:
        """Every call has ended as it must."""
        futures = [future for future, _ in self.ordinary]
        assert wait(futures, LONG).not_done == set(), "a result was lost"
        for future, fits in self.ordinary:
            assert not future.cancelled(), "a wrong call was cancelled"
            assert fits(future), future
        for future, called in self.cancelled:
            assert future.cancelled()
            assert called == [future]


@pytest.mark.slow
@pytest.mark.parametrize("cancel_threads", [1, 3])
def test_cancels_at_random_moments(cancel_threads: int) -> None:
    """No result is lost, no wrong call cancelled, no `finally` left out, nothing left over."""
    with pipe() as told, gate() as door:
        with pool_of(4) as pool:
            share = -(-CANCELS // (2 * cancel_threads))
            all_of_it = [
                Chaos(pool, Random(SEED + number), told, door, share)
                for number in range(cancel_threads)
            ]
            threads = [threading.Thread(target=chaos.run) for chaos in all_of_it]
            for thread in threads:
                thread.start()
            words: Counter[int] = Counter()
            while any(thread.is_alive() for thread in threads):
                threads[0].join(0.01)
                words.update(told.rest())
            door.open()
            for thread in threads:
                finish(thread)
            for chaos in all_of_it:
                for error in chaos.errors:
                    raise error
        words.update(told.rest())
    # A call that is hit has come as far as the outer `try`, or farther.
    assert words[ord("w")] <= words[ord("i")] <= words[ord("o")]
    begun = [
        future
        for chaos in all_of_it
        for future, _ in chaos.cancelled
        if future._name == "spin_and_clean"
    ]
    assert words[ord("w")] == words[ord("o")] == len(begun)
