"""Tasks for the workers. They import this module by name, so it imports next to nothing."""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def noop() -> None:
    """Do nothing: all the time a call of it takes is the executor's."""


def meet(fifo: str, flags: int) -> None:
    """Return once another worker has opened the other end of *fifo*.

    Opening a FIFO blocks, in the kernel and without the GIL, until both ends are open.
    """
    os.close(os.open(fifo, flags))


def wait_at(arrivals: str, gate: str) -> None:
    """Say that a worker has arrived; return once *gate* has been opened for writing."""
    descriptor = os.open(arrivals, os.O_WRONLY)
    os.write(descriptor, b"!")
    os.close(descriptor)
    meet(gate, os.O_RDONLY)


def same(number: int) -> int:
    """Return what came: next to nothing, for a map that is to have results."""
    return number


def count_down(number: int) -> int:
    """Count down to zero: some 13 ns a step, bytecode and nothing else."""
    while number:
        number -= 1
    return number


def log_records(count: int) -> None:
    """Log so many records."""
    import logging  # dear: the other tasks' workers need none

    logger = logging.getLogger("benchmarks")
    for number in range(count):
        logger.info("record %d of %d", number, count)


def count_primes(start: int, width: int) -> int:
    """Count the primes in ``range(start, start + width)``, slowly: bytecode and nothing else."""
    count = 0
    for number in range(start, start + width):
        divisor = 2
        while divisor * divisor <= number and number % divisor:
            divisor += 1
        count += divisor * divisor > number
    return count


def spin(begun: int, noticed: int) -> None:
    """Say that this has begun; run for ever; say when it was stopped, in ns."""
    try:
        os.write(begun, b"!")
        while True:
            pass
    finally:
        os.write(noticed, time.monotonic_ns().to_bytes(8, "little"))


def announce_and_spin(fifo: str) -> None:
    """Say that this has begun; run for ever."""
    with open(fifo, "wb") as file:
        file.write(b"!")
    while True:
        pass


def take(_argument: object) -> None:
    """Take something."""


def give(size: int) -> bytes:
    """Return so many bytes, which were there before."""
    if size not in _given:
        _given[size] = b"x" * size
    return _given[size]


_given: dict[int, bytes] = {}


def produce(queue: "Any", count: int) -> None:
    """Put so many numbers into a queue."""
    for number in range(count):
        queue.put(number)


def consume(queue: "Any", count: int) -> int:
    """Take so many numbers out of a queue; return their sum."""
    return sum(queue.get() for _ in range(count))


def take_lock(lock: "Any", count: int) -> float:
    """Take a lock and give it back so many times; return how many µs once takes."""
    start = time.perf_counter()
    for _ in range(count):
        lock.acquire()
        lock.release()
    return (time.perf_counter() - start) / count * 1e6


def echo(there: "Any", back: "Any", count: int) -> None:
    """Send back what comes, so many times."""
    for _ in range(count):
        back.put(there.get())


def ping(there: "Any", back: "Any", count: int) -> float:
    """Send a number and wait for it, so many times; return the median in µs."""
    durations = []
    for number in range(count):
        start = time.perf_counter()
        there.put(number)
        back.get()
        durations.append((time.perf_counter() - start) * 1e6)
    return sorted(durations)[count // 2]
