"""The results of a pool: of one call, and of the chunks of a map.

    call ------------------------> AsyncResult         ready when the call is settled
    call --> callback thread ----> AsyncResult         where there are callbacks: behind them
    chunks --> Chunks.whole -----> MapResult           ready when every chunk is settled

An exception in one chunk costs no other chunk, as in `multiprocessing`: all of them are
computed, and the first exception that came is raised.
"""

from concurrent.futures import CancelledError
from functools import partial
from itertools import chain
from threading import Lock

from interpexec._core.error_text import shown
from interpexec._core.sigint import keep_whole, protected
from interpexec._pool.done_callbacks import MARK
from interpexec._pool.future import REFUSED, CallFuture
from interpexec._ports.failures import as_multiprocessing, timeout_error

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

    from interpexec._ports.callbacks import CallbackThread

    type OnResult = Callable[[Any], object] | None
    type OnError = Callable[[BaseException], object] | None


keep_whole()


def pending() -> "CallFuture[Any]":
    """Return a future of no call, which somebody here settles.

    A thread that waits for it hears Ctrl-C, which it might miss in the standard library's.
    """
    return CallFuture(REFUSED, None, None)


class Callbacks:
    """The callbacks of one call, and the thread that runs them."""

    def __init__(
        self, thread: "CallbackThread", on_result: "OnResult", on_error: "OnError"
    ) -> None:
        """Raise TypeError for callbacks that cannot be called."""
        for name, value in (("callback", on_result), ("error_callback", on_error)):
            if value is not None and not callable(value):
                raise TypeError(f"{name} must be a callable or None, got {shown(value)}")
        self._thread = thread
        self._on_result, self._on_error = on_result, on_error
        self._told = pending()
        self._name = ""

    def behind(self, call: "Future[Any]", name: str) -> "Future[Any]":
        """Return a future that is settled as the call is, when the callback has returned.

        name: of the function.
        """
        if self._on_result is None and self._on_error is None:
            return call
        self._name = name
        try:
            self._thread.expect()
        except RuntimeError:  # no thread is left
            call.cancel()
            raise
        call.add_done_callback(self._leave_to_thread)
        return self._told

    def _leave_to_thread(self, call: "Future[Any]") -> None:
        """Have the thread call back. By the collector, mostly; never blocks."""
        self._thread.put(partial(self._tell, call))

    setattr(_leave_to_thread, MARK, True)  # see `done_callbacks`

    def renew_lock(self) -> None:
        """Do nothing: in a forked child, where the thread does not exist, nothing is told."""

    def _tell(self, call: "Future[Any]") -> None:
        """Call back, and settle the future. In the thread. Cancelled calls tell nobody."""
        if call.cancelled():
            self._told.cancel()
            return
        error = call.exception()
        try:
            if error is None and self._on_result is not None:
                self._on_result(call.result())
            if error is not None and self._on_error is not None:
                self._on_error(as_multiprocessing(error, self._name))
        finally:
            settle_as(self._told, call)
            del error  # its traceback has this frame


def settle_as(future: "Future[Any]", call: "Future[Any]") -> None:
    """Settle a pending future as a call was settled that was not cancelled."""
    error = call.exception()
    if error is None:
        future.set_result(call.result())
    else:
        future.set_exception(error)
    del error  # its traceback has this frame


class AsyncResult[T]:
    """The result of `Pool.apply_async`, which may not be there yet. From any thread.

    The methods are those of `multiprocessing.pool.AsyncResult`. A result is ready when its
    callback has returned.
    """

    def __init__(self, future: "Future[T]", name: str) -> None:
        """name: of the function."""
        self._future = future
        self._name = name

    @protected
    def get(self, timeout: float | None = None) -> T:
        """Return the value, or raise the exception of the call.

        timeout: how many seconds to wait for it; None: for ever.

        Raises `multiprocessing.TimeoutError` (here a TimeoutError, too) when the time is over,
        and `concurrent.futures.CancelledError` where the pool was terminated before.
        """
        self.wait(timeout)
        if not self.ready():
            raise timeout_error()
        error = self._future.exception()
        try:
            if error is not None:
                raise as_multiprocessing(error, self._name)
            return self._future.result()
        finally:
            del error  # its traceback has this frame

    @protected
    def wait(self, timeout: float | None = None) -> None:
        """Wait until the result is ready, for at most `timeout` seconds; None: for ever."""
        try:
            self._future.exception(timeout)
        except (TimeoutError, CancelledError):
            pass

    def ready(self) -> bool:
        """Say whether the call has ended, and its callback has returned."""
        return self._future.done()

    def successful(self) -> bool:
        """Say whether the call returned a value. ValueError when it is not ready."""
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return not self._future.cancelled() and self._future.exception() is None


class MapResult[T](AsyncResult[list[T]]):
    """The result of `Pool.map_async` and `starmap_async`: a list, in the order of the items."""


class Chunks:
    """The chunks of one map. `whole` is settled when every one of them is."""

    def __init__(self) -> None:
        self.whole: Future[list[Any]] = pending()
        self._calls: list[Future[list[Any]]] = []
        self._lock = Lock()  # guards the two below, for an instant
        self._left = 1
        """How many are not settled; and one, until the last one was added."""
        self._failed: Future[Any] | None = None

    def add(self, call: "Future[list[Any]]") -> None:
        """Take the next chunk."""
        self._calls.append(call)
        with self._lock:
            self._left += 1
        call.add_done_callback(self._one_less)

    def seal(self, error: BaseException | None = None) -> None:
        """Take no more chunks. error: of the iterable, in the place of the next one."""
        last = pending()
        last.set_result([]) if error is None else last.set_exception(error)
        self._one_less(last)

    def cancel(self) -> None:
        """Cancel every chunk."""
        for call in self._calls:
            call.cancel()

    def renew_lock(self) -> None:
        """Make a new lock: in a forked child, nobody is left to release the old one."""
        self._lock = Lock()

    def _one_less(self, call: "Future[Any]") -> None:
        """Take note that a chunk is settled. By the collector, mostly; never blocks."""
        with self._lock:
            self._left -= 1
            is_last = not self._left
            if self._failed is None and (call.cancelled() or call.exception() is not None):
                self._failed = call
        if is_last:
            self._settle()

    setattr(_one_less, MARK, True)  # see `done_callbacks`

    def _settle(self) -> None:
        """Settle the whole. Once."""
        calls, failed = self._calls, self._failed
        self._calls, self._failed = [], None  # they have the values as well
        if failed is None:
            values = chain.from_iterable(call.result() for call in calls)
            self.whole.set_result(list(values))
        elif failed.cancelled():
            self.whole.cancel()
        else:
            settle_as(self.whole, failed)
