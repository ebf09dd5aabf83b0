"""A package as bytes alone: for objects that wait in shared memory or in a socket.

    flatten   package -> bytes. A large pickle goes into a SharedBuffer
    restore   bytes -> package
    drop      gives back the entries of a package that nobody restores

The bytes do not own the descriptors that they name.
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
# the package's parts.
PLAIN, _SPECIAL = b"\x00", b"\x01"


def flatten(packed: "Packed", room: int) -> tuple[bytes, Package | None]:
    """Return at most `room` bytes that stand for an object that was packed `is_alone`.

    And, if it has descriptors, their owner: call its `give_away()` just before the bytes
    are sent. Raises NotShareableError when it has too many descriptors.
    """
    if isinstance(packed, bytes) and len(packed) < room:
        return packed + PLAIN, None
    package = Package.of(packed)
    flat = _pickle.dumps((package.payload, package.entries), 5) + _SPECIAL
    if len(flat) <= room:
        return flat, package
    package.entries.append((None, (SharedBuffer.copy_of(package.payload).detach(),)))
    flat = _pickle.dumps((len(package.payload), package.entries), 5) + _SPECIAL
    if len(flat) > room:
        message = f"it has too many descriptors ({len(package.entries)}) for one message"
        raise NotShareableError(message)
    return flat, package


def restore(flat: bytes) -> "Packed":
    """Return the package. It owns its entries again; so restore once."""
    if flat[-1:] == PLAIN:
        return flat
    payload, entries = _pickle.loads(flat)  # made by `flatten`
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


def drop(flat: bytes) -> None:
    """Give back the entries of a package that nobody restores. The bytes are not PLAIN."""
    _, entries = _pickle.loads(flat)  # made by `flatten`
    Package(b"", [], [], entries).abandon()
