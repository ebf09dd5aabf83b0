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
type that is not plain data (`reducers`). What it names there calls `packing().lend()`
or `.hand_over()`, and puts the index that it gets into the pickle. On the other side,
`take_view()` and `take()` are called with it while the pickle is loaded.

How large `bytes` are left out. The C pickler writes what is larger than 64 KiB to
its file by itself, as the object that it was given:

    ... BINBYTES <length>  |  the object  |  MEMOIZE ...

The opcode before it is replaced by NEXT_BUFFER, which takes it from a list. So it
costs one copy: the one into the other interpreter. No Python code runs for each
object, wherever it is in the argument.
"""

import os
from _pickle import Pickler, dumps
from _pickle import loads as _unpickle
from _thread import get_ident

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.descriptors import duplicate
from interpexec._core.handles import expect_end, outside
from interpexec._core.sigint import interruptibly, keep_whole
from interpexec._sharing import reducers

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Sequence
    from typing import Any

keep_whole()

type Entry = tuple[str | int, ...]
"""What names it (a module of ours with functions `abandon` and `descriptors`; "" for plain
descriptors), and what these take: descriptors, mostly."""

type Packed = bytes | Package

# What the pickler writes by itself (FRAME_SIZE_TARGET in CPython's _pickle.c).
LARGE = 1 << 16

# How much may lie beside one pickle. CPython can give back 300 objects at a time that
# other interpreters have received (see `lending`).
_MOST_BUFFERS = 8
MOST_VIEWS = 128

_BINBYTES, _BINBYTES8, _FRAME, _NEXT_BUFFER = b"B", b"\x8e", b"\x95", b"\x97"


class Package:
    """A pickle, and what lies beside it. Owns that until it is loaded, or sent."""

    __slots__ = ("__weakref__", "buffers", "entries", "lease", "payload", "views")

    def __init__(
        self,
        payload: bytes | memoryview,
        buffers: list[bytes],
        views: "list[memoryview]",
        entries: "list[Entry | None]",
    ) -> None:
        """Own what lies beside a pickle."""
        self.payload = payload
        self.buffers = buffers
        self.views = views
        self.entries = entries  # None: was taken
        self.lease: memoryview | None = None  # see `lending`
        if entries:
            _keep(entries)

    @classmethod
    def of(cls, packed: "Packed") -> "Package":
        """Return a package, also of something that needs none."""
        return cls(packed, [], [], []) if isinstance(packed, bytes) else packed

    @property
    def weight(self) -> int:
        """How many objects lie beside the pickle that their sender must be asked to let go of."""
        return len(self.buffers) + len(self.views)

    @property
    def can_be_copied(self) -> bool:
        """Whether nothing but views of memory and plain descriptors lie beside the pickle."""
        return not any(entry is None or entry[0] for entry in self.entries)

    def copy(self) -> "Package":
        """Return another one of the same, with descriptors of its own.

        Raises NotShareableError when there are no more to be had.
        """
        copies: list[Entry | None] = []
        try:
            copies.extend(("", *duplicates(entry[1:])) for entry in self.entries)  # type: ignore[arg-type,index]  # see above
        except BaseException:
            _abandon_all(copies)
            raise
        return Package(self.payload, self.buffers[:], self.views[:], copies)

    def as_message(self, tail: int) -> "tuple[object, ...]":
        """Return what a line can take. It still owns all, until `give_away`."""
        entries = dumps(self.entries, 5)
        beside = len(self.buffers), *self.buffers, *self.views
        return self.payload, tail, entries, self.lease or 0, *beside

    def give_away(self) -> "list[Entry | None]":
        """Own nothing any more: whoever takes the message out of the line does.

        To be called just before it is put in: what comes in between then leaves something
        open, and does not close it twice. Returns what to set `entries` to if that failed.
        """
        entries, self.entries = self.entries, []
        _kept.pop(id(entries), None)
        return entries

    @classmethod
    def from_message(cls, message: "tuple[Any, ...]") -> "Package":
        """Own what a line has given."""
        payload, _, entries, lease, buffers, *rest = message
        package = cls(payload, rest[:buffers], rest[buffers:], _unpickle(entries))
        package.lease = lease or None
        return package

    def end_lease(self) -> None:
        """Say that nothing is held any more of what was lent with it."""
        if self.lease is not None:
            self.lease.release()
            self.lease = None

    def load(self, loads: "Callable[..., Any]") -> "Any":
        """Unpickle; give back what was not taken.

        loads: `pickle.loads`, or something like it.
        """
        buffers, self.buffers = self.buffers, []
        thread = get_ident()
        outer = _loading.get(thread)
        _loading[thread] = self
        try:
            return interruptibly(loads, self.payload, buffers=buffers)
        finally:
            if outer is None:
                del _loading[thread]
            else:
                _loading[thread] = outer
            self.abandon()

    @current_call.step
    def abandon(self) -> None:
        """Give back what was not taken."""
        self.views = []
        entries, self.entries = self.entries, []
        _abandon_all(entries)

    def __del__(self) -> None:
        if self.entries:
            outside(self.abandon)

    def __reduce__(self) -> "tuple[object, ...]":
        """Travel inside another one, which owns what lay beside this one from then on."""
        outer = packing()
        indices = [outer.carry(entry) for entry in self.entries if entry is not None]
        outer.emptied.append((self, self.give_away()))
        return _repacked, (self.payload, self.buffers, self.views, indices)


# What packages own, by the id of its list: also of those whose destructor was interrupted.
_kept: "dict[int, list[Entry | None]]" = {}


def _keep(entries: "list[Entry | None]") -> None:
    _kept[id(entries)] = entries
    expect_end(_KEEPER)


def _abandon_all(entries: "list[Entry | None]") -> None:
    for index, entry in enumerate(entries):
        entries[index] = None
        if entry is not None:
            abandon(entry)
    _kept.pop(id(entries), None)


class _Keeper:
    """Gives back what packages own, when the interpreter ends."""

    @staticmethod
    def release() -> None:
        for entries in list(_kept.values()):
            _abandon_all(entries)

    @staticmethod
    def after_fork() -> None:
        """Close the child's descriptors: what else there is to give back is the parent's."""
        for entries in list(_kept.values()):
            for index, entry in enumerate(entries):
                entries[index] = None
                for fd in () if entry is None else _descriptors(entry):
                    os.close(fd)


_KEEPER = _Keeper()


def _repacked(
    payload: bytes, buffers: list[bytes], views: "list[memoryview]", indices: list[int]
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
        self._parts: list[bytes] = []
        self._views: list[memoryview] = []
        self._entries: list[Entry | None] = []
        self.emptied: list[tuple[Package, list[Entry | None]]] = []
        self.bare: set[int] = set()  # see `exceptions`: what is filled by somebody else

    def write(self, part: "Buffer") -> None:
        """Take what the pickler has written: a frame, or a large object by itself."""
        # A copy of what could be changed while the rest is pickled.
        self._parts.append(part if type(part) is bytes else bytes(part))

    def lend(self, view: memoryview) -> int:
        """Let the receiver see this memory itself; return what to give to `take_view`."""
        if len(self._views) == MOST_VIEWS:
            message = (
                f"more than {MOST_VIEWS} views of memory in one call:"
                " put what they show into a SharedBuffer, or take smaller chunks"
            )
            raise NotShareableError(message)
        self._views.append(view)
        return len(self._views) - 1

    @current_call.step
    def hand_over(self, *fds: int) -> int:
        """Let the receiver have duplicates of descriptors; return what to give to `take`."""
        return self.carry(("", *duplicates(fds)))

    def carry(self, entry: Entry) -> int:
        """Own an entry; return its index."""
        _keep(self._entries)
        self._entries.append(entry)
        return len(self._entries) - 1

    def finish(self) -> Packed:
        """Return what was packed."""
        self.emptied.clear()
        buffers: list[bytes] = []
        parts = self._parts
        payload = parts[0] if len(parts) == 1 else self._join(parts, buffers)
        if not (self._entries or self._views or buffers):
            return payload
        return Package(payload, buffers, self._views, self._entries)

    @current_call.step
    def give_up(self) -> None:
        """Give everything back: something cannot travel."""
        emptied, self.emptied = self.emptied, []
        for package, entries in emptied:
            package.entries = entries
            for entry in entries:
                if entry is not None:
                    self._entries.remove(entry)
        _abandon_all(self._entries)
        self._entries, self._views = [], []

    def _join(self, parts: list[bytes], buffers: list[bytes]) -> bytes:
        """Join what the pickler has written, but for large `bytes`."""
        joined: list[bytes] = []
        header = 0
        for part in parts:
            if joined and not self._is_alone and len(buffers) < _MOST_BUFFERS:
                header = _header(joined[-1], part)
            if header:
                joined[-1] = joined[-1][:-header] + _NEXT_BUFFER
                buffers.append(part)
                header = 0
            else:
                joined.append(part)
        return b"".join(joined)


def _header(before: bytes, part: bytes) -> int:
    """Return how many bytes before a part say that it is a large `bytes` object; or 0.

    A frame of opcodes is none, whatever the opcodes before it end with.
    """
    size = len(part)
    if size < LARGE or part[:9] == _FRAME + (size - 9).to_bytes(8, "little"):
        return 0
    length = size.to_bytes(8, "little")
    if before[-5:] == _BINBYTES + length[:4]:
        return 5
    return 9 if before[-9:] == _BINBYTES8 + length else 0


def duplicates(fds: "Sequence[int]") -> list[int]:
    """Return duplicates of descriptors: of all, or of none."""
    copies: list[int] = []
    try:
        copies.extend(map(duplicate, fds))
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
            pickler = Pickler(packing, 5)
            pickler.dispatch_table = reducers.table()  # type: ignore[assignment]  # it holds any recipe
            interruptibly(pickler.dump, obj)  # the user's classes run
        else:
            interruptibly(dump, obj, packing)
        return packing.finish()
    except BaseException:
        packing.give_up()
        raise
    finally:
        if outer is None:
            del _packing[thread]
        else:
            _packing[thread] = outer


def load(packed: Packed, loads: "Callable[..., Any]" = _unpickle) -> "Any":
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
    owner, *fields = entry
    if owner:
        _module(owner).abandon(*fields)
        return
    for fd in fields:
        os.close(fd)  # type: ignore[arg-type]


def _descriptors(entry: Entry) -> "Sequence[int]":
    """Return the descriptors that an entry owns."""
    owner, *fields = entry
    return _module(owner).descriptors(*fields) if owner else fields  # type: ignore[return-value]


def _module(name: str | int) -> "Any":
    return __import__(name, fromlist=["abandon"])  # type: ignore[arg-type]
