"""Machines that refuse something, by what they refuse and what is done meanwhile."""

import errno
import os
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import mischief
from campaign import BETWEEN
from carriers import LIMIT
from use import Trouble, require


@contextmanager
def few(kind: int, left: int) -> Iterator[None]:
    """Leave so little of something."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (left, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


@contextmanager
def descriptors(random: Random) -> Iterator[None]:
    """Leave few descriptors."""
    used = len(os.listdir("/proc/self/fd"))
    with few(resource.RLIMIT_NOFILE, used + random.randrange(16)):
        yield


@contextmanager
def address_space(random: Random) -> Iterator[None]:
    """Leave little address space. Each thread takes 8 MB for its stack, and glibc 64 more."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with few(resource.RLIMIT_AS, used + random.randrange(100) * 1_000_000):
        yield


@contextmanager
def refusing(owner: Any, name: str, error: Exception, random: Random) -> Iterator[None]:
    """Let a function of the system fail from some call on, for a number of calls."""
    function = getattr(owner, name)
    first = random.randrange(6)
    calls = iter(range(1 << 30))
    last = first + random.choice([1, 2, 5, 1 << 30])

    def refuse(*args: object, **kwargs: object) -> object:
        if first <= next(calls) < last:
            raise error
        return function(*args, **kwargs)

    setattr(owner, name, refuse)
    try:
        yield
    finally:
        setattr(owner, name, function)


def no_threads(random: Random) -> Any:
    """Refuse to start threads."""
    return refusing(threading, "_start_joinable_thread", RuntimeError("can't start new thread"),
                    random)  # fmt: skip


@contextmanager
def huge_stacks(_: Random) -> Iterator[None]:
    """Let no thread be started: the system has no room for its stack."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)


def of_system(name: str, number: int) -> Callable[[Random], Any]:
    """Refuse something of `os`, by an error number."""
    return lambda random: refusing(os, name, OSError(number, os.strerror(number)), random)


MACHINES: dict[str, Callable[[Random], Any]] = {
    "descriptors": descriptors,
    "address space": address_space,
    "threads": no_threads,
    "stacks": huge_stacks,
    **{
        f"{name} {errno.errorcode[number]}": of_system(name, number)
        for name, number in (
            ("memfd_create", errno.ENOSYS), ("memfd_create", errno.EMFILE),
            ("eventfd", errno.ENOSYS), ("eventfd", errno.EMFILE), ("pipe", errno.EMFILE),
            ("dup", errno.EMFILE),
        )
    },
}  # fmt: skip


def _pool(workers: int, **options: Any) -> Any:
    from interpexec import InterpreterPoolExecutor

    return InterpreterPoolExecutor(workers, **options)


def calls(random: Random) -> None:
    """Make a pool and calls."""
    with _pool(random.randint(1, 6)) as pool:
        futures = [pool.submit(pow, 2, n) for n in range(50)]
        _all_right(futures, [2**n for n in range(50)])


def recycling(random: Random) -> None:
    """Make calls in workers that are replaced."""
    with _pool(2, max_tasks_per_child=random.randint(1, 4)) as pool:
        futures = [pool.submit(pow, 2, n) for n in range(20)]
        _all_right(futures, [2**n for n in range(20)])


def large(random: Random) -> None:
    """Make large results."""
    with _pool(2) as pool:
        sizes = [random.randrange(1 << 24) for _ in range(10)]
        futures = [pool.submit(bytes, size) for size in sizes]
        _all_right([pool.submit(len, bytes(size)) for size in sizes], sizes)
        wait(futures, LIMIT)


def mapping(random: Random) -> None:
    """Map."""
    with _pool(random.randint(1, 4)) as pool:
        results = list(pool.map(abs, range(-200, 0), timeout=3 * LIMIT))
        require(results == list(range(200, 0, -1)), "wrong result", results)


def sharing(_: Random) -> None:
    """Share memory, channels and locks."""
    from interpexec import SharedBuffer, create_channel, sync

    receiver, sender = create_channel()
    with receiver, sender, SharedBuffer(8192) as block, _pool(1) as pool:
        lock = sync.Lock()
        future = pool.submit(mischief.receive, receiver)
        with lock:
            sender.send([block, lock])
        _all_right([future], ["list"])


def broadcasting(_: Random) -> None:
    """Broadcast, and ask for stacks."""
    with _pool(2) as pool:
        pool.warm()
        futures = pool.broadcast(pow, 2, 3)
        _all_right(futures, [8] * len(futures))
        pool.dump_stacks()


WORKS = {work.__name__: work for work in (calls, recycling, large, mapping, sharing, broadcasting)}


def _all_right(futures: list[Any], results: list[Any]) -> None:
    """Each call ends, by an error or with the right result."""
    require(not wait(futures, 3 * LIMIT).not_done, "lost future", futures)
    for future, result in zip(futures, results, strict=True):
        if future.exception() is None:
            require(future.result() == result, "wrong result", future)


def cases() -> Iterator[str]:
    """Yield the names of the cases of machines that refuse."""
    for machine in MACHINES:
        for name in WORKS:
            yield BETWEEN.join((machine, name))


def do_without(machine: str, name: str, seed: int) -> None:
    """Work on a machine that refuses something: errors are answers. Afterwards all is well."""
    random = Random(seed)
    try:
        with MACHINES[machine](random):
            WORKS[name](random)
    except Trouble:
        raise
    except Exception:
        pass  # an error is an answer
    for work in (WORKS[name], calls, sharing):
        work(random)
