"""Definitions: functions and classes that a receiver cannot import, taken by value.

A definition of the program (`__main__`), or one that has no name at all, is sent as a stream
of pickles (see `rebuilding`):

    the function    code, variables of the functions around it, defaults, attributes
    or the class    bases, metaclass, attributes, with its methods
    globals         those that the code reads, one by one, and what they need in turn

Nothing is run to find them: `names_read` reads the code. A stream is made when a definition
is sent first, and again when a look (`changes`) says that a part of it has changed. Otherwise
the same bytes go with each call, and a worker that has them already does not unpickle them.

A function of a module that can be imported, but without a name there, takes its globals from
the module itself, where one of them may change; otherwise a copy of those it reads.
"""

import copyreg
from _operator import attrgetter, is_
from _pickle import dumps
from _weakref import ref
from types import FunctionType

from interpexec._core import main_module
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.error_text import of_users
from interpexec._sharing import after_run, packing, pickler, rebuilding, reducers, unsendable
from interpexec._sharing.by_value import ValuePickler
from interpexec._sharing.changes import Reads
from interpexec._sharing.identities import IDENTITIES
from interpexec._sharing.importable import found_by_name
from interpexec._sharing.records import ATTRIBUTE, record_of
from interpexec._sharing.tries import TRIES

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._sharing.package import Packed
    from interpexec._sharing.pickler import Packer
    from interpexec._sharing.records import Record
    from interpexec._sharing.stream import Stream

_own_parts_of_function = attrgetter("__code__", "__defaults__", "__kwdefaults__")


def _own_parts(obj: object) -> tuple[object, ...]:
    """Return what `Reads` would keep the function alive for."""
    if type(obj) is not FunctionType:
        return ()
    return *_own_parts_of_function(obj), len(obj.__dict__)


_SMALL = 1 << 16  # bytes, that are copied into each call


class Definition:
    """A function or class that is sent by value: its stream, and when that is out of date."""

    __slots__ = ("_fresh", "_gone", "_of", "_own", "_reads", "bare", "head", "number", "stream")

    def __init__(self, obj: "Any") -> None:
        """Make the stream. Raises what pickling raises, and NotShareableError."""
        self._of = ref(obj)
        self._own = _own_parts(obj)
        self.number = IDENTITIES.next()
        self._gone = IDENTITIES.gone()
        self.stream: bytes | None = None
        """None: it has out-of-band data, and is made anew for each call."""
        self.head: bytes | None = None
        """The beginning of a pickled call, if the stream is small, and nothing but bytes."""
        self.bare = b""
        """The pickled call without arguments, then."""
        stream, self._reads = _stream(obj)
        self._fresh: Packed | None = stream
        if isinstance(stream, bytes):
            self.stream = stream
            if len(stream) < _SMALL:
                self.head = _head(self.number, stream, self._gone)
                self.bare = self.head + _NO_ARGUMENTS + _TAIL
        IDENTITIES.is_sent(IDENTITIES.key_of(obj))

    def is_of(self, obj: object) -> bool:
        """Say whether it is that of an object, as the object is now."""
        return (
            self._of() is obj
            and all(map(is_, _own_parts(obj), self._own))
            and self._reads.are_unchanged()
        )

    def __reduce__(self) -> "tuple[object, ...]":
        """Be the function or the class itself, for the worker."""
        payload: object = self.payload()
        if self.head is None and isinstance(payload, bytes) and packing.current().lends:
            payload = memoryview(payload)  # it is read by workers that do not have it yet
        return rebuilding.arrive, (self.number, payload, self._gone)

    def payload(self) -> "Packed":
        """Return the stream, for one message."""
        if self.stream is not None:
            return self.stream
        fresh, self._fresh = self._fresh, None
        if fresh is None:
            obj = self._of()
            if obj is None:
                raise NotShareableError("a function or class that was to be sent is gone")
            fresh, self._reads = _stream(obj)
        return fresh

    def call(self, args: tuple[object, ...]) -> bytes:
        """Return the pickled call `(it, args, {})`. args: plain data. If there is a head."""
        if not args:
            return self.bare
        return self.head + dumps(args, 5)[2:-1] + _TAIL  # type: ignore[operator]  # see there


# As pickle writes it, but the definition is not memoized: so the numbers in what follows are right.
_NO_ARGUMENTS = b")"  # an empty tuple
_TAIL = b"}\x87."  # an empty dictionary, a tuple of three, the end


def _head(number: int, stream: bytes, gone: bytes) -> bytes:
    """Return what begins a pickled tuple: `arrive(number, stream, gone)`."""
    function = b"\x84" + main_module.ARRIVAL[-1].to_bytes(4, "little")
    long = b"\x8a\x08" + number.to_bytes(8, "little")
    parts = b"".join(b"B" + len(part).to_bytes(4, "little") + part for part in (stream, gone))
    return b"\x80\x05" + function + long + parts + b"\x87R"


copyreg.add_extension(*main_module.ARRIVAL)  # for those who load a call on the caller's side


def definition_of(obj: "Any") -> Definition:
    """Return the definition of a function or class that is sent by value, as it is now."""
    record: Record | None = obj.__dict__.get(ATTRIBUTE)
    # Read once: other threads put theirs there, which may be of an earlier time.
    found: Definition | None = None if record is None else record.definition
    if found is not None and found.is_of(obj):
        return found
    record = record_of(obj)
    failure = record.failure
    if failure is not None and failure[0].are_unchanged():
        raise NotShareableError(failure[1])
    found = record.definition
    if found is None or not found.is_of(obj):  # it may be one of a module
        found = record.definition = Definition(obj)
    return found


def _failure(obj: "Any", reads: Reads, error: Exception) -> Exception:
    """Return the error for a definition that cannot be sent, until what was read has changed."""
    found = unsendable.explain(obj, error, DUMPS["anywhere"])
    record_of(obj).failure = reads, str(found)
    return found


def _stream(obj: "Any") -> "tuple[Packed, Reads]":
    """Return the stream of a definition, and what was read for it."""
    reads = Reads()
    try:
        return _packed(obj, reads, TRIES[0]), reads
    except RecursionError:  # to look for the part at fault would take as long, many times over
        name = getattr(obj, "__qualname__", obj.__name__)
        text = f"{name!r} cannot be sent to another interpreter: what it needs is nested too deeply"
        record_of(obj).failure = reads, text
        raise NotShareableError(text) from None
    except Exception as error:
        for kind in TRIES[1:]:
            reads = Reads()
            packed = _packed_or_none(obj, reads, kind)
            if packed is not None:
                return packed, reads
        raise _failure(obj, reads, error) from of_users(error)


def _packed_or_none(obj: object, reads: Reads, kind: "type[Stream]") -> "Packed | None":
    try:
        return _packed(obj, reads, kind)
    except Exception:
        return None


def _packed(obj: object, reads: Reads, kind: "type[Stream]") -> "Packed":
    def dump(obj: object, packer: "Packer") -> None:
        kind(packer, reads).write(obj)

    return pickler.pack(obj, dump, is_alone=True)


class _Call(ValuePickler):
    """For a worker."""

    def definition(self, obj: object) -> "Any":
        """Return what makes a definition in the receiver, or brings it up to date."""
        return definition_of(obj).__reduce__()


class _Back(ValuePickler):
    """For a receiver who keeps what it has."""

    def definition(self, obj: object) -> "Any":
        """Return what makes a definition in the receiver, if it has none."""
        definition = definition_of(obj)
        return rebuilding.arrive_back, (definition.number, definition.payload())


class _Result(_Back):
    """For the maker of a call, who has what the program defines."""

    def by_value(self, obj: "Any") -> "Any":
        """Return what makes a function or a class in the receiver, or its name."""
        if main_module.was_run():
            name = after_run.name_in_run(obj)
            if name is not None:
                return main_module.find_in_program, (name,)
        elif obj.__module__ == "__main__" and found_by_name(obj):
            return NotImplemented
        return super().by_value(obj)

    def definition(self, obj: object) -> "Any":
        """Return what makes a definition in the receiver."""
        if not main_module.was_run():
            return super().definition(obj)
        return rebuilding.arrive_back, after_run.for_caller(obj)


def _dump_with(kind: type[ValuePickler]) -> "Callable[[object, Packer], None]":
    def dump(obj: object, packer: "Packer") -> None:
        by_value = kind(packer, 5)
        by_value.dispatch_table = reducers.table()  # type: ignore[assignment]  # it holds any recipe
        by_value.dump(obj)

    return dump


DUMPS = {
    "there": _dump_with(_Call),
    "back": _dump_with(_Result),
    "anywhere": _dump_with(_Back),
}
"""Functions that pickle an object, with functions and classes by value where that is needed."""
