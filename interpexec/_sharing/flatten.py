"""A package as nothing but bytes: for what waits in the kernel, and not in a message.

freeze   what is small is in the bytes; what is large, in a SharedBuffer
thaw     the same object may wait for ever: the bytes do not own what they name
"""

import _pickle

from interpexec._core.cpython import NotShareableError
from interpexec._core.sigint import keep_whole
from interpexec._sharing.package import Package
from interpexec.buffers import SharedBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._sharing.package import Packed

keep_whole()

# The last byte, which pickle does not read: before it is the pickle itself; or a pickle of
# our own about it.
PLAIN, _SPECIAL = b"\x00", b"\x01"


def freeze(packed: "Packed", room: int) -> tuple[bytes, Package | None]:
    """Return at most `room` bytes that stand for what was packed `is_alone`.

    And, if something lies beside these, its owner: when the bytes are on their way,
    call its `give_away()`. Raises NotShareableError when it has too many descriptors.
    """
    if isinstance(packed, bytes) and len(packed) < room:
        return packed + PLAIN, None
    package = Package.of(packed)
    frozen = _pickle.dumps((package.payload, package.entries), 5) + _SPECIAL
    if len(frozen) <= room:
        return frozen, package
    package.entries.append((None, (SharedBuffer.copy_of(package.payload).detach(),)))
    frozen = _pickle.dumps((len(package.payload), package.entries), 5) + _SPECIAL
    if len(frozen) > room:
        message = f"it has too many descriptors ({len(package.entries)}) for one message"
        raise NotShareableError(message)
    return frozen, package


def thaw(frozen: bytes) -> "Packed":
    """Return the package. It owns what it had before; so thaw once."""
    if frozen[-1:] == PLAIN:
        return frozen
    payload, entries = _pickle.loads(frozen)  # our own bytes
    package = Package(b"", [], [], entries)
    if isinstance(payload, int):
        _, (fd,) = entries.pop()
        try:
            payload = memoryview(SharedBuffer.adopt(fd, payload))
        except BaseException:
            package.abandon()  # now: its frame is kept with the exception
            raise
    package.payload = payload
    return package


def drop(frozen: bytes) -> None:
    """Give back what lies beside the bytes, which nobody thaws. They are not PLAIN."""
    _, entries = _pickle.loads(frozen)  # as above
    Package(b"", [], [], entries).abandon()
