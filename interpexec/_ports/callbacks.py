"""The thread of a pool that runs callbacks: one after another, as the results arrive."""

import logging
from queue import SimpleQueue
from threading import Lock

from interpexec._core.sigint import keep_whole
from interpexec._core.thread import Thread
from interpexec._pool.parking import Latch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

keep_whole()

_logger = logging.getLogger("interpexec")


class CallbackThread:
    """Runs steps in the order in which they were put. From any thread.

    The thread lives as long as steps are expected. Every call is settled some time, also when
    the pool is terminated or the program ends, so it comes to its end.
    """

    def __init__(self, name: str) -> None:
        """Start nothing yet. name: of the thread."""
        self._name = name
        self._steps: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._lock = Lock()  # guards the three below, for an instant
        self._expected = 0
        self._thread: Thread | None = None
        self._is_over = Latch(is_open=True)  # open when no step is expected

    def expect(self) -> None:
        """Have the thread wait for one more step. RuntimeError if there can be no thread."""
        with self._lock:
            if not self._expected:
                thread = Thread(target=self._run, name=self._name)
                thread.start()
                self._thread = thread
                self._is_over.close()
            self._expected += 1

    def put(self, step: "Callable[[], object]") -> None:
        """Run a step that was expected, behind those that were put before. Never blocks."""
        self._steps.put(step)

    def join(self) -> None:
        """Wait until no step is expected any more, and the thread has ended."""
        self._is_over.wait()  # Ctrl-C is heard in it
        if (thread := self._thread) is not None:
            thread.join()

    def _run(self) -> None:
        while self._run_one():
            pass

    def _run_one(self) -> bool:
        """Wait for a step, and run it; return whether others are expected."""
        step = self._steps.get()
        try:
            step()
        except BaseException:  # the user's code, or what it makes of the arguments
            _logger.exception("exception in a callback of %s", self._name)
        finally:
            del step  # it has the result, which may be large
            with self._lock:
                self._expected -= 1
                go_on = bool(self._expected)
                if not go_on:
                    self._is_over.open()
        return go_on
