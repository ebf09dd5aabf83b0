"""Uses of pools: calls, maps, and pools that come and go."""

import os
import threading
from concurrent.futures import as_completed, wait
from contextlib import closing

import work
from use import LIMIT, LONG, PoolUse, require

# -- calls ------------------------------------------------------------------------------------


def result(use: PoolUse) -> None:
    """Wait for a result."""
    require(use.submit(pow, 2, 5).result() == 32, "wrong result")


def submit(use: PoolUse) -> None:
    """Submit, and do not wait."""
    use.submit(pow, 2, 5)


def cancel(use: PoolUse) -> None:
    """Cancel what may be pending, running or done."""
    use.submit(pow, 2, 5).cancel()


def wait_for_all(use: PoolUse) -> None:
    """Wait for some futures, in the ways of the standard library."""
    futures = [use.submit(pow, 2, n) for n in range(5)]
    require(not wait(futures).not_done, "wrong result")
    require({future.result() for future in as_completed(futures)} == {1, 2, 4, 8, 16},
            "wrong result")  # fmt: skip


def callback(use: PoolUse) -> None:
    """Add a callback, and wait for its call."""
    called = threading.Event()
    use.submit(pow, 2, 5).add_done_callback(lambda _: called.set())
    require(called.wait(LIMIT), "lost callback")


def many(use: PoolUse) -> None:
    """Submit many, and wait for the last."""
    [use.submit(pow, 2, 5) for _ in range(50)][-1].result()


def group(use: PoolUse) -> None:
    """Wait for a group of calls."""
    with use.pool.group() as calls:
        use.got += (futures := [calls.submit(pow, 2, n) for n in range(5)])
    require([future.result(0) for future in futures] == [1, 2, 4, 8, 16], "wrong result")
    require(not calls._count, "lost call", calls)


def group_fails(use: PoolUse) -> None:
    """Have a call of a group fail, and stop the others."""
    try:
        with use.pool.group() as calls:
            use.got += [calls.submit(pow, 2, n) for n in range(5)]
            use.got.append(calls.submit(int, "spam"))
            use.got.append(calls.submit(work.begin_and_spin, 1, 0.3))
    except (ValueError, RuntimeError):  # it has failed before the last call
        require(not calls._count, "lost call", calls)
    else:
        require(False, "lost failure")


class CancelRunning(PoolUse):
    """Cancels calls that run."""

    span = LONG

    def begin(self) -> None:
        """Make the pipe by which calls say that they have begun."""
        self.begun, self.begins = os.pipe()
        super().begin()

    def step(self) -> None:
        """Cancel a call that has begun; unnoticed it ends soon by itself."""
        future = self.submit(work.begin_and_spin, self.begins, 0.3)
        os.read(self.begun, 1)
        future.cancel()

    def end(self) -> None:
        """Close the pipe."""
        super().end()
        os.close(self.begun)
        os.close(self.begins)


def limited(use: PoolUse) -> None:
    """Wait for a call with a time limit that is far."""
    use.got.append(future := use.pool.with_options(timeout=30).submit(pow, 2, 5))
    require(future.result() == 32, "wrong result")


class Expire(PoolUse):
    """Waits for calls whose time is over."""

    span = LONG

    def step(self) -> None:
        """Submit what takes longer than it may."""
        limited_pool = self.pool.with_options(timeout=0.005)
        self.got.append(future := limited_pool.submit(work.begin_and_spin, 1, 0.3))
        require(isinstance(future.exception(), TimeoutError), "wrong result", future)


def large(use: PoolUse) -> None:
    """Wait for a large result."""
    require(len(use.submit(bytes, 1 << 20).result()) == 1 << 20, "wrong result")  # type: ignore[arg-type]


def view(use: PoolUse) -> None:
    """Lend a view of memory."""
    block = bytearray(b"x" * (1 << 16))
    require(use.submit(work.first_byte, memoryview(block)).result() == b"x", "wrong result")


def file(use: PoolUse) -> None:
    """Send a file."""
    with open(os.devnull, "rb") as opened:
        require(use.submit(work.descriptor_works, opened).result(), "wrong result")


def shared(use: PoolUse) -> None:
    """Send a SharedBuffer."""
    from interpexec import SharedBuffer

    with SharedBuffer.copy_of(b"x" * 4096) as buffer:
        require(use.submit(work.first_byte, buffer).result() == b"x", "wrong result")


def broadcast(use: PoolUse) -> None:
    """Broadcast, and wait for all answers."""
    futures = use.pool.broadcast(pow, 2, 3)
    use.got += futures
    require([future.result() for future in futures] == [8] * use.workers, "wrong result", futures)


def look(use: PoolUse) -> None:
    """Ask what the workers do."""
    use.submit(pow, 2, 5)
    require(len(use.pool.workers()) == use.workers, "lost worker")


def dump_stacks(use: PoolUse) -> None:
    """Ask for stacks."""
    use.submit(pow, 2, 5)
    use.pool.dump_stacks()


# -- maps -------------------------------------------------------------------------------------

ITEMS = range(-50, 0)
RESULTS = list(range(50, 0, -1))


def map_all(use: PoolUse) -> None:
    """Map, and take all results."""
    require(list(use.pool.map(abs, ITEMS)) == RESULTS, "wrong result")


def map_some(use: PoolUse) -> None:
    """Map, and take some results."""
    results = use.pool.map(abs, ITEMS)
    require([next(results) for _ in range(10)] == RESULTS[:10], "wrong result")


def map_buffered(use: PoolUse) -> None:
    """Map, a few items at a time."""
    require(list(use.pool.map(abs, ITEMS, chunksize=3, buffersize=6)) == RESULTS, "wrong result")


def imap_all(use: PoolUse) -> None:
    """Map without order, and take all results."""
    require(sorted(use.pool.imap_unordered(abs, ITEMS)) == sorted(RESULTS), "wrong result")


def imap_some(use: PoolUse) -> None:
    """Map without order, and close the iterator half way."""
    with closing(use.pool.imap_unordered(abs, ITEMS)) as results:
        for _ in range(10):
            next(results)


# -- pools that come and go -------------------------------------------------------------------


def shut_down(use: PoolUse) -> None:
    """Make a pool, use it and shut it down."""
    pool = use.make(1)
    use.got.append(pool.submit(pow, 2, 5))
    pool.shutdown()


def shut_down_at_once(use: PoolUse) -> None:
    """Make a pool, use it, shut it down without waiting, and again with."""
    pool = use.make(1)
    use.got.append(pool.submit(pow, 2, 5))
    pool.shutdown(wait=False, cancel_futures=True)
    pool.shutdown()


def leave_with(use: PoolUse) -> None:
    """Use a pool in a `with` block."""
    with use.make(2) as pool:
        use.got.append(pool.submit(pow, 2, 5))


def drop(use: PoolUse) -> None:
    """Make a pool, use it and forget it."""
    use.got.append(use.make(1).submit(pow, 2, 5))


def warm(use: PoolUse) -> None:
    """Make a pool, and wait until its workers are ready."""
    with use.make(2) as pool:
        pool.warm()


def terminate(use: PoolUse) -> None:
    """Make a pool, and stop what runs."""
    pool = use.make(1)
    use.got.append(pool.submit(work.begin_and_spin, 1, 0.3))
    pool.terminate_workers()
