"""A use of the package for `interrupts`, in a loop, that checks what it holds on to.

A use loses nothing of its own when it is interrupted between two bytecodes: what it holds on to
is checked afterwards, and what it may have let slip ends by itself.
"""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
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
    # An interrupt in `Thread.start` leaves a thread that never runs and is never forgotten.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    thread.join(2 * LIMIT)
    return not thread.is_alive()


def finish_beside() -> None:
    """Wait for what interrupted checks have begun."""
    for thread in _beside:
        if thread.ident is not None:
            thread.join(2 * LIMIT)
    _beside.clear()  # one that was never started refers to what is to be gone at the end


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
