r"""What travels, packed: a pickle, and beside it what no pickle can hold.

    pack(obj)  ->  bytes                   most things
               ->  Package                 ... and, beside the pickle:
                     buffers                 large `bytes`, which are not copied into it
                     views                   memory that is lent to a worker
                     entries                 descriptors, duplicated

    load(bytes or Package)  ->  the object

A package owns what lies beside its pickle. What is not unpacked (the receiver was
cancelled, its worker is gone, the channel was closed, unpickling failed) is given
back when the package is let go of: nobody has to remember it. While it is a message
in a line, it is owned by whoever takes it out.

How an object comes to lie there. Pickle asks a table how to reduce an object of each
type that is not plain data (`_Table`). What it names there calls `packing().lend()`
or `.hand_over()`, and puts the index that it gets into the pickle. On the other side,
`take_view()` and `take()` are called with it while the pickle is loaded.

How large `bytes` are left out. The C pickler writes what is larger than 64 KiB to
its file by itself, as the object that it was given:

    ... BINBYTES <length>  |  the object  |  MEMOIZE ...

The opcode before it is replaced by NEXT_BUFFER, which takes it from a list. So it
costs one copy: the one into the other interpreter. No Python code runs for each
object, wherever it is in the argument.
"""

import _pickle
import copyreg
import os
from _operator import methodcaller
from _thread import get_ident

from interpexec._runtime import NotShareableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

type Entry = tuple[str | int, ...]
"""What names it (a module of ours with a function `abandon`, "" for plain descriptors),
and descriptors."""

type Packed = bytes | Package

# What the pickler writes by itself (FRAME_SIZE_TARGET in CPython's _pickle.c).
LARGE = 1 << 16

# How much may lie beside one pickle. CPython can give back 300 objects at a time that
# other interpreters have received (see `Fifo`), so the ledger counts them, too.
_MOST_BUFFERS = 8
MOST_VIEWS = 128

_BINBYTES, _BINBYTES8, _BYTEARRAY8, _NEXT_BUFFER = b"B", b"\x8e", b"\x96", b"\x97"


class Package:
    """A pickle, and what lies beside it. Owns that until it is loaded, or sent."""

    __slots__ = ("buffers", "entries", "payload", "views")

    def __init__(
        self,
        payload: bytes | memoryview,
        buffers: "list[bytes | memoryview]",
        views: "list[memoryview]",
        entries: "list[Entry | None]",
    ) -> None:
        """Own what lies beside a pickle."""
        self.payload = payload
        self.buffers = buffers  # a memoryview here stands for a bytearray
        self.views = views
        self.entries = entries  # None: was taken

    @classmethod
    def of(cls, packed: "Packed") -> "Package":
        """Return a package, also of something that needs none."""
        return cls(packed, [], [], []) if isinstance(packed, bytes) else packed

    @property
    def weight(self) -> int:
        """How many objects lie beside the pickle that their sender must be asked to let go of."""
        return len(self.buffers) + len(self.views)

    def as_message(self, tail: int) -> "tuple[object, ...]":
        """Return what a line can take. It still owns all, until `was_sent`."""
        return (
            self.payload,
            tail,
            tuple(self.entries),
            len(self.buffers),
            *self.buffers,
            *self.views,
        )

    def was_sent(self) -> None:
        """Own nothing any more: whoever takes the message out of the line does."""
        self.entries = []

    @classmethod
    def from_message(cls, message: "tuple[Any, ...]") -> "Package":
        """Own what a line has given."""
        payload, _, entries, buffers, *rest = message
        return cls(payload, rest[:buffers], rest[buffers:], list(entries))

    def load(self, loads: "Callable[..., Any]") -> "Any":
        """Unpickle; give back what was not taken.

        loads: `pickle.loads`, or something like it.
        """
        buffers = [part if type(part) is bytes else bytearray(part) for part in self.buffers]
        self.buffers = []
        thread = get_ident()
        outer = _loading.get(thread)
        _loading[thread] = self
        try:
            return loads(self.payload, buffers=buffers)
        finally:
            if outer is None:
                del _loading[thread]
            else:
                _loading[thread] = outer
            self.abandon()

    def abandon(self) -> None:
        """Give back what was not taken."""
        self.views = []
        entries, self.entries = self.entries, []
        for entry in entries:
            if entry is not None:
                abandon(entry)

    def __del__(self) -> None:
        self.abandon()

    def __reduce__(self) -> "tuple[object, ...]":
        """Travel inside another one, which owns what lay beside this one from then on."""
        outer = packing()
        indices = [outer.carry(entry) for entry in self.entries if entry is not None]
        outer.emptied.append((self, self.entries))
        self.entries = []
        return _repacked, (self.payload, self.buffers, self.views, indices)


def _repacked(
    payload: bytes,
    buffers: "list[bytes | memoryview]",
    views: "list[memoryview]",
    indices: list[int],
) -> Package:
    return Package(payload, buffers, views, [_take_entry(index) for index in indices])


class Packing:
    """An object that is being packed: what the reducers of shareable types talk to.

    Its `write` is what the pickler calls.
    """

    def __init__(self, *, lends: bool, is_alone: bool) -> None:
        """Begin.

        lends: memory may be lent: it is that of a call's maker, who outlives the call.
        is_alone: nothing but descriptors may lie beside the pickle.
        """
        self.lends = lends
        self._is_alone = is_alone
        self._parts: list[Any] = []
        self.write = self._parts.append
        self._views: list[memoryview] = []
        self._entries: list[Entry | None] = []
        self.emptied: list[tuple[Package, list[Entry | None]]] = []

    def lend(self, view: memoryview) -> int:
        """Let the receiver see this memory itself; return what to give to `take_view`."""
        if len(self._views) == MOST_VIEWS:
            message = (
                f"more than {MOST_VIEWS} views of memory in one call:"
                " put what they show into a SharedBuffer"
            )
            raise NotShareableError(message)
        self._views.append(view)
        return len(self._views) - 1

    def hand_over(self, *fds: int, owner: str = "") -> int:
        """Let the receiver have duplicates of descriptors; return what to give to `take`.

        owner: a module of ours, whose `abandon(*fds)` gives them back. "": they are closed.
        """
        return self.carry((owner, *duplicates(fds)))

    def carry(self, entry: Entry) -> int:
        """Own an entry; return its index."""
        self._entries.append(entry)
        return len(self._entries) - 1

    def finish(self) -> Packed:
        """Return what was packed."""
        self.emptied.clear()
        buffers: list[bytes | memoryview] = []
        parts = self._parts
        payload = parts[0] if len(parts) == 1 else self._join(parts, buffers)
        if not (self._entries or self._views or buffers):
            return payload
        return Package(payload, buffers, self._views, self._entries)

    def give_up(self) -> None:
        """Give everything back: something cannot travel."""
        emptied, self.emptied = self.emptied, []
        for package, entries in emptied:
            package.entries = entries
            for entry in entries:
                if entry is not None:
                    self._entries.remove(entry)
        for entry in self._entries:
            abandon(entry)  # type: ignore[arg-type]  # none was taken
        self._entries, self._views = [], []

    def _join(self, parts: list[bytes], buffers: "list[bytes | memoryview]") -> bytes:
        """Join what the pickler has written, but for large objects."""
        joined: list[Any] = []
        for part in parts:
            beside = None
            if joined and not self._is_alone and len(buffers) < _MOST_BUFFERS:
                beside = self._lay_beside(joined[-1], part)
            if beside is None:
                joined.append(part)
            else:
                header, buffer = beside
                joined[-1] = joined[-1][:-header] + _NEXT_BUFFER
                buffers.append(buffer)
        return b"".join(joined)

    def _lay_beside(self, header: object, part: object) -> "tuple[int, bytes | memoryview] | None":
        """Return the length of the header to replace, and what to lay beside; or None."""
        if type(header) is not bytes or not isinstance(part, (bytes, bytearray)):
            return None  # of a PickleBuffer, say
        if (size := len(part)) < LARGE:
            return None
        length, length_8 = size.to_bytes(8, "little")[:4], size.to_bytes(8, "little")
        if type(part) is bytes:
            if header[-5:] == _BINBYTES + length:
                return 5, part
            if header[-9:] == _BINBYTES8 + length_8:
                return 9, part
        elif self.lends and header[-9:] == _BYTEARRAY8 + length_8:
            # A copy: it may be changed before it is received, and resized.
            return 9, memoryview(bytes(part))
        return None


def duplicates(fds: "Sequence[int]") -> list[int]:
    """Return duplicates of descriptors: of all, or of none."""
    copies: list[int] = []
    try:
        copies.extend(map(os.dup, fds))
    except OSError as error:
        for fd in copies:
            os.close(fd)
        message = f"descriptor {fds[len(copies)]} cannot be duplicated: {error.strerror}"
        raise NotShareableError(message) from error
    return copies


def pack(
    obj: object,
    *,
    lends: bool = False,
    is_alone: bool = False,
    dump: "Callable[[object, Packing], None] | None" = None,
) -> Packed:
    """Pickle an object, and lay beside the pickle what is not to be in it.

    dump: what pickles, in place of pickle's own ways. For the rest see `Packing`.
    Raises what pickle raises, and NotShareableError.
    """
    packing = Packing(lends=lends, is_alone=is_alone)
    thread = get_ident()
    outer = _packing.get(thread)
    _packing[thread] = packing
    try:
        if dump is None:
            pickler = _pickle.Pickler(packing, 5)
            pickler.dispatch_table = table()  # type: ignore[assignment]  # it holds any recipe
            pickler.dump(obj)
        else:
            dump(obj, packing)
        return packing.finish()
    except BaseException:
        packing.give_up()
        raise
    finally:
        if outer is None:
            del _packing[thread]
        else:
            _packing[thread] = outer


def load(packed: Packed, loads: "Callable[..., Any]" = _pickle.loads) -> "Any":
    """Unpickle what was packed. loads: as of `Package.load`."""
    return loads(packed) if type(packed) is bytes else packed.load(loads)  # type: ignore[union-attr]


# By thread: what it is packing, and what it is loading.
_packing: dict[int, Packing] = {}
_loading: dict[int, Package] = {}


def packing() -> Packing:
    """Return what the calling thread is packing.

    Raises NotShareableError when it does not: somebody else pickles, and would not
    keep alive what travels beside the pickle.
    """
    found = _packing.get(get_ident())
    if found is None:
        raise NotShareableError(
            "this cannot be pickled: it travels only as an argument or a result of a call,"
            " through a channel, or as a token"
        )
    return found


def is_packing() -> bool:
    """Say whether the calling thread is packing something."""
    return get_ident() in _packing


def take(index: int) -> tuple[int, ...]:
    """Take descriptors out of what the calling thread loads. They are the caller's now."""
    return _take_entry(index)[1:]  # type: ignore[return-value]


def take_view(index: int) -> memoryview:
    """Take a view of lent memory, as `take`."""
    return _loaded().views[index]


def _take_entry(index: int) -> Entry:
    entries = _loaded().entries
    entry = entries[index] if index < len(entries) else None
    if entry is None:
        raise NotShareableError("what travelled beside this was taken already")
    entries[index] = None
    return entry


def _loaded() -> Package:
    found = _loading.get(get_ident())
    if found is None:
        raise NotShareableError("what lay beside this pickle is not there any more")
    return found


def abandon(entry: Entry) -> None:
    """Give back what nobody has taken."""
    owner, *fds = entry
    if owner:
        __import__(owner, fromlist=["abandon"]).abandon(*fds)  # type: ignore[arg-type]
        return
    for fd in fds:
        os.close(fd)  # type: ignore[arg-type]


# -- how each type is reduced ---------------------------------------------------

registered: "dict[type, Callable[[Any], object]]" = {}
"""The reducers that were added by hand, by type."""

# How pickle itself treats what is in no table. A C function: a table made of these
# is as fast as none.
_BY_ITSELF = methodcaller("__reduce_ex__", 5)

_MOST_TYPES = 4096  # so that types which come and go are not kept for ever

# The types that `_kinds` knows, by name: they are imported when one is met.
_KINDS = frozenset(
    {
        "builtins.memoryview",
        "mmap.mmap",
        "array.array",
        "socket.socket",
        "multiprocessing.connection.Connection",
        "_io.FileIO",
        "_io.BufferedReader",
        "_io.BufferedWriter",
        "_io.BufferedRandom",
        "_io.TextIOWrapper",
    }
)


class _Table(dict[type, "Callable[[Any], object]"]):
    """The reducers of all types that were met so far."""

    def __init__(self) -> None:
        self.known = dict(copyreg.dispatch_table)
        super().__init__(self.known)
        self.update(registered)

    def __missing__(self, cls: type) -> "Callable[[Any], object]":
        """Find out how objects of a type are reduced, and remember it."""
        if issubclass(cls, type):
            raise KeyError(cls)  # a class: it travels by its name
        if len(self) > _MOST_TYPES:
            self.clear()
            self.update(self.known | registered)
        reducer = self[cls] = _reducer_of(cls)
        return reducer


def _reducer_of(cls: type) -> "Callable[[Any], object]":
    if f"{cls.__module__}.{cls.__qualname__}" in _KINDS:
        from interpexec import _kinds  # few calls need them

        return _kinds.reducer_of(cls) or _BY_ITSELF
    if hasattr(cls, "__share__"):
        return _reduce_by_protocol
    return _BY_ITSELF


def _reduce_by_protocol(obj: "Any") -> "tuple[object, ...]":
    cls = type(obj)
    if not callable(getattr(cls, "__unshare__", None)):
        message = f"{cls.__qualname__} has a __share__, but no class method __unshare__(token)"
        raise NotShareableError(message)
    return unshare, (cls, checked(cls, obj.__share__()))


def unshare(cls: "Any", token: bytes) -> object:
    """Make an object from the bytes that its `__share__` has given."""
    return cls.__unshare__(token)


def checked(cls: type, token: object) -> bytes:
    """Return what a share function has returned, which must be `bytes`."""
    if type(token) is not bytes:
        message = f"sharing a {cls.__qualname__} must give bytes, not {type(token).__qualname__}"
        raise NotShareableError(message)
    return token


_table = _Table()


def table() -> _Table:
    """Return the table, which follows `copyreg`'s."""
    global _table  # noqa: PLW0603  # one for each interpreter
    if _table.known != copyreg.dispatch_table:
        _table = _Table()
    return _table


def forget_types() -> None:
    """Look each type up anew: something was registered."""
    global _table  # noqa: PLW0603  # as above
    _table = _Table()
