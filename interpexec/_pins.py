"""Tokens: bytes that name a socket, in which an object waits for whoever takes it out.

    token   ->   the number of a descriptor, and what is to be found under it
                     |
                 one end of a pair of sockets   ->   a nonce, the pickle, the descriptors
                 (the other end is closed)           beside it

The socket keeps the object alive, whatever becomes of its maker. To take it out is one
`recv`: the kernel gives it to one reader only. Under a stale or forged token there is no
descriptor, or something else: that is compared by its inode, and by the nonce, which
is looked at before it is taken (MSG_PEEK). No address is in a token, so no token makes
anybody touch memory that is not there.
"""

import _socket
import errno
import os
import stat

from interpexec import _packing, _runtime, _tasks
from interpexec._descriptors import clear_all, duplicate
from interpexec._frozen import freeze, thaw
from interpexec.errors import TokenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._packing import Package

_MAGIC = b"interpexec-token"

# What fits into every socket at once. What is longer waits in a SharedBuffer.
_ROOM = 4096
_NONCE = 7  # bytes: as a number it fits into a message

_FIELDS = 5  # process, descriptor, device, inode, nonce
_MOST_DIGITS = 20  # of a number of 64 bits

# The tokens that this interpreter has made, if it is not the main one, and how many they
# may be before those are looked for that were taken elsewhere.
_held: dict[bytes, tuple[int, ...]] = {}
_most_held = 64
_is_expected = False


@_tasks.step
def make(packed: "_packing.Packed", name: str) -> bytes:
    """Let an object wait; return the token. name: of its type, for people."""
    frozen, package = freeze(packed, _ROOM)
    nonce = os.urandom(_NONCE)
    fd, writer = clear_all(*(each.detach() for each in _socket.socketpair()))
    try:
        about = os.fstat(fd)
        if package is not None:
            package.give_away()
        os.write(writer, _MAGIC + nonce + frozen)
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.close(writer)
    fields = os.getpid(), fd, about.st_dev, about.st_ino, int.from_bytes(nonce)
    token = b" ".join((_MAGIC, *(b"%d" % field for field in fields), name.encode()))
    _keep(token, fields)
    return token


def _keep(token: bytes, fields: tuple[int, ...]) -> None:
    """See to it that an object does not wait for ever."""
    global _is_expected, _most_held  # noqa: PLW0603  # those of this interpreter
    if _packing.is_packing():
        # A part of something that travels: given back with that.
        _packing.packing().carry((__name__, *fields))
    elif not _runtime.is_main():
        _held[token] = fields
        if len(_held) > _most_held:
            for stale in [each for each, (_, *where) in _held.items() if not _is_there(*where[:3])]:
                del _held[stale]
            _most_held = max(64, 2 * len(_held))
        if not _is_expected:
            import atexit  # it is called at the end of each interpreter

            atexit.register(_abandon_all)
            _is_expected = True


def _abandon_all() -> None:
    """Give back what this interpreter has made tokens of, and nobody took: it ends."""
    while _held:
        abandon(*_held.popitem()[1])


@_tasks.step
def take(token: bytes) -> "Package":
    """Take out what waits under a token. Raises TokenError."""
    fields = _fields(token)
    package = _claim(*fields)
    if package is None:
        raise TokenError("the object was taken or abandoned already, or its maker is gone")
    _held.pop(bytes(token), None)
    return package


def abandon_token(token: bytes) -> bool:
    """Give back what waits under a token; return whether something did. Raises TokenError."""
    fields = _fields(token)
    was_there = abandon(*fields)
    _held.pop(bytes(token), None)
    return was_there


@_tasks.step
def abandon(*fields: int) -> bool:
    """Do as `abandon_token`: the fields of a token."""
    package = _claim(*fields)
    if package is None:
        return False
    package.abandon()
    return True


def descriptors(_pid: int, fd: int, device: int, inode: int, _nonce: int) -> tuple[int, ...]:
    """Return the one in which something waits under a token, if it is still there."""
    return (fd,) if _is_there(fd, device, inode) else ()


def _fields(token: object) -> tuple[int, ...]:
    """Read a token. Raises TypeError or TokenError."""
    if not isinstance(token, (bytes, bytearray, memoryview)):
        message = f"a token is bytes, not {type(token).__qualname__}"
        raise TypeError(message)
    match bytes(token).split(b" ", _FIELDS + 1):
        case [magic, *numbers, _] if magic == _MAGIC and all(map(_is_number, numbers)):
            fields = tuple(map(int, numbers))
        case _:
            fields = ()
    if len(fields) != _FIELDS or fields[-1] >> 8 * _NONCE:
        raise TokenError("this is no token")
    if fields[0] != os.getpid():
        message = f"the token was made by another process ({fields[0]})"
        raise TokenError(message)
    return fields


def _is_number(part: bytes) -> bool:
    return part.isdigit() and len(part) <= _MOST_DIGITS


def _claim(_pid: int, fd: int, device: int, inode: int, nonce: int) -> "Package | None":
    """Take what waits in the socket; None when it is not there any more."""
    if not _is_there(fd, device, inode):
        return None
    try:
        # Nobody but us closes this one, so it is what it was found to be.
        own = duplicate(fd)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise  # there is no descriptor to be had: it goes on waiting
        return None
    try:
        frozen = _receive(own, nonce) if _is_there(own, device, inode) else b""
    finally:
        os.close(own)
    if not frozen:
        return None
    os.close(fd)
    return _packing.Package.of(thaw(frozen))


def _receive(fd: int, nonce: int) -> bytes:
    """Take what is in a socket if it begins with the nonce; else leave it as it is."""
    sock = _socket.socket(fileno=fd)
    try:
        mark = _MAGIC + nonce.to_bytes(_NONCE)
        if sock.recv(len(mark), _socket.MSG_PEEK | _socket.MSG_DONTWAIT) != mark:
            return b""
        return sock.recv(len(mark) + _ROOM, _socket.MSG_DONTWAIT)[len(mark) :]
    except OSError:  # there is nothing, or it is a socket of another kind
        return b""
    finally:
        sock.detach()


def _is_there(fd: int, device: int, inode: int) -> bool:
    """Say whether a descriptor is the socket that it ought to be."""
    try:
        about = os.fstat(fd)
    except (OSError, OverflowError):
        return False
    return stat.S_ISSOCK(about.st_mode) and (about.st_dev, about.st_ino) == (device, inode)
