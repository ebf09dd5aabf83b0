"""The contenders: one small function for each, and the registry.

A new contender is a function that imports what it needs and returns a factory, plus a line
in ``CONTENDERS``. What is no ``Executor`` by itself comes with an adapter that is one.
"""

import importlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

type Factory = Callable[[int], Executor]
"""Makes a pool of so many workers, everything it needs being imported already."""


@dataclass(frozen=True, slots=True)
class Contender:
    """An executor under test.

    ``load`` does the imports, which no case measures, and raises ImportError where this
    Python has no such executor. ``in_process`` is false where the workers' memory belongs
    to other processes, so that the growth of this one says nothing. ``stops_calls`` is true
    where ``Future.cancel()`` stops a call that runs, ``shares_memory`` where an argument can
    show the caller's memory, ``queue`` where two workers can have a queue between them.
    """

    name: str
    load: Callable[[], Factory]
    in_process: bool = True
    stops_calls: bool = False
    shares_memory: bool = False
    queue: bool = False


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

    methods = multiprocessing.get_all_start_methods()
    method = "forkserver" if "forkserver" in methods else "spawn"
    context = multiprocessing.get_context(method)
    return partial(ProcessPoolExecutor, mp_context=context)


def load_pebble() -> Factory:
    """``pebble.ProcessPool``, where it is installed: it stops a call by killing its process."""
    from concurrent.futures import Future

    pebble = importlib.import_module("pebble")

    class Pebble(Executor):
        def __init__(self, max_workers: int) -> None:
            self._pool = pebble.ProcessPool(max_workers)

        def submit(
            self, fn: Callable[..., object], /, *args: object, **kwargs: object
        ) -> "Future[object]":
            future: Future[object] = self._pool.schedule(fn, args=args, kwargs=kwargs)
            return future

        def shutdown(self, *_: object, **__: object) -> None:
            self._pool.close()
            self._pool.join()

    return Pebble


OURS = "interpexec"
STDLIB = "stdlib"
THREADS = "thread"
PROCESSES = "process"
PEBBLE = "pebble"

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(OURS, load_ours, stops_calls=True, shares_memory=True, queue=True),
        Contender(STDLIB, load_stdlib, queue=True),
        Contender(THREADS, load_threads, queue=True),
        Contender(PROCESSES, load_processes, in_process=False),
        Contender(PEBBLE, load_pebble, in_process=False, stops_calls=True),
    )
}

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


def absentees() -> dict[str, str]:
    """Return the contenders that cannot be imported here, each with the reason."""
    reasons = {}
    for name, contender in CONTENDERS.items():
        try:
            contender.load()
        except (ImportError, AttributeError) as error:
            reasons[name] = f"{type(error).__name__}: {error}"
    return reasons
