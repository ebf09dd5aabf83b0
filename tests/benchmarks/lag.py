"""The lag of an event loop: one reading, in a process of its own. See `loop_lag.py`."""

import asyncio
import statistics
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module

from benchmarks.contenders import CONTENDERS, OURS, PROCESSES, STDLIB, THREADS
from benchmarks.fresh import ask, reply
from benchmarks.meeting import WORKERS
from benchmarks.missing import MissingError
from benchmarks.pages import page, render

EVERY = 0.001
"""Seconds after which the loop asks to be woken."""

REQUESTS = 4
"""Pages that are asked for at any time: twice as many as there are workers."""

type Call = Callable[[Callable[[str], str], str], Awaitable[str]]
"""``await call(function, argument)`` runs it in a worker."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How late wake-ups were, in ms, and how many pages a second were rendered meanwhile."""

    pages: float
    p50: float
    p95: float
    p99: float
    latest: float


def in_executor(pool: Executor) -> Call:
    """Call as any program does."""
    return partial(asyncio.get_running_loop().run_in_executor, pool)


def by_aio(pool: Executor) -> Call:
    """Call by interpexec's own coroutine."""
    run: Callable[..., Awaitable[str]] = import_module("interpexec.aio").run
    return partial(run, pool)


IDLE = "nothing"
WAYS: dict[str, tuple[str, Callable[[Executor], Call]]] = {
    THREADS: (THREADS, in_executor),
    PROCESSES: (PROCESSES, in_executor),
    STDLIB: (STDLIB, in_executor),
    OURS: (OURS, in_executor),
    f"{OURS}.aio": (OURS, by_aio),
}
"""The contender that makes the pool, and the way to call it."""


class Ticker:
    """Asks an event loop to be woken, again and again, and notes how late that was."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin."""
        self._loop = loop
        self.delays: list[float] = []
        """Seconds."""
        self._ask()

    def _ask(self) -> None:
        due = self._loop.time() + EVERY
        self._next = self._loop.call_at(due, self._tick, due)

    def _tick(self, due: float) -> None:
        """Note the delay, and those of the wake-ups that would have come meanwhile."""
        late = max(self._loop.time() - due, 0.0)
        self.delays.append(late)
        while late > EVERY:
            late -= EVERY
            self.delays.append(late)
        self._ask()

    def stop(self) -> None:
        """Ask no more."""
        self._next.cancel()


class Load:
    """Pages that are rendered, some at a time, until the load is lifted."""

    def __init__(self, call: Call) -> None:
        """Begin."""
        self._call, self._text = call, page()
        self._goes_on, self.rendered = True, 0
        self._clients = [asyncio.create_task(self._ask()) for _ in range(REQUESTS)]

    async def _ask(self) -> None:
        while self._goes_on:
            await self._call(render, self._text)
            self.rendered += 1

    async def lift(self) -> None:
        """Wait for the last pages."""
        self._goes_on = False
        await asyncio.gather(*self._clients)


async def watch(seconds: float) -> list[float]:
    """Return the delays of so long a time."""
    ticker = Ticker(asyncio.get_running_loop())
    await asyncio.sleep(seconds)
    ticker.stop()
    return ticker.delays


async def under_load(pool: Executor, call: Call, seconds: float) -> Lag:
    """Measure while a pool, which is warm, renders pages."""
    text, loop = page(), asyncio.get_running_loop()
    expected = render(text)
    for each in await asyncio.gather(*(call(render, text) for _ in range(2 * REQUESTS))):
        assert each == expected
    load, began = Load(call), loop.time()
    delays = await watch(seconds)
    rate = load.rendered / (loop.time() - began)
    await load.lift()
    pool.shutdown()
    return summary(rate, delays)


def summary(pages: float, delays: list[float]) -> Lag:
    """Return the percentiles of some delays."""
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return Lag(pages, *(each * 1e3 for each in (cuts[49], cuts[94], cuts[98], max(delays))))


async def measure(name: str, seconds: float) -> Lag:
    """Measure, in this process; raise ImportError where there is no such executor."""
    if name == IDLE:
        return summary(0.0, await watch(seconds))
    contender, way = WAYS[name]
    pool = CONTENDERS[contender].load()(WORKERS)
    return await under_load(pool, way(pool), seconds)


def take(name: str, seconds: float) -> Lag:
    """Return what a fresh process measures.

    Raises MissingError where there is no such executor here, SampleError when it broke.
    """
    return Lag(**ask("benchmarks.lag", name, str(seconds)))


def answer(name: str, seconds: str) -> dict[str, object]:
    """Measure, in this process."""
    try:
        return asdict(asyncio.run(measure(name, float(seconds))))
    except (ImportError, AttributeError) as error:
        raise MissingError(str(error)) from error


if __name__ == "__main__":
    reply(lambda: answer(*sys.argv[1:]))
