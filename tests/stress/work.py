"""Calls for the workers of the campaign. A worker imports this module, so it imports little.

A call that was let run to its end tells `d` (done) through a pipe; see `endings`.
"""

import os
import time

DONE = b"d"
BEGUN = b"b"


def spin(begun: int, told: int, seconds: float) -> None:
    """Run Python code for some time."""
    os.write(begun, BEGUN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    os.write(told, DONE)


def sleep(begun: int, told: int, seconds: float) -> None:
    """Block in C for some time. On 3.13 and 3.14 nothing gets a call out of that."""
    os.write(begun, BEGUN)
    time.sleep(seconds)
    os.write(told, DONE)


def stay(begun: int, told: int, seconds: float) -> None:
    """Run Python code, and go on in a `finally` that lets nothing through."""
    end = time.monotonic() + seconds
    try:
        spin(begun, told, seconds)
    finally:
        while time.monotonic() < end:
            try:
                while time.monotonic() < end:
                    pass
            except BaseException:
                pass  # this is the point of it


def spin_item(told: int, seconds: float, _item: object) -> None:
    """Do a little, as an item of a map."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    os.write(told, DONE)


def tell(told: int) -> None:
    """Do nothing else."""
    os.write(told, DONE)


def get(begun: int, told: int, source: object, seconds: float) -> None:
    """Wait for what never comes, in a queue or a channel."""
    os.write(begun, BEGUN)
    take = getattr(source, "get", None) or source.recv  # type: ignore[attr-defined]
    try:
        take(timeout=seconds)
    except Exception:  # Empty, TimeoutError
        os.write(told, DONE)


def run_program(begun: int, told: int, seconds: float) -> None:
    """Run another program."""
    import subprocess
    import sys

    os.write(begun, BEGUN)
    null = subprocess.DEVNULL
    program = f"import time; time.sleep({seconds})"
    subprocess.run(
        [sys.executable, "-c", program], check=True, stdin=null, stdout=null, stderr=null
    )
    os.write(told, DONE)


def make_large(told: int, size: int, view: memoryview | None) -> bytes:
    """Return a large result; take a view."""
    large = bytes(size) if view is None else bytes(view)
    os.write(told, DONE)
    return large


def start_slowly(begun: int, seconds: float) -> None:
    """Be an initializer that runs Python code for some time."""
    end = time.monotonic() + seconds
    os.write(begun, BEGUN)
    while time.monotonic() < end:
        pass


def start_blocked(begun: int, seconds: float) -> None:
    """Be an initializer that blocks in C for some time."""
    os.write(begun, BEGUN)
    time.sleep(seconds)


# -- for interrupts -------------------------------------------------------------------------


def begin_and_spin(begun: int, seconds: float) -> None:
    """Say that the call has begun; run for some time."""
    os.write(begun, BEGUN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def meet(knocker: int, entrance: int) -> None:
    """Say that the call runs; stay until all others run, too."""
    os.write(knocker, BEGUN)
    os.read(entrance, 1)


def echo(receiver: object, sender: object) -> None:
    """Send back all that comes through a channel."""
    for message in receiver:  # type: ignore[attr-defined]
        sender.send(message)  # type: ignore[attr-defined]


def take_from(queue: object) -> None:
    """Take all that comes through a queue, and say of each that it is dealt with."""
    while queue.get() is not None:  # type: ignore[attr-defined]
        queue.task_done()  # type: ignore[attr-defined]


def contend(lock: object, rounds: int) -> None:
    """Take and release a lock many times."""
    for _ in range(rounds):
        with lock:  # type: ignore[attr-defined]
            pass


def first_byte(buffer: object) -> bytes:
    """Return the first byte of what has the buffer protocol."""
    return bytes(memoryview(buffer)[:1])  # type: ignore[arg-type]


def descriptor_works(file: object) -> bool:
    """Say whether a file that was sent here is open."""
    with file:  # type: ignore[attr-defined]
        os.fstat(file.fileno())  # type: ignore[attr-defined]
    return True


# -- for the soak ---------------------------------------------------------------------------


def mark[T](told: int, value: T) -> T:
    """Tell that the call was run; return the value."""
    os.write(told, DONE)
    return value


def mark_and_fail(told: int, number: int) -> None:
    """Tell that the call was run; raise."""
    os.write(told, DONE)
    raise LookupError(number)


def fill(told: int, block: object, start: int, byte: int) -> int:
    """Write into shared memory, and say how much."""
    os.write(told, DONE)
    block[start : start + 64] = bytes([byte]) * 64  # type: ignore[index]
    return 64
