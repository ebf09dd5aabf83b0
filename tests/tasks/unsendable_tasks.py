"""Makers of objects that cannot be sent, and what the errors advise. Workers import them, too."""

import asyncio
import collections
import contextvars
import itertools
import logging
import multiprocessing
import os
import queue
import re
import sqlite3
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from types import FrameType, TracebackType

from interpexec import InterpreterPoolExecutor

_kept: list[object] = []
_SPAWN = multiprocessing.get_context("spawn")


class Thing:
    """Something that a weak reference may refer to, or that has an attribute."""

    pool: object = None

    def work(self) -> int:
        """Do something: a method that is submitted."""
        return 1


class OwnQueue(queue.Queue[int]):
    """A subclass of a class of the standard library."""


class Sent(queue.Queue[int]):
    """A subclass that says itself how it is sent, and fails at it."""

    def __reduce__(self) -> tuple[object, ...]:
        raise ValueError("this is why")


def _items() -> Iterator[int]:
    yield 1


async def _later() -> None: ...


async def _async_items() -> AsyncIterator[int]:
    yield 1


def _coroutine() -> object:
    made = _later()
    made.close()  # so that nothing warns that it was never awaited
    return made


def _frame() -> FrameType:
    return sys._getframe()


def _traceback() -> TracebackType | None:
    try:
        int("x")
    except ValueError as error:
        return error.__traceback__
    return None


def _weak() -> object:
    _kept.append(Thing())
    return weakref.ref(_kept[-1])


def _weak_method() -> object:
    thing = Thing()
    _kept.append(thing)
    return weakref.WeakMethod(thing.work)


def _process() -> object:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process


def _entry() -> object:
    with os.scandir("/") as entries:
        return next(entries)


def _directory() -> object:
    entries = os.scandir("/")
    entries.close()
    return entries


def _task() -> object:
    async def main() -> object:
        task = asyncio.ensure_future(_later())
        await task
        return task

    return asyncio.run(main())


def _processes() -> object:
    pool = ProcessPoolExecutor(1)
    pool.shutdown()
    return pool


def _connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.close()
    return connection


def _cursor() -> object:
    with closing(sqlite3.connect(":memory:")) as connection:
        return connection.cursor()


def _view() -> object:
    return InterpreterPoolExecutor(1).with_options(timeout=1)


_POOL = "a pool is of use only to its maker: make one in the worker, or submit from outside"
_LIST = "{verb} list(...) of it"
_CONNECT = "connect in the function, or in an initializer"
_AWAIT = "await it, and {verb} its result"


def _sync(name: str) -> str:
    return f"use interpexec.sync.{name}"


def _loops(name: str) -> str:
    return f"{_sync(name)}: this one is of use to its event loop only"


_OF_LOOPS = "Lock", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Queue"


KINDS: dict[str, tuple[Callable[[], object], str]] = {
    "pool": (partial(InterpreterPoolExecutor, 1), _POOL),
    "pool with options": (_view, _POOL),
    "ThreadPoolExecutor": (partial(ThreadPoolExecutor, 1), _POOL),
    "Future": (Future, "{verb} its result: .result()"),
    "Queue": (queue.Queue, _sync("Queue")),
    "own queue": (OwnQueue, _sync("Queue")),
    "PriorityQueue": (queue.PriorityQueue, _sync("Queue, which is first in, first out")),
    "LifoQueue": (queue.LifoQueue, _sync("Queue, which is first in, first out")),
    "SimpleQueue": (queue.SimpleQueue, _sync("Queue")),
    "Lock": (threading.Lock, _sync("Lock")),
    "RLock": (threading.RLock, _sync("RLock")),
    "Condition": (threading.Condition, _sync("Condition")),
    "Event": (threading.Event, _sync("Event")),
    "Semaphore": (threading.Semaphore, _sync("Semaphore")),
    "BoundedSemaphore": (threading.BoundedSemaphore, _sync("BoundedSemaphore")),
    "Barrier": (partial(threading.Barrier, 1), _sync("Barrier")),
    **{f"asyncio {name}": (getattr(asyncio, name), _loops(name)) for name in _OF_LOOPS},
    "asyncio Barrier": (partial(asyncio.Barrier, 1), _loops("Barrier")),
    "asyncio PriorityQueue": (asyncio.PriorityQueue, _loops("Queue")),
    "Thread": (threading.Thread, "start it in the function"),
    "Timer": (partial(threading.Timer, 1, int), "start it in the function"),
    "Popen": (_process, "start it in the function"),
    "generator": (_items, _LIST),
    "map over a generator": (lambda: map(str, _items()), _LIST),
    "finditer": (lambda: re.finditer("a", "a"), _LIST),
    "scandir": (_directory, _LIST),
    "keys": ({1: 2}.keys, _LIST),
    "values": ({1: 2}.values, _LIST),
    "items": ({1: 2}.items, _LIST),
    "keys in order": (collections.OrderedDict(a=1).keys, _LIST),
    "async generator": (_async_items, "{verb} its items: [item async for item in ...]"),
    "coroutine": (
        _coroutine,
        "{verb} what it gives: await it first, or call asyncio.run() in the function",
    ),
    "task": (_task, _AWAIT),
    "frame": (_frame, "{verb} what it shows: traceback.format_stack(...)"),
    "traceback": (_traceback, "{verb} what it shows: traceback.format_tb(...)"),
    "weakref": (_weak, "{verb} the object itself"),
    "WeakMethod": (_weak_method, "{verb} the object itself"),
    "match": (partial(re.match, "a", "a"), "{verb} what it matched: .group(), .groups()"),
    "entry": (_entry, "{verb} its .path"),
    "connection": (_connection, _CONNECT),
    "cursor": (_cursor, _CONNECT),
    "handler": (
        logging.StreamHandler,
        "{verb} a logger, and set up its handlers in an initializer",
    ),
    "context": (contextvars.copy_context, "{verb} the values of its variables"),
}
"""Each kind: how one is made, and the advice of the error; `verb` is pass, return or use."""

if sys.version_info >= (3, 14):  # before, pickle knows these
    KINDS["count"] = itertools.count, _LIST

# The first one starts a process that outlives it: none in workers.
PROCESSES = {
    "ProcessPoolExecutor": (_processes, _POOL),
    "multiprocessing.Queue": (_SPAWN.Queue, _sync("Queue")),
    "multiprocessing.SimpleQueue": (_SPAWN.SimpleQueue, _sync("Queue")),
    "multiprocessing.Lock": (_SPAWN.Lock, _sync("Lock")),
    "multiprocessing.RLock": (_SPAWN.RLock, _sync("RLock")),
    "multiprocessing.Event": (_SPAWN.Event, _sync("Event")),
    "multiprocessing.Semaphore": (_SPAWN.Semaphore, _sync("Semaphore")),
    "multiprocessing.BoundedSemaphore": (_SPAWN.BoundedSemaphore, _sync("BoundedSemaphore")),
    "multiprocessing.Condition": (_SPAWN.Condition, _sync("Condition")),
}


def make(kind: str) -> object:
    """Make one of them."""
    return KINDS[kind][0]()


class FailsToReduce:
    """An object whose class raises something when it is pickled."""

    def __reduce__(self) -> tuple[object, ...]:
        raise LookupError("there is no row for it")
