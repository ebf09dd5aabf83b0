"""The threads that read the iterables of `imap` and `imap_unordered`.

`multiprocessing` reads them in a thread: `imap` returns at once, results come whether they are
taken or not, and `close()` does not end what was begun. So each iterable has a thread here,
which makes a call of each item, or of each chunk.

    iterable --read--> feeder --submit--> executor
                         ^                   |
                         +---- room for -----+
                            one more call

It reads a bounded number of items ahead of the workers (`multiprocessing`: as many as a pipe
holds), so that an endless iterable takes bounded memory as long as its results are taken.

The last feeder of a pool that was closed shuts the executor down.
"""

import threading

from interpexec._core.sigint import keep_whole
from interpexec._core.thread import Thread
from interpexec._pool.parking import Latch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from typing import Any

    from interpexec._ports.imap import IMapIterator
    from interpexec.executor import InterpreterPoolExecutor

keep_whole()

_AHEAD = 64
"""Calls in flight for each worker. With fewer, workers wait for the feeder where calls are
short: it shares the GIL of the main interpreter with the collector and with the thread that
takes the results. With more, more items of a long iterable are in memory."""


class Feeders:
    """The feeders of one pool. From any thread."""

    def __init__(self, executor: "InterpreterPoolExecutor", most_ahead: int, name: str) -> None:
        """most_ahead: workers of the pool. name: of the threads."""
        self._executor = executor
        self._name = name
        self._most = most_ahead * _AHEAD
        self._lock = threading.Lock()  # guards what follows, for an instant
        self._running: dict[threading.Thread, IMapIterator[Any]] = {}
        self._are_over = Latch(is_open=True)  # open when none runs
        self._is_closed = False
        self.is_stopped = False
        """Whether the pool was terminated: no feeder goes on then."""

    def start(
        self,
        submit: "Callable[[Any], Future[Any]]",
        items: "Iterable[Any]",
        results: "IMapIterator[Any]",
    ) -> None:
        """Make calls of items, in a thread of their own. ValueError when this was closed."""
        feeder = _Feeder(self, submit, items, results, self._most)
        thread = _thread(feeder.run, self._name)
        with self._lock:
            if self._is_closed:
                raise ValueError("Pool not running")
            thread.start()
            self._running[thread] = results
            self._are_over.close()

    def end_of(self, thread: threading.Thread) -> None:
        """Learn that a feeder has come to its end. In its thread."""
        with self._lock:
            self._running.pop(thread)
            is_last = self._is_closed and not self._running
            if not self._running:
                self._are_over.open()
        if is_last:
            self._executor.shutdown(wait=False)

    def close(self) -> None:
        """Start no more; shut the executor down behind those that run."""
        with self._lock:
            self._is_closed = True
            is_over = not self._running
        if is_over:
            self._executor.shutdown(wait=False)

    def stop(self) -> None:
        """Let none of them go on. One that is blocked by its iterable ends when that goes on."""
        self.is_stopped = True
        with self._lock:
            self._is_closed = True
            cut = list(self._running.values())
        for results in cut:
            results.cut()

    def join(self) -> None:
        """Wait for the end of them all."""
        with self._lock:
            threads = list(self._running)
        self._are_over.wait()  # Ctrl-C is heard in it
        for thread in threads:
            thread.join()


class _Feeder:
    """Reads one iterable."""

    def __init__(  # what it connects
        self,
        feeders: Feeders,
        submit: "Callable[[Any], Future[Any]]",
        items: "Iterable[Any]",
        results: "IMapIterator[Any]",
        most: int,
    ) -> None:
        """most: calls in flight."""
        self._feeders = feeders
        self._submit = submit
        self._items = items
        self._results = results
        self._room = threading.Semaphore(most)

    def run(self) -> None:
        """Read the iterable to its end, or until the pool is terminated."""
        number, results = 0, self._results
        try:
            for item in self._items:
                self._room.acquire()  # a call that is settled releases it
                if self._feeders.is_stopped:
                    return
                results.expect(number, self._submit(item), self._room.release)
                number += 1
                del item  # it may be large, and the next one may take its time
            results.end(number)
        except BaseException as error:  # of the iterable; or the pool takes no calls any more
            if not self._feeders.is_stopped:
                results.fail(number, error)
        finally:
            self._items = ()  # a generator may have something to close
            if self._feeders.is_stopped:
                results.cut()
            self._feeders.end_of(threading.current_thread())


def _thread(run: "Callable[[], None]", name: str) -> Thread:
    """Make a thread that the end of the program does not wait for, where that may be.

    It may be blocked by an iterable of the user's for ever. In a worker there are no such
    threads.
    """
    try:
        return Thread(target=run, name=name, daemon=True)
    except RuntimeError:
        return Thread(target=run, name=name)
