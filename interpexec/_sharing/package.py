"""A pickle and its out-of-band data: what is sent beside the pickle (PEP 574's term).

    Package
      payload    the pickle
      buffers    large `bytes`, which are not copied into it (`pickle_opcodes`)
      views      memory that is lent to a worker
      entries    descriptors, duplicated; and holders that were counted for the receiver

A package owns its entries (`entries`). If it is not unpacked (its receiver was cancelled, its
worker is gone, the channel was closed, unpickling failed), it gives them back when it is let
go of. While it is a message in a queue, they belong to the receiver that takes it out.

While a package is loaded, the functions that reducers have named (`packing`) call `take()` or
`take_view()`, with an index that stands in the pickle.
"""

from _pickle import dumps
from _pickle import loads as _unpickle
from _thread import get_ident

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.destructors import outside
from interpexec._core.sigint import interruptibly, keep_whole
from interpexec._sharing import packing
from interpexec._sharing.entries import abandon_all, disown, duplicates, keep

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._sharing.entries import Entry

keep_whole()

type Packed = bytes | Package

# The pickler writes objects of so many bytes by themselves (FRAME_SIZE_TARGET in CPython's
# _pickle.c).
LARGE = 1 << 16


class Package:
    """A pickle and its out-of-band data. Owns that until it is loaded, or sent."""

    __slots__ = ("__weakref__", "buffers", "entries", "lease", "payload", "views")

    def __init__(
        self,
        payload: bytes | memoryview,
        buffers: list[bytes],
        views: "list[memoryview]",
        entries: "list[Entry | None]",
    ) -> None:
        """Own the out-of-band data of a pickle."""
        self.payload: bytes | memoryview = payload
        self.buffers: list[bytes] = buffers
        self.views: list[memoryview] = views
        self.entries: list[Entry | None] = entries  # None: was taken
        self.lease: memoryview | None = None  # see `lending`
        if entries:
            keep(entries)

    @classmethod
    def of(cls, packed: "Packed") -> "Package":
        """Return a package, also of something that needs none."""
        return cls(packed, [], [], []) if isinstance(packed, bytes) else packed

    @property
    def weight(self) -> int:
        """How many of its objects their sender must be asked to release."""
        return len(self.buffers) + len(self.views)

    @property
    def can_be_copied(self) -> bool:
        """Whether its entries are plain descriptors, so that it can be sent several times."""
        return all(entry is not None and entry[0] is None for entry in self.entries)

    def copy(self) -> "Package":
        """Return another package of the same, with descriptors of its own.

        Raises NotShareableError when the process has no free descriptor.
        """
        copies: list[Entry | None] = []
        try:
            copies.extend((None, duplicates(fds)) for _, fds in filter(None, self.entries))
        except BaseException:
            abandon_all(copies)
            raise
        return Package(self.payload, self.buffers[:], self.views[:], copies)

    def as_message(self, tail: int) -> "tuple[object, ...]":
        """Return what a message queue takes. The package still owns all, until `give_away`."""
        entries = dumps(self.entries, 5)
        out_of_band = len(self.buffers), *self.buffers, *self.views
        return self.payload, tail, entries, self.lease or 0, *out_of_band

    def give_away(self) -> "list[Entry | None]":
        """Own nothing any more: the message's receiver does.

        To be called just before the message is sent: an interrupt in between then leaves
        something open, and does not close it twice. Returns what to set `entries` to if the
        sending failed.
        """
        entries, self.entries = self.entries, []
        disown(entries)
        return entries

    @classmethod
    def from_message(cls, message: "tuple[Any, ...]") -> "Package":
        """Own what has come as a message."""
        payload, _, entries, lease, buffers, *rest = message
        package = cls(payload, rest[:buffers], rest[buffers:], _unpickle(entries))
        package.lease = lease or None
        return package

    def end_lease(self) -> None:
        """Say that nothing is held any more of what was lent with it."""
        if self.lease is not None:
            self.lease.release()
            self.lease = None

    def load(self, unpickle: "Callable[..., Any]") -> "Any":
        """Unpickle; give back what was not taken.

        unpickle: `pickle.loads`, or something like it.
        """
        buffers, self.buffers = self.buffers, []
        thread = get_ident()
        outer = _loading.get(thread)
        _loading[thread] = self
        try:
            return interruptibly(unpickle, self.payload, buffers=buffers)
        finally:
            if outer is None:
                del _loading[thread]
            else:
                _loading[thread] = outer
            self.abandon()

    @current_call.shielded
    def abandon(self) -> None:
        """Give back what was not taken."""
        self.views = []
        entries, self.entries = self.entries, []
        abandon_all(entries)

    def __del__(self) -> None:
        if self.entries:
            outside(self.abandon)

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent inside another package, which owns the entries from then on."""
        indices = packing.current().carry_all(self)
        return _repacked, (self.payload, self.buffers, self.views, indices)


def _repacked(
    payload: bytes, buffers: list[bytes], views: "list[memoryview]", indices: list[int]
) -> Package:
    return Package(payload, buffers, views, [_take_entry(index) for index in indices])


_loading: dict[int, Package] = {}  # by thread: what it is loading


def take(index: int) -> "tuple[Any, ...]":
    """Take the fields of an entry of what the calling thread loads.

    Mostly descriptors. They are the caller's now.
    """
    return _take_entry(index)[1]


def take_view(index: int) -> memoryview:
    """Take a view of lent memory out of what the calling thread loads."""
    return _loaded().views[index]


def _take_entry(index: int) -> "Entry":
    entries = _loaded().entries
    entry = entries[index] if index < len(entries) else None
    if entry is None:
        raise NotShareableError("the out-of-band data of this pickle was taken already")
    entries[index] = None
    return entry


def _loaded() -> Package:
    found = _loading.get(get_ident())
    if found is None:
        raise NotShareableError("the out-of-band data of this pickle is gone")
    return found
