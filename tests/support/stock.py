"""One of each kind of thing that can leak when it is sent, and what says whether one did."""

import gc
import os
import socket
import threading
from time import monotonic

import shareable
from interpexec import (
    SharedBuffer,
    create_channel,
)
from interpexec.sharing import Handle
from leftovers import descriptors

_PATIENCE = 3.0  # seconds, for what is let go by a thread of a pool


_GONE = 0, 0


def _thing(fd: int) -> tuple[int, int]:
    """Return what of the kernel's a descriptor names."""
    try:
        about = os.stat(f"/proc/self/fd/{fd}")
    except OSError:
        return _GONE
    return about.st_dev, about.st_ino


class Stock:
    """One of each kind of thing that can leak, and what says whether something did."""

    def __init__(self) -> None:
        others = descriptors()
        self.ours, self.theirs = socket.socketpair()
        self.reader, self.writer = os.pipe()
        self.handle = Handle(self.writer)
        self.data = bytearray(100)
        self.block = SharedBuffer(5000)
        self.receiver, self.sender = create_channel()
        # The kernel's objects behind these, and how many descriptors name them now.
        # (All eventfds are one thing to the kernel.)
        new = descriptors() - others
        self._things = {_thing(fd) for fd, name in new if not name.startswith("anon_inode")}
        self._before = self._state()

    def all(self) -> list[object]:
        """Return one of each, to be sent."""
        return [
            self.theirs,
            {"handle": self.handle, "view": memoryview(self.data)},
            shareable.Box(self.block),
            b"x" * 100_000,
            shareable.Owner(self.handle),
            self.sender,
        ]

    def grow(self) -> None:
        """Resize the memory: fail if it is still lent.

        When a worker lets go, a thread of the main interpreter does the rest, in Python: one that
        was just interrupted in that, perhaps, and not the one that runs this.
        """
        end = monotonic() + _PATIENCE
        while True:
            try:
                self.data.append(1)
            except BufferError:
                if monotonic() > end:
                    raise
                threading.Event().wait(0.001)
            else:
                return

    def check(self) -> None:
        """Fail if somebody holds something of it, soon."""
        end = monotonic() + _PATIENCE
        while (left := self._left()) and monotonic() < end:
            threading.Event().wait(0.01)  # some of it is let go in a thread of the pool
        assert not left

    def _left(self) -> str:
        gc.collect()
        if (state := self._state()) != self._before:
            return f"descriptors and mappings: {self._before} were, {state} are"
        try:
            self.data.append(1)
            self.data.pop()
        except BufferError as error:
            return str(error)
        return ""

    def _state(self) -> tuple[int, int]:
        named = sum(_thing(fd) in self._things for fd, _ in descriptors())
        with open("/proc/self/maps", encoding="utf-8") as file:
            inodes = {int(inode) for _, inode in self._things - {_GONE}}
            return named, sum(int(line.split()[4]) in inodes for line in file)

    def close(self) -> None:
        """Give all back; the other ends must see it."""
        self.theirs.close()
        self.handle.close()
        os.close(self.writer)
        assert self.ours.recv(10) == b""
        assert os.read(self.reader, 10) == b""
        self.ours.close()
        os.close(self.reader)
        self.block.close()
        self.sender.release()
        assert list(self.receiver) == []  # the last sender is gone
        self.receiver.release()
