"""A message as it lies in a ring: at most `ROOM` bytes, the last of which tells its kind.

bytes          the object is `bytes`, and short
simple         the pickle of a number or None, which needs no check
PLAIN          the pickle of another object
the others     a package with out-of-band data, which the bytes name (`flatten`)
"""

from _pickle import dumps as _dumps
from _pickle import loads as _loads

from interpexec._core.sigint import keep_whole
from interpexec._sharing import pickling, unpickling
from interpexec._sharing.flatten import PLAIN, drop, flatten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interpexec._sharing.package import Package, Packed

keep_whole()

ROOM = 1 << 14  # bytes, for one message; longer data is out-of-band

_BYTES, _SIMPLE = b"\x02", b"\x03"
WHOLE = frozenset({_BYTES, _SIMPLE, PLAIN})
"""The kinds of messages without out-of-band data. `flatten` restores and drops the others."""

_SIMPLE_TYPES = frozenset({int, float, complex, bool, type(None)})


def encode(item: object) -> "tuple[bytes, Package | None]":
    """Return the message for an object, and the owner of its out-of-band data.

    Raises NotShareableError.
    """
    if type(item) is bytes and len(item) < ROOM:
        return item + _BYTES, None
    if type(item) in _SIMPLE_TYPES and len(message := _dumps(item, 5) + _SIMPLE) <= ROOM:
        return message, None
    return flatten(pickling.MESSAGES.pack_or_explain(item, "the item"), ROOM)


def open_message(message: "Packed") -> "Any":
    """Return the object in a message. Raises what unpickling raises; the object is lost then."""
    if not isinstance(message, bytes):
        return unpickling.loads_anything(message)
    kind = message[-1:]
    if kind == _SIMPLE:
        return _loads(message)
    return message[:-1] if kind == _BYTES else unpickling.loads_anything(message)


def drop_message(message: bytes) -> None:
    """Give back the out-of-band data of a message that was taken out of the ring."""
    if message[-1:] not in WHOLE:
        try:
            drop(message)
        except OSError:
            pass  # that of other messages must be given back, too
