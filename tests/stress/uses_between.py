"""Uses of what interpreters share: channels, queues, locks, memory, tokens."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

import work
from use import LIMIT, PoolUse, Trouble, Use, beside, require


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
        """Wait; mend the barrier when it breaks, which one thread alone must do."""
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
