"""The uses of the package that `interrupts` interrupts. Each is one kind of public call, in a loop.

A use loses nothing of its own when it is interrupted between two bytecodes: what it holds on to
is checked afterwards, and what it may have let slip ends by itself.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, as_completed, wait
from contextlib import closing
from typing import Any, ClassVar

import work

LIMIT = 10.0
"""Seconds within which a future that was got must finish, or a lock be free."""

SHORT, LONG = 0.004, 0.1
"""How long a step takes, some of them: an interrupt comes within so many seconds."""


class Trouble(Exception):  # noqa: N818  # it is found, not raised by what is tried
    """Something is wrong: two words, and what there is to say of it."""


def require(is_so: object, kind: str, detail: object = "") -> None:
    """Raise Trouble if something is not so."""
    if not is_so:
        raise Trouble(kind, str(detail))


_beside: list[threading.Thread] = []


def beside(function: Callable[..., object], *args: object) -> bool:
    """Call a function in a thread; say whether it came to its end in time.

    A check may be interrupted, and begun again: what it had begun ends first.
    """
    finish_beside()
    thread = threading.Thread(target=function, args=args, daemon=True)
    _beside.append(thread)
    thread.start()
    thread.join(2 * LIMIT)
    return not thread.is_alive()


def finish_beside() -> None:
    """Wait for what interrupted checks have begun."""
    for thread in _beside:
        if thread.ident is not None:
            thread.join(2 * LIMIT)


class Use:
    """One kind of use. `step` may be interrupted anywhere, `begin`, `check` and `end` may not."""

    span = SHORT
    portable = False
    """Whether threads can do it, too: they are the control group."""
    is_asyncio = False
    """Whether an event loop runs, which itself loses an interrupt now and then, and complains."""
    may_leave = False
    """Whether an interrupt may leave something open that only the caller could close."""

    def begin(self) -> None:
        """Make what is needed."""

    def step(self) -> None:
        """Use it once."""

    def check(self) -> None:
        """See that nothing is lost, and all of it still works."""

    def end(self) -> None:
        """Give everything back."""


class PoolUse(Use):
    """A use of one pool, of which futures are got."""

    workers = 2
    options: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, make: Callable[..., Any], step: Callable[[Any], object] | None = None
    ) -> None:
        """Make: the pool's class; step: what is done with this use."""
        self.make = make
        self._step = step
        self.got: list[Future[object]] = []

    def begin(self) -> None:
        """Make the pool, with all its workers."""
        self.pool = self.make(self.workers, **self.options)
        self.meet()

    def step(self) -> None:
        """Do what this was made with."""
        assert self._step is not None
        self._step(self)
        if len(self.got) > 500:
            self.check_futures()

    def submit(self, fn: Callable[..., object], *args: object) -> Future[object]:
        """Submit a call and remember its future."""
        self.got.append(future := self.pool.submit(fn, *args))
        return future

    def check_futures(self) -> None:
        """See all futures finish."""
        late = wait(self.got, LIMIT).not_done
        require(not late, "lost future", late)
        self.got.clear()

    def check(self) -> None:
        """See all futures finish, and the pool compute."""
        self.check_futures()
        self.check_pool()

    def check_pool(self) -> None:
        """Let the pool compute."""
        try:
            result = self.pool.submit(pow, 2, 10).result(LIMIT)
        except TimeoutError:
            raise Trouble("dead pool", "it does not answer") from None
        require(result == 1024, "wrong result", result)

    def meet(self) -> None:
        """Let all workers run a call at the same time."""
        knocks, knocker = os.pipe()
        entrance, key = os.pipe()
        calls = [self.pool.submit(work.meet, knocker, entrance) for _ in range(self.workers)]
        came = 0
        while came < self.workers and _readable(knocks):
            came += len(os.read(knocks, self.workers))
        os.close(key)
        require(came == self.workers, "lost worker", f"{came} of {self.workers} came")
        require(not wait(calls, LIMIT).not_done, "lost future", "of the meeting")
        for number in (knocks, knocker, entrance):
            os.close(number)

    def end(self) -> None:
        """Shut it down, when all its workers have met."""
        self.meet()
        self.pool.shutdown()
        del self.pool


def _readable(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], LIMIT)[0])


class Portable(PoolUse):
    """A use that any executor of the standard library knows."""

    portable = True


class Fresh(PoolUse):
    """A use that makes a pool each time."""

    span = LONG

    def begin(self) -> None:
        """Nothing is needed."""

    def check(self) -> None:
        """See all futures finish."""
        self.check_futures()

    def end(self) -> None:
        """Nothing is left to be ended."""


class PortableFresh(Fresh):
    """As `Fresh`, with any executor."""

    portable = True


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


# -- between interpreters ---------------------------------------------------------------------


class Channel(Use):
    """Sends and receives in one thread, in order."""

    def begin(self) -> None:
        """Make the channel."""
        from interpexec import create_channel

        self.receiver, self.sender = create_channel()
        self.sent = self.received = 0

    def step(self) -> None:
        """Send a number; receive what is there."""
        self.sent += 1
        self.sender.send(self.sent)
        while self.receiver:
            number = self.receiver.recv()
            require(number > self.received, "doubled message", number)
            self.received = number
            if number == self.sent:
                break

    def check(self) -> None:
        """Receive what was sent, and nothing else."""
        self.sent += 1
        self.sender.send(self.sent, timeout=LIMIT)
        while (number := self.receiver.recv(timeout=LIMIT)) != self.sent:
            require(number > self.received, "doubled message", number)
            self.received = number
        require(len(self.receiver) == 0, "doubled message")

    def end(self) -> None:
        """Let go of the channel."""
        self.receiver.release()
        self.sender.release()


class Echo(PoolUse):
    """Sends to a worker, and receives from it."""

    def begin(self) -> None:
        """Make both channels; the worker sends back what it gets."""
        from interpexec import create_channel

        super().begin()
        self.far_receiver, self.sender = create_channel(capacity=2)
        self.receiver, self.far_sender = create_channel()
        self.echo = self.pool.submit(work.echo, self.far_receiver, self.far_sender)
        self.sent = self.received = 0

    def step(self) -> None:
        """Send a number, and wait until it is back."""
        self.sent += 1
        self.sender.send(self.sent)
        self.await_number(None)

    def check(self) -> None:
        """Ask the worker for an answer."""
        self.sent += 1
        self.sender.send(self.sent, timeout=LIMIT)
        self.await_number(LIMIT)

    def await_number(self, timeout: float | None) -> None:
        """Wait for the number that was sent last; those that it overtakes were interrupted."""
        while (number := self.receiver.recv(timeout)) < self.sent:
            require(number > self.received, "doubled message", number)
            self.received = number

    def end(self) -> None:
        """End the worker's call."""
        self.sender.close()
        require(not wait([self.echo], LIMIT).not_done, "lost future", "of the echo")
        for end in (self.receiver, self.sender, self.far_receiver, self.far_sender):
            end.release()
        super().end()


class ChannelsMade(Use):
    """Makes channels and lets go of them."""

    def step(self) -> None:
        """Make one, use it and let go of it."""
        from interpexec import create_channel

        receiver, sender = create_channel()
        with receiver, sender:
            sender.send(1)
            receiver.recv()


class Queue(PoolUse):
    """Puts into a queue from which a worker takes, and waits until all is dealt with."""

    def begin(self) -> None:
        """Make the queue; let a worker take."""
        from interpexec import sync

        super().begin()
        self.queue = sync.Queue(5)
        self.taker = self.pool.submit(work.take_from, self.queue)

    def step(self) -> None:
        """Put, and wait."""
        for _ in range(3):
            self.queue.put(1)
        self.queue.join()

    def check(self) -> None:
        """Let the queue run empty."""
        self.queue.put(1, timeout=LIMIT)
        require(beside(self.queue.join), "hanging join", self.queue.qsize())

    def end(self) -> None:
        """End the worker's call."""
        self.queue.put(None)
        require(not wait([self.taker], LIMIT).not_done, "lost future", "of the taker")
        del self.queue
        super().end()


class Get(Use):
    """Puts and takes in one thread."""

    def begin(self) -> None:
        """Make the queue."""
        from interpexec import sync

        self.queue = sync.Queue()
        self.checks = 0

    def step(self) -> None:
        """Put, and take."""
        self.queue.put(0)
        self.queue.get()

    def check(self) -> None:
        """Use it again. In it may be what interrupted steps have put there."""
        self.checks += 1  # a check may be interrupted, too, and begun again
        self.queue.put(self.checks, timeout=LIMIT)
        while self.queue.get(timeout=LIMIT) != self.checks:
            pass
        require(self.queue.empty(), "doubled message")

    def end(self) -> None:
        """Forget it."""
        del self.queue


class Locks(PoolUse):
    """Takes a lock of some kind, for which a worker contends."""

    def __init__(self, make: Callable[..., Any], kind: str, *args: object) -> None:
        """Kind: its name in `sync`."""
        super().__init__(make)
        self.kind, self.args = kind, args

    def begin(self) -> None:
        """Make the lock."""
        from interpexec import sync

        super().begin()
        self.lock = getattr(sync, self.kind)(*self.args)
        self.rival: Future[object] | None = None

    def step(self) -> None:
        """Take it, and give it back."""
        if self.rival is None or self.rival.done():
            self.rival = self.submit(work.contend, self.lock, 200)
        with self.lock:
            self.in_it()

    def in_it(self) -> None:
        """Do what can be done when one has it."""
        if self.kind == "RLock":
            with self.lock:
                pass
        elif self.kind == "Condition":
            self.lock.notify_all()
            self.lock.wait(0.0005)

    def check(self) -> None:
        """Let another thread take it, whole."""
        super().check()
        places = self.args[0] if self.args else 1
        took: list[bool] = []
        beside(self._take, places, took)
        require(took == [True] * places, "lost lock", took)  # type: ignore[operator]

    def _take(self, places: int, took: list[bool]) -> None:
        """Take all places, and give them back."""
        if self.kind == "Condition":
            took.append(self.lock.acquire(timeout=LIMIT))
            self.lock.release()
            return
        took += [self.lock.acquire(timeout=LIMIT) for _ in range(places)]
        for has_it in took:
            if has_it:
                self.lock.release()

    def end(self) -> None:
        """Forget it."""
        del self.lock
        super().end()


class Event(Use):
    """Sets, clears and waits for an event."""

    def begin(self) -> None:
        """Make it."""
        from interpexec import sync

        self.event = sync.Event()

    def step(self) -> None:
        """Use it."""
        self.event.clear()
        self.event.wait(0.0005)
        self.event.set()
        self.event.wait()

    def check(self) -> None:
        """Let another thread wait for it."""
        self.event.clear()
        require(beside(self._wait_and_set), "lost wake-up")

    def _wait_and_set(self) -> None:
        """Wait for what is set a moment later."""
        setting = threading.Timer(0.001, self.event.set)
        setting.start()
        self.event.wait(LIMIT)
        setting.join()

    def end(self) -> None:
        """Forget it."""
        del self.event


class Barrier(Use):
    """Waits at a barrier, again and again, with a thread that was there before any interrupt."""

    def begin(self) -> None:
        """Make it, and start the other thread: `Thread.start` itself suffers from interrupts."""
        from interpexec import sync

        self.barrier = sync.Barrier(2)
        self.over = threading.Event()
        self.other = threading.Thread(target=self._attend, daemon=True)
        self.other.start()

    def _attend(self) -> None:
        """Wait; mend the barrier when it breaks. Who mends it must be one alone."""
        while not self.over.is_set():
            try:
                self.barrier.wait()
            except threading.BrokenBarrierError:
                self.barrier.reset()

    def step(self) -> None:
        """Wait together."""
        try:
            self.barrier.wait()
        except threading.BrokenBarrierError:
            pass  # it was interrupted before, and is not mended yet

    def check(self) -> None:
        """Wait together: soon the other thread has mended it."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                self.barrier.wait(LIMIT)
            except threading.BrokenBarrierError:
                continue
            return
        raise Trouble("broken barrier", "")

    def end(self) -> None:
        """Let the other thread go."""
        self.over.set()
        while self.other.is_alive():
            self.barrier.abort()
            self.other.join(0.01)
        del self.barrier


class Buffers(Use):
    """Makes shared memory, and gives it back."""

    def step(self) -> None:
        """Make a block, write into it, and read it as another holder."""
        from interpexec import SharedBuffer

        with SharedBuffer(8192) as block:
            block[0:2] = b"ab"
            with block.toreadonly() as other:
                require(other[0:2] == b"ab", "wrong result")


class Tokens(Use):
    """Sends something as bytes."""

    may_leave = True  # a token that nobody takes: its caller was interrupted before it had it

    def step(self) -> None:
        """Make a token of something, and something of the token."""
        from interpexec import sharing

        require(sharing.from_token(sharing.to_token([1, 2])) == [1, 2], "wrong result")


# -- asyncio ----------------------------------------------------------------------------------


class Asyncio(PoolUse):
    """Runs an event loop that uses the pool in some way."""

    span = LONG
    is_asyncio = True

    def __init__(self, make: Callable[..., Any], run: Callable[[Any], Any]) -> None:
        """Run: a coroutine function that is given the pool."""
        super().__init__(make)
        self._run = run

    def step(self) -> None:
        """Run it."""
        asyncio.run(self._run(self.pool))


class PortableAsyncio(Asyncio):
    """As `Asyncio`, with any executor."""

    portable = True


async def run_in_executor(pool: Any) -> None:
    """Wait for some calls."""
    loop = asyncio.get_running_loop()
    for _ in range(10):
        calls: Iterable[Any] = [loop.run_in_executor(pool, pow, 2, n) for n in range(5)]
        require(await asyncio.gather(*calls) == [1, 2, 4, 8, 16], "wrong result")


async def aio_map(pool: Any) -> None:
    """Map, and take all results."""
    from interpexec import aio

    require([value async for value in aio.map(pool, abs, ITEMS)] == RESULTS, "wrong result")


async def aio_imap(pool: Any) -> None:
    """Map without order, and take all results."""
    from interpexec import aio

    results = [value async for value in aio.imap_unordered(pool, abs, ITEMS)]
    require(sorted(results) == sorted(RESULTS), "wrong result")


type Maker = Callable[[Callable[..., Any]], Use]

USES: dict[str, Maker] = {
    **{
        name: lambda make, step=step: Portable(make, step)  # type: ignore[misc]
        for name, step in {
            "result": result, "submit": submit, "cancel": cancel, "wait": wait_for_all,
            "callback": callback, "many": many, "large": large, "map": map_all,
            "map some": map_some,
        }.items()
    },
    **{
        name: lambda make, step=step: PoolUse(make, step)  # type: ignore[misc]
        for name, step in {
            "time limit": limited, "view": view, "file": file, "shared": shared,
            "broadcast": broadcast, "workers": look, "dump_stacks": dump_stacks,
            "map buffered": map_buffered, "imap": imap_all, "imap some": imap_some,
        }.items()
    },
    **{
        name: lambda make, step=step: PortableFresh(make, step)  # type: ignore[misc]
        for name, step in {
            "shutdown": shut_down, "shutdown at once": shut_down_at_once, "with": leave_with,
            "drop": drop,
        }.items()
    },
    "warm": lambda make: Fresh(make, warm),
    "terminate": lambda make: Fresh(make, terminate),
    **{
        name: lambda make, name=name, places=places: Locks(make, name, *places)  # type: ignore[misc]
        for name, places in {
            "Lock": (), "RLock": (), "Condition": (), "Semaphore": (3,), "BoundedSemaphore": (3,),
        }.items()
    },
    "cancel running": CancelRunning,
    "time is over": Expire,
    "channel": lambda _: Channel(),
    "channel echo": Echo,
    "channels made": lambda _: ChannelsMade(),
    "queue join": Queue,
    "queue get": lambda _: Get(),
    "Event": lambda _: Event(),
    "Barrier": lambda _: Barrier(),
    "buffers": lambda _: Buffers(),
    "tokens": lambda _: Tokens(),
    "run_in_executor": lambda make: PortableAsyncio(make, run_in_executor),
    "aio.map": lambda make: Asyncio(make, aio_map),
    "aio.imap_unordered": lambda make: Asyncio(make, aio_imap),
}  # fmt: skip
