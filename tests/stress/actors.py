"""The loads of the soak: each does one kind of thing, round by round, and checks every result.

A call tells through a pipe that it was run; so a call that was lost, or run twice, is seen.
"""

import asyncio
import os
import select
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from random import Random
from typing import Any, ClassVar

import work
from activities import make_pool
from use import require

LIMIT = 150.0
"""Seconds within which a future must finish, on a busy machine."""


class Actor:
    """One thread of the soak. `round` is what it does again and again."""

    def __init__(self, pool: Any, random: Random, counts: Counter[str]) -> None:
        """Pool: that of all actors."""
        self.pool, self.random, self.counts = pool, random, counts
        self.make = make_pool("interpexec")
        self.runs, self.told = os.pipe()
        self.last_round = time.monotonic()

    def round(self) -> None:
        """Do it once."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what is held between the rounds."""
        os.close(self.runs)
        os.close(self.told)

    def await_all(self, futures: list[Any], kind: str = "calls") -> None:
        """Wait until all futures have finished."""
        self.counts[kind] += len(futures)
        late = len(wait(futures, LIMIT).not_done)
        self.counts["lost"] += late
        require(not late, "lost future", late)

    def check_runs(self, least: int, most: int) -> None:
        """Check how many calls were run: not fewer, and none of them twice."""
        count = 0
        while select.select([self.runs], [], [], 0)[0]:
            count += len(os.read(self.runs, 1 << 16))
        self.counts["lost"] += max(0, least - count)
        self.counts["doubled"] += max(0, count - most)
        require(least <= count <= most, "wrong number of runs", f"{least} <= {count} <= {most}")

    def values(self) -> list[object]:
        """Return some values, small and large ones."""
        sizes = [0, 10, 1000, 70_000, 1_000_000]
        some: list[object] = [self.random.choice([n, str(n), [n, {n: None}]]) for n in range(20)]
        return [*some, *(os.urandom(self.random.choice(sizes)) for _ in range(3))]


class Calls(Actor):
    """Calls with small and large arguments and results."""

    def round(self) -> None:
        """Submit them all, or one after another."""
        values, futures = self.values(), []
        wait_for_each = self.random.random() < 0.3
        for value in values:
            futures.append(self.pool.submit(work.mark, self.told, value))
            if wait_for_each:
                require(futures[-1].result(LIMIT) == value, "wrong result")
        self.await_all(futures)
        require([future.result() for future in futures] == values, "wrong result")
        self.check_runs(len(values), len(values))


class Maps(Actor):
    """Maps, ordered and not, to their end."""

    def round(self) -> None:
        """Map, and take all of it."""
        sizes = {
            "chunksize": self.random.choice([None, 1, 7]),
            "buffersize": self.random.choice([None, 5, 100]),
        }
        # Five calls at a time wait behind those of the other actors again and again.
        longest = 300 if sizes["buffersize"] == 5 else 3000
        count = self.random.choice([1, 30, 300, longest])
        do_item = partial(work.mark, self.told)
        if self.random.random() < 0.5:
            seen = list(self.pool.map(do_item, range(count), timeout=LIMIT, **sizes))
        else:
            results = self.pool.imap_unordered(do_item, range(count), timeout=LIMIT, **sizes)
            seen = sorted(results)
        self.counts["items"] += count
        require(seen == list(range(count)), "wrong result", seen)
        self.check_runs(count, count)


class AbandonedMaps(Actor):
    """Maps of which some results are taken, and the others given up."""

    def round(self) -> None:
        """Map in a view of the pool, take some."""
        count = self.random.choice([30, 300])
        taken = self.random.randrange(1, count)
        results = self.pool.map(abs, range(-count, 0), buffersize=self.random.choice([None, 20]))
        seen = [next(results) for _ in range(taken)]
        if self.random.random() < 0.5:
            results.close()
        self.counts["items"] += taken
        require(seen == [count - n for n in range(taken)], "wrong result", seen)


class Cancels(Actor):
    """Cancels of calls that run, wait or are done, among others that are left alone."""

    def __init__(self, pool: Any, random: Random, counts: Counter[str]) -> None:
        """Make the pipe by which calls say that they run."""
        super().__init__(pool, random, counts)
        self.begun, self.begins = os.pipe()

    def round(self) -> None:
        """Cancel one that runs, and some that may wait."""
        others = [self.pool.submit(work.mark, self.told, n) for n in range(5)]
        running = self.pool.submit(work.begin_and_spin, self.begins, LIMIT)
        pending = [self.pool.submit(abs, -n) for n in range(5)]
        os.read(self.begun, 1)
        wait([running], self.random.random() * 0.01)
        require(running.cancel(), "not cancelled")
        self.counts["cancels"] += 1 + sum([future.cancel() for future in pending])
        self.await_all([*others, running, *pending])
        require([future.result() for future in others] == list(range(5)), "wrong result")
        for number, future in enumerate(pending):
            require(future.cancelled() or future.result() == number, "wrong result")
        self.check_runs(len(others), len(others))

    def close(self) -> None:
        """Close the pipe."""
        super().close()
        os.close(self.begun)
        os.close(self.begins)


class Limits(Actor):
    """Time limits, near and far."""

    def __init__(self, pool: Any, random: Random, counts: Counter[str]) -> None:
        """Open where the stopped calls may write, also when their future has finished."""
        super().__init__(pool, random, counts)
        self.nowhere = os.open(os.devnull, os.O_WRONLY)

    def close(self) -> None:
        """Close it."""
        super().close()
        os.close(self.nowhere)

    def round(self) -> None:
        """Let one call run into its limit, and others not."""
        hurried = self.pool.with_options(timeout=0.02)
        short = hurried.submit(work.begin_and_spin, self.nowhere, LIMIT)
        far = self.pool.with_options(timeout=LIMIT).submit(work.mark, self.told, 5)
        self.await_all([short, far])
        self.counts["time limits"] += 1
        require(isinstance(short.exception(), TimeoutError), "wrong result", short)
        require(far.result() == 5, "wrong result", far)
        self.check_runs(1, 1)


class Errors(Actor):
    """Calls that raise, and calls that cannot be sent."""

    def round(self) -> None:
        """Submit some."""
        numbers = range(self.random.randrange(1, 10))
        failing = [self.pool.submit(work.mark_and_fail, self.told, number) for number in numbers]
        refused = self.pool.submit(work.mark, self.told, threading.Lock())
        self.await_all([*failing, refused])
        for number, future in zip(numbers, failing, strict=True):
            error = future.exception()
            require(isinstance(error, LookupError) and error.args == (number,), "wrong result")
        require(refused.exception() is not None, "wrong result")
        self.check_runs(len(numbers), len(numbers))


class Broadcasts(Actor):
    """Broadcasts, and looks at the workers."""

    def round(self) -> None:
        """Broadcast; a worker that ends meanwhile cancels its future."""
        futures = self.pool.broadcast(pow, 2, 10)
        self.await_all(futures, "broadcasts")
        for future in futures:
            require(future.cancelled() or future.result() == 1024, "wrong result", future)
        self.pool.workers()
        self.pool.dump_stacks()


class Sharing(Actor):
    """Shared memory, and views."""

    def round(self) -> None:
        """Let calls write into a block side by side; lend a view."""
        from interpexec import SharedBuffer

        parts = [self.random.randrange(1, 256) for _ in range(8)]
        expected = b"".join(bytes([byte]) * 64 for byte in parts)
        with SharedBuffer(len(expected)) as block:
            writing = [
                self.pool.submit(work.fill, self.told, block, 64 * place, byte)
                for place, byte in enumerate(parts)
            ]
            self.await_all(writing)
            require(block[0 : len(block)] == expected, "wrong result")
        lent = self.pool.submit(work.first_byte, memoryview(bytearray(expected)))
        self.await_all([lent])
        require(lent.result() == expected[:1], "wrong result")
        self.check_runs(len(parts), len(parts))


class Channels(Actor):
    """A channel to a worker, and another one back."""

    def round(self) -> None:
        """Send messages, small and large; they come back in order."""
        from interpexec import create_channel

        there, sender = create_channel(self.random.choice([None, 1, 5]))
        receiver, back = create_channel()
        echo = self.pool.submit(work.echo, there, back)
        values = self.values()
        sending = threading.Thread(target=_send_all, args=(sender, values))
        sending.start()
        require([receiver.recv(LIMIT) for _ in values] == values, "wrong result")
        sending.join()
        self.counts["messages"] += 2 * len(values)
        self.await_all([echo])
        for end in (there, sender, receiver, back):
            end.release()


def _send_all(sender: Any, values: list[object]) -> None:
    """Send it all; that is the end of the channel."""
    for value in values:
        sender.send(value)
    sender.close()


class Recycling(Actor):
    """A pool of its own, whose workers are replaced after a few calls."""

    def round(self) -> None:
        """Make it, use it, and leave it."""
        with self.make(2, max_tasks_per_child=self.random.randint(1, 5)) as pool:
            futures = [pool.submit(work.mark, self.told, n) for n in range(15)]
            self.await_all(futures)
        require([future.result() for future in futures] == list(range(15)), "wrong result")
        self.check_runs(15, 15)


class Pools(Actor):
    """Pools that come and go in all ways."""

    def round(self) -> None:
        """Make one, use it, and end it in some way."""
        pool = self.make(self.random.randint(1, 3))
        futures: list[Future[object]] = [pool.submit(pow, 2, n) for n in range(10)]
        way = self.random.randrange(5)
        if way == 0:
            pool.shutdown()
        elif way == 1:
            pool.shutdown(wait=False)
        elif way == 2:
            pool.shutdown(wait=False, cancel_futures=True)
        elif way == 3:
            pool.terminate_workers()
        del pool
        self.await_all(futures)
        self.counts["pools"] += 1
        for number, future in enumerate(futures):
            cancelled = way in {2, 3} and future.cancelled()
            require(cancelled or future.result() == 2**number, "wrong result", future)


class Asyncio(Actor):
    """An event loop that waits for calls and for maps, and gives some up."""

    def round(self) -> None:
        """Run it."""
        asyncio.run(self._use())

    async def _use(self) -> None:
        from interpexec import aio

        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(self.pool, work.mark, self.told, n) for n in range(10)]
        require(await asyncio.gather(*calls) == list(range(10)), "wrong result")
        self.counts["calls"] += 10
        items = [value async for value in aio.map(self.pool, abs, range(-50, 0))]
        require(items == list(range(50, 0, -1)), "wrong result")
        self.counts["items"] += 50
        given_up = asyncio.create_task(aio.run(self.pool, time.sleep, 0.05))
        await asyncio.sleep(self.random.random() * 0.05)
        given_up.cancel()
        try:
            await given_up
        except asyncio.CancelledError:
            self.counts["cancels"] += 1
        self.check_runs(10, 10)


class Definitions(Actor):
    """Functions and classes that change while they are sent; classes made for one call."""

    def round(self) -> None:
        """Let another thread change a class; each call sees it as it was then, or later."""

        class State:
            number = 0
            items: ClassVar[list[int]] = []

        def look() -> tuple[int, int]:
            return State.number, len(State.items)

        def change() -> None:
            for number in range(self.random.randrange(1, 3000)):
                State.number = number
                State.items.append(number)
                if number % 50 == 0:
                    State.items = []

        thread = threading.Thread(target=change)
        thread.start()
        for _ in range(30):
            least = State.number
            found, _ = self.pool.submit(look).result(LIMIT)
            require(least <= found <= State.number, "a change was not seen", (least, found))
            self._make(found)
        thread.join()
        require(self.pool.submit(look).result(LIMIT) == look(), "a change was not seen")
        self.counts["calls"] += 91

    def _make(self, number: int) -> None:
        """Send a class, and an instance of it, that exist for this only."""

        class Made:
            def __init__(self) -> None:
                self.number = number

            def both(self) -> tuple[int, type]:
                return self.number, Made

        found = self.pool.submit(Made().both).result(LIMIT)
        require(found == (number, Made), "wrong class", found)
        require(type(self.pool.submit(Made).result(LIMIT)) is Made, "wrong class")


ACTORS: dict[str, Callable[[Any, Random, Counter[str]], Actor]] = {
    "calls": Calls, "maps": Maps, "abandoned maps": AbandonedMaps, "cancels": Cancels,
    "limits": Limits, "errors": Errors, "broadcasts": Broadcasts, "sharing": Sharing,
    "channels": Channels, "recycling": Recycling, "pools": Pools, "asyncio": Asyncio,
    "definitions": Definitions,
}  # fmt: skip
