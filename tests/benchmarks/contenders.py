"""The contenders: the pools that take part, and what each can do.

A new contender is a function that imports what it needs and returns a factory, plus a line
in ``CONTENDERS``. A pool that is no ``Executor`` comes with an adapter, in ``adapters.py``.
"""

import importlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import adapters
from benchmarks.adapters import Factory, process_context


@dataclass(frozen=True, slots=True)
class Contender:
    """An executor under test.

    ``load`` does the imports, which no case measures, and raises ImportError where this
    Python has no such executor. It returns a ``Factory``; where ``awaits`` is true there is
    no pool, and it returns what makes a ``Call`` from a number of workers.

    ``submits`` is true where single calls return futures, ``maps`` where there is a ``map``.
    ``in_process`` is false where the workers' memory belongs to other processes, so that the
    growth of this one says nothing. ``stops_calls`` is true where ``Future.cancel()`` stops a
    call that runs, ``shares_memory`` where an argument can show the caller's memory,
    ``queue`` where two workers can have a queue between them, ``takes_definitions`` where a
    function need not be one that a worker can import, ``chunks`` where the user of ``map`` is to
    say how many items go together, ``has_extras`` where it is interpexec's
    own executor, with methods that others have not. ``most_rounds`` is in how many
    rounds it takes part: fewer for those that are there to be seen beside the others only.
    """

    name: str
    load: Callable[[], Any]
    submits: bool = True
    maps: bool = True
    awaits: bool = False
    in_process: bool = True
    stops_calls: bool = False
    shares_memory: bool = False
    queue: bool = False
    takes_definitions: bool = False
    chunks: bool = False
    has_extras: bool = False
    most_rounds: int | None = None


def load_ours() -> Factory:
    """``interpexec.InterpreterPoolExecutor``, with default settings."""
    factory: Factory = importlib.import_module("interpexec").InterpreterPoolExecutor
    return factory


def load_stdlib() -> Factory:
    """``concurrent.futures.InterpreterPoolExecutor``: CPython 3.14 and later."""
    module = importlib.import_module("concurrent.futures.interpreter")
    factory: Factory = module.InterpreterPoolExecutor
    return factory


def load_threads() -> Factory:
    """``ThreadPoolExecutor``: one GIL for all workers, nothing to copy."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor


def load_processes() -> Factory:
    """``ProcessPoolExecutor`` over a fork server (over ``spawn`` where there is none)."""
    from concurrent.futures import ProcessPoolExecutor

    return partial(ProcessPoolExecutor, mp_context=process_context())


OURS = "interpexec"
STDLIB = "stdlib"
THREADS = "thread"
PROCESSES = "process"
POOL = "mp.Pool"
LOKY = "loky"
MPIRE = "mpire"
JOBLIB = "joblib"
ANYIO = "anyio"
PEBBLE = "pebble"

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            OURS,
            load_ours,
            stops_calls=True,
            shares_memory=True,
            queue=True,
            takes_definitions=True,
            has_extras=True,
        ),
        Contender(STDLIB, load_stdlib, queue=True),
        Contender(THREADS, load_threads, queue=True, takes_definitions=True),
        Contender(PROCESSES, load_processes, in_process=False, chunks=True),
        Contender(POOL, adapters.load_multiprocessing, in_process=False),
        Contender(
            LOKY,
            adapters.load_loky,
            in_process=False,
            most_rounds=2,
            takes_definitions=True,
            chunks=True,
        ),
        Contender(MPIRE, adapters.load_mpire, submits=False, in_process=False, most_rounds=2),
        Contender(JOBLIB, adapters.load_joblib, submits=False, in_process=False, most_rounds=2),
        Contender(ANYIO, adapters.load_anyio, submits=False, maps=False, awaits=True),
        Contender(PEBBLE, adapters.load_pebble, in_process=False, stops_calls=True, most_rounds=2),
    )
}

FLOOR = "floor"
"""Stands where a contender's name does."""

REFERENCES = (STDLIB, THREADS, PROCESSES)
"""The contenders that get a ratio column of their own."""


def make_queue(pool: Executor) -> object:
    """Return the queue that belongs to a pool."""
    module, function = {
        "interpexec.executor": ("interpexec.sync", "Queue"),
        "concurrent.futures.interpreter": ("concurrent.interpreters", "create_queue"),
        "concurrent.futures.thread": ("queue", "Queue"),
    }[type(pool).__module__]
    return getattr(importlib.import_module(module), function)()


def absentees(names: Iterable[str] = CONTENDERS) -> dict[str, str]:
    """Return those of some contenders that cannot be imported here, each with the reason."""
    reasons = {}
    for name in names:
        try:
            CONTENDERS[name].load()
        except (ImportError, AttributeError) as error:
            reasons[name] = f"{type(error).__name__}: {error}"
    return reasons
