"""Keys of functions and classes, by which an interpreter finds what it has already."""

from _collections import deque  # `collections` is dear to import
from _functools import partial
from _weakref import ref
from itertools import count
from sys import byteorder

from interpexec._core.cpython import current_id, own_builtins
from interpexec._core.sigint import keep_whole

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    from interpexec._core.known_source import Key

    type Changed = dict[str | int, int]
    """The versions of the parts of an object that have changed since it was sent first."""

    type Text = tuple[int, int]
    """The address of a text in this process, and its length in bytes."""

keep_whole()

_SERIAL_BITS = 44
_MOST_TOLD = 64  # keys of objects that are gone, in each new definition
_TIMES_TOLD = 16  # each of these: so that most workers hear of it
_MOST_KEPT = 1024  # objects that know nothing of weak references
HERE = current_id()
OWN: tuple[()] = ()
"""The versions of a definition that was made here."""


def is_newer(version: int, known: int) -> bool:
    """Say whether a version is not older than a known one: of one sender, the greater one."""
    return version > known or version >> _SERIAL_BITS != known >> _SERIAL_BITS


class Identities:
    """The keys of functions and classes, and what has them. It keeps nothing alive."""

    def __init__(self) -> None:
        self._keys: dict[int, tuple[Callable[[], Any], int]] = {}
        self._objects: dict[int, Callable[[], Any]] = {}
        self._serial = count((HERE << _SERIAL_BITS) + 1)
        self._kept: list[Callable[[object], None]] = []
        self._sent: set[int] = set()
        self._gone: deque[tuple[int, int]] = deque(maxlen=_MOST_KEPT)
        self.versions: dict[int, tuple[int, Changed] | tuple[()]] = {}
        """The versions in which the parts of each were filled, by key; `OWN`: it was made here."""

    def key_of(self, obj: object) -> int:
        """Return the key of an object; a new one if it was made here. From any thread."""
        if self.has(obj):
            return self._keys[id(obj)][1]
        key = self.next()
        self.versions[key] = OWN
        self.set(key, obj)
        return self._keys[id(obj)][1]  # another thread may have given it one

    def next(self) -> int:
        """Return a number that is used nowhere else in the process."""
        return next(self._serial)

    def set(self, key: int, obj: object) -> None:
        """Let an object have this key, unless it has one."""
        where = id(obj)

        def forget(_: object, _times: int = _TIMES_TOLD) -> None:
            self._keys.pop(where, None)
            self._objects.pop(key, None)
            self.versions.pop(key, None)
            if key in self._sent:
                self._sent.discard(key)
                self._gone.append((key, _times))

        reference: Callable[[], Any]
        try:
            reference = ref(obj, forget)
        except TypeError:  # an alias: it is kept, for a time
            reference = partial(same, obj)
            self._kept.append(forget)
        if self._keys.setdefault(where, (reference, key))[0]() is not obj:
            self._keys[where] = reference, key  # its callback was not called: see `keep_whole`
        self._objects[key] = reference
        if len(self._kept) > _MOST_KEPT:
            self._kept.pop(0)(None)

    def get(self, key: int) -> object:
        """Return the object that has this key, or None."""
        known = self._objects.get(key)
        return None if known is None else known()

    def has(self, obj: object) -> bool:
        """Say whether an object has a key."""
        known = self._keys.get(id(obj))
        return known is not None and known[0]() is obj

    def is_sent(self, key: int) -> None:
        """Note that receivers keep the object that has this key until they hear that it is gone."""
        self._sent.add(key)

    def gone(self) -> bytes:
        """Return the keys of objects that were sent, and are no more."""
        told: list[tuple[int, int]] = []
        while self._gone and len(told) < _MOST_TOLD:
            told.append(self._gone.popleft())
        self._gone.extend((key, times - 1) for key, times in told if times > 1)
        return b"".join(key.to_bytes(8, byteorder) for key, _ in told)

    def clear(self) -> None:
        """Forget all."""
        self._keys.clear()
        self._objects.clear()
        self._kept.clear()
        self._sent.clear()
        self.versions.clear()


def same[T](obj: T) -> T:
    """Return an object itself: stands for a weak reference to what is kept."""
    return obj


class Recent(dict):  # type: ignore[type-arg]  # of anything
    """A dictionary that forgets its oldest entries."""

    def __init__(self, most: int) -> None:
        """most: how many it keeps."""
        super().__init__()
        self._most = most

    def __setitem__(self, key: object, value: object) -> None:
        """Set an entry, which is the newest one if it was not there."""
        super().__setitem__(key, value)
        while len(self) > self._most:
            try:
                del self[next(iter(self))]
            except (KeyError, RuntimeError):  # another thread was here
                return


IDENTITIES = Identities()

codes: "dict[bytes, CodeType]" = Recent(_MOST_KEPT)
"""Code objects that were received, by what `marshal` makes of them."""

sources: "dict[Key, Text]" = Recent(_MOST_KEPT)
"""Where source is that is in no file, as a worker was told: see `source_texts`."""
