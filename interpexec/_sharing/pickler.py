"""Packing an object: pickling it, and collecting its out-of-band data.

    pack(object)  ->  bytes     most objects
                  ->  Package   with out-of-band data

One step of the ladder in `pickling`: which functions may be sent by value, and what is tried
next, is decided there.
"""

from _thread import get_ident

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.sigint import interruptibly, keep_whole
from interpexec._sharing import packing, reducers

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer, Callable
    from typing import Any

    from interpexec._sharing.entries import Entry
    from interpexec._sharing.package import Packed
    from interpexec._sharing.packing import Owning

    type Dump = Callable[[object, Packer], None]

keep_whole()

# How many views, and how many large `bytes`, one package may have. CPython can give back 300
# objects at a time that other interpreters have received (see `lending`).
_MOST_VIEWS, _MOST_BUFFERS = 128, 8


class Packer:
    """The file that a pickler writes to, which also collects the out-of-band data."""

    def __init__(self, *, lends: bool, is_alone: bool) -> None:
        """Begin.

        lends: memory may be lent: it is that of a call's maker, who outlives the call.
        is_alone: the only out-of-band data that is allowed is descriptors.
        """
        self.lends = lends
        self.takes_program = False
        self.made_empty: set[int] = set()  # see `exceptions`
        self._most_buffers = 0 if is_alone else _MOST_BUFFERS
        self._parts: list[bytes] = []
        self._views: list[memoryview] = []
        self._entries: list[Entry | None] = []
        # Packages that are sent inside this one, and what they owned.
        self._emptied: list[tuple[Owning, list[Entry | None]]] = []

    def write(self, part: "Buffer") -> None:
        """Take what the pickler has written: a frame, or a large object by itself."""
        # A copy, if it could be changed while the rest is pickled.
        self._parts.append(part if type(part) is bytes else bytes(part))

    @staticmethod
    def reducer_of(kind: type, /) -> "Callable[[Any], object]":
        """Return how objects of a type are reduced."""
        return reducers.table()[kind]

    def lend(self, view: memoryview) -> int:
        """Let the receiver see this memory itself; return the index for `take_view`."""
        if len(self._views) == _MOST_VIEWS:
            message = (
                f"more than {_MOST_VIEWS} views of memory in one call:"
                " put what they show into a SharedBuffer, or take smaller chunks"
            )
            raise NotShareableError(message)
        self._views.append(view)
        return len(self._views) - 1

    @current_call.shielded
    def hand_over(self, *fds: int) -> int:
        """Give the receiver duplicates of descriptors; return the index for `take`."""
        from interpexec._sharing.entries import duplicates  # most objects have no descriptors

        return self.carry((None, duplicates(fds)))

    def carry(self, entry: "Entry") -> int:
        """Own an entry; return its index for `take`."""
        from interpexec._sharing.entries import keep  # most objects have none

        keep(self._entries)
        self._entries.append(entry)
        return len(self._entries) - 1

    @current_call.shielded
    def carry_all(self, package: "Owning") -> list[int]:
        """Own the entries of a package that is sent inside this one; return the indices."""
        entries = package.give_away()
        self._emptied.append((package, entries))
        return [self.carry(entry) for entry in entries if entry is not None]

    def finish(self) -> "Packed":
        """Return what was packed."""
        self._emptied.clear()
        parts = self._parts
        payload = parts[0]
        buffers: list[bytes] = []
        if len(parts) > 1:
            from interpexec._sharing import pickle_opcodes  # most pickles are short

            payload, buffers = pickle_opcodes.take_out(parts, self._most_buffers)
        if not (self._entries or self._views or buffers):
            return payload
        from interpexec._sharing.package import Package  # most objects need none

        return Package(payload, buffers, self._views, self._entries)

    @current_call.shielded
    def give_up(self) -> None:
        """Give everything back: something cannot be sent."""
        emptied, self._emptied = self._emptied, []
        is_owner = bool(self._entries)
        for package, entries in emptied:
            package.entries = entries
            for entry in entries:
                if entry in self._entries and entry is not None:
                    self._entries.remove(entry)
        if is_owner:
            from interpexec._sharing.entries import abandon_all  # `carry` has imported it

            abandon_all(self._entries)
        self._entries, self._views = [], []


def pack(
    obj: object, dump: "Dump" = reducers.dump, *, lends: bool = False, is_alone: bool = False
) -> "Packed":
    """Pickle an object, and collect its out-of-band data.

    dump: what pickles. For the rest see `Packer`.
    Raises what pickle raises, and NotShareableError.
    """
    packer = Packer(lends=lends, is_alone=is_alone)
    packer.takes_program = dump is not reducers.dump
    thread, by_thread = get_ident(), packing.by_thread
    outer = by_thread.get(thread)
    by_thread[thread] = packer
    try:
        interruptibly(dump, obj, packer)  # the user's classes run
        return packer.finish()
    except BaseException:
        packer.give_up()
        raise
    finally:
        if outer is None:
            del by_thread[thread]
        else:
            by_thread[thread] = outer
        if reducers.passing:
            reducers.let_pass()
