"""Each descriptor, each mapping, each growing of a file in turn is refused by the system."""

import _socket
import errno
import gc
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Full
from typing import Any

import pytest

from gates import TIME_LIMIT
from interpexec import (
    BrokenInterpreterPool,
    ChannelEmptyError,
    InterpreterPoolExecutor,
    NotShareableError,
    SharedBuffer,
    buffers,
    create_channel,
    sync,
)
from interpexec._core import waiting
from interpexec._sync import ring
from interpexec.sharing import Handle, abandon, from_token, to_token
from leftovers import descriptors

SHORT = 0.001

REFUSALS = OSError, NotShareableError, BrokenInterpreterPool

Queue: Any = sync.Queue


class Scarcity:
    """Counts what is taken from the system, and refuses one of it."""

    def __init__(self) -> None:
        self.taken = 0
        self.refused = 0  # which one; 0: none

    def bound(self, function: Callable[..., Any], code: int) -> Callable[..., Any]:
        """Return a function that takes something from the system."""

        def take(*args: object, **kwargs: object) -> object:
            self.taken += 1
            if self.taken == self.refused:
                raise OSError(code, "refused")
            return function(*args, **kwargs)

        return take


@contextmanager
def _scarcity(*, is_portable: bool) -> Iterator[Scarcity]:
    made = Scarcity()
    with pytest.MonkeyPatch.context() as patch:
        if is_portable:
            patch.setattr(waiting, "HAS_EVENTFD", False)
            patch.setattr(buffers, "HAS_MEMFD", False)
        for of, name, code in (
            (os, "dup", errno.EMFILE),
            (os, "eventfd", errno.EMFILE),
            (os, "memfd_create", errno.ENFILE),
            (os, "pipe", errno.EMFILE),
            (os, "ftruncate", errno.ENOSPC),
            (_socket, "socketpair", errno.ENOBUFS),
            (buffers, "map_file", errno.ENOMEM),
            (ring, "map_file", errno.ENOMEM),
        ):
            if hasattr(of, name):
                patch.setattr(of, name, made.bound(getattr(of, name), code))
        yield made


def _there_and_back(obj: object) -> Any:
    """Return what comes of an object under a token. It does not wait there for ever."""
    token = to_token(obj)
    try:
        return from_token(token)
    except OSError:
        abandon(token)
        raise


def _use_buffers() -> None:
    with SharedBuffer(100) as block:
        memoryview(block)[0] = 1
        block.toreadonly().close()
        SharedBuffer.copy_of(b"abc").close()
        _there_and_back(block).close()


def _use_channels() -> None:
    receiver, sender = create_channel()
    with receiver, sender:
        for item in ("x" * 100_000, [1], SharedBuffer(5)):
            sender.send(item)
        for _ in range(3):
            receiver.recv(TIME_LIMIT)
        receiver.fileno()
        for _ in range(5):
            sender.send(bytes(10_000))
        for _ in range(5):
            assert receiver.recv(TIME_LIMIT) == bytes(10_000)
        with suppress(TimeoutError, ChannelEmptyError):
            receiver.recv(SHORT)


def _use_channels_in_channels() -> None:
    receiver, sender = create_channel()
    inner, mine = create_channel()
    with receiver, sender, inner, mine:
        sender.send((mine, [SharedBuffer(9)] * 3, "x" * 50_000))
        with receiver.recv(TIME_LIMIT)[0] as theirs:
            theirs.send(1)
            assert inner.recv(TIME_LIMIT) == 1


def _use_tokens() -> None:
    _there_and_back([SharedBuffer(5), Handle(0), b"y" * 9000])
    _there_and_back("z" * 9000)
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryFile() as file:
        _there_and_back(ours).close()
        _there_and_back(file).close()


def _use_locks() -> None:
    for make in (sync.Lock, sync.RLock, sync.Semaphore):
        lock: Any = make()
        lock.acquire()
        lock.acquire(timeout=SHORT)
        lock.release()
    sync.Event().wait(SHORT)
    condition = sync.Condition()
    with condition:
        condition.wait(SHORT)
    sync.Barrier(1).wait()
    _there_and_back(sync.Barrier(1)).wait()


def _use_queues() -> None:
    queue = Queue(1)
    queue.put(1)
    with suppress(Full):
        queue.put(2, timeout=SHORT)
    _there_and_back(queue).get(TIME_LIMIT)


def _use_a_pool() -> None:
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(pow, 2, 3).result(TIME_LIMIT) == 8
        blocks = [SharedBuffer(5), SharedBuffer(6)]
        assert pool.submit(len, blocks).result(TIME_LIMIT) == 2
        assert list(pool.map(abs, [1, -2])) == [1, 2]
        with create_channel()[0] as receiver:
            pool.submit(bool, receiver).result(TIME_LIMIT)


@pytest.mark.parametrize("is_portable", [False, True])
@pytest.mark.parametrize(
    "use",
    [
        _use_buffers,
        _use_channels,
        _use_channels_in_channels,
        _use_tokens,
        _use_locks,
        _use_queues,
        _use_a_pool,
    ],
)
@pytest.mark.slow
def test_each_refusal_ends_in_an_error(use: Callable[[], None], is_portable: bool) -> None:
    """A refusal ends in an error and leaves nothing behind, or the use works all the same."""
    with _scarcity(is_portable=is_portable) as scarcity:
        use()
        for refused in range(1, scarcity.taken + 1):
            gc.collect()
            before = descriptors()
            scarcity.taken, scarcity.refused = 0, refused
            try:
                with suppress(*REFUSALS):
                    use()
            finally:
                scarcity.refused = 0
            gc.collect()
            assert not descriptors() - before, f"number {refused}"
        use()
