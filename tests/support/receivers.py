"""Receivers of message queues, in threads, and a fake that forces their races."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from interpexec import ChannelClosedError
from interpexec._core.message_queue import MessageQueue
from interpexec._core.waiting import Deadline


def recv(queue: MessageQueue, seat: int = 0, timeout: float | None = None) -> object:
    """Take an item as workers do: sleep again and again, until there is one, or none can come."""
    deadline = Deadline(timeout)
    while (item := queue.recv_or_wake(seat, deadline.remaining())) is None:
        is_over = deadline.remaining() == 0
        if queue.is_closed or is_over:
            if (item := queue.recv_nowait()) is None:
                raise TimeoutError if is_over else ChannelClosedError
            break
    return item


def start[T](fn: Callable[..., T], *args: object) -> "Future[T]":
    """Run `fn` in a thread and return its future."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(fn(*args))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run).start()
    return future


class HookedFifo:
    """A queue that runs a hook when a receiver looks: a fake that forces a race."""

    def __init__(self, fifo: object) -> None:
        self._fifo = fifo
        self.looks = 0
        self.hooks: dict[int, Callable[[], object]] = {}

    def recv(self) -> object:
        """Look into the real queue, and then let the hook of this look happen."""
        item = self._fifo.recv()  # type: ignore[attr-defined]
        self.looks += 1
        self.hooks.pop(self.looks, lambda: None)()
        return item

    def __getattr__(self, name: str) -> object:
        return getattr(self._fifo, name)
