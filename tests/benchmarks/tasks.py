"""What the workers run. They import this module by name, so it imports next to nothing."""

import os
import time


def noop() -> None:
    """Do nothing: all the time a call of it takes is the executor's."""


def meet(fifo: str, flags: int) -> None:
    """Return once another worker has opened the other end of *fifo*.

    Opening a FIFO blocks, in the kernel and without the GIL, until both ends are open.
    """
    os.close(os.open(fifo, flags))


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
