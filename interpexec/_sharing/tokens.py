"""Tokens: bytes that name a socket, in which an object waits for its receiver.

    token   ->   the number of a descriptor, and the identity of its socket
                     |
                 one end of a pair of sockets   ->   the token, and the flattened package
                 (the other end is closed)

The socket keeps the object alive, also when its maker has ended. To take it out is one
`recv`: the kernel gives it to one reader only. Under a stale or forged token there is no
descriptor, or another one. That is found out by its inode, and by the token itself, with
its nonce, which is compared before it is taken (MSG_PEEK). So every byte of a token
counts. A token contains no address, so none leads to memory that is not there.
"""

import _socket
import errno
import os
import stat

from interpexec._core import cpython, current_call
from interpexec._core.descriptors import clear_all, duplicate
from interpexec._core.sigint import keep_whole, watch
from interpexec._sharing import package as package_module
from interpexec._sharing import packing
from interpexec._sharing.entries import key_of
from interpexec._sharing.flatten import flatten, restore
from interpexec.errors import TokenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._sharing.package import Package

keep_whole()

_MAGIC = b"interpexec-token"

# Bytes that fit into every socket at once. A longer object waits in a SharedBuffer.
_ROOM = 4096
_NONCE = 8  # bytes
_MOST_NAMED = 100  # characters of the type's name, for people

_LENGTH = 4  # bytes: before the token in the socket

_FIELDS = 5  # process, descriptor, device, inode, nonce
_MOST_DIGITS = 20  # of a number of 64 bits

# The tokens that this interpreter has made, if it is not the main one, and how many there
# may be before it forgets those that were taken elsewhere.
_held: set[bytes] = set()
_most_held = 64
_is_expected = False  # `_abandon_held` is called when this interpreter ends


@current_call.shielded
def make(packed: "package_module.Packed", name: str) -> bytes:
    """Let an object wait; return the token. name: of its type, for people."""
    watch()
    flat, package = flatten(packed, _ROOM)
    fd, writer = clear_all(*(each.detach() for each in _socket.socketpair()))
    try:
        token = _token_of(fd, name)
        mark = _mark_of(token)
        if package is not None:
            package.give_away()
        os.write(writer, mark + flat)
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.close(writer)
    _keep(token)
    return token


def _token_of(fd: int, name: str) -> bytes:
    """Return a new token for the object that waits in a socket."""
    about, nonce = os.fstat(fd), int.from_bytes(os.urandom(_NONCE))
    fields = os.getpid(), fd, about.st_dev, about.st_ino, nonce
    label = name[:_MOST_NAMED].encode(errors="backslashreplace")  # no name need be text
    return b" ".join((_MAGIC, *(b"%d" % field for field in fields), label))


def _mark_of(token: bytes) -> bytes:
    """Return the first bytes in the socket of a token: its length, and the token itself.

    The length keeps one from being the beginning of another.
    """
    return len(token).to_bytes(_LENGTH) + token


def _keep(token: bytes) -> None:
    """Have the object under a token given back if nobody takes it."""
    global _is_expected, _most_held  # noqa: PLW0603  # those of this interpreter
    if packing.is_under_way():
        # A part of an object that is being sent: given back with that.
        packing.current().carry((_KEY, (token,)))
    elif not cpython.is_main():
        _held.add(token)
        if len(_held) > _most_held:
            _held.difference_update([each for each in _held if not _Waiting.descriptors(each)])
            _most_held = max(64, 2 * len(_held))
        if not _is_expected:
            import atexit  # it is called at the end of each interpreter

            atexit.register(_abandon_held)
            _is_expected = True


def _abandon_held() -> None:
    """Give back the objects that nobody took, of tokens of this interpreter, which ends."""
    while _held:
        _abandon(_held.pop())


@current_call.shielded
def take(token: bytes) -> "Package":
    """Take out the object that waits under a token. Raises TokenError."""
    _check(token)
    package = _claim(bytes(token))
    if package is None:
        raise TokenError("the object was taken or abandoned already, or its maker is gone")
    _held.discard(bytes(token))
    return package


def abandon_token(token: bytes) -> bool:
    """Give back the object that waits under a token; return whether one did. Raises TokenError."""
    _check(token)
    was_there = _abandon(bytes(token))
    _held.discard(bytes(token))
    return was_there


@current_call.shielded
def _abandon(token: bytes) -> bool:
    """Do as `abandon_token`, with a token of this process."""
    package = _claim(token)
    if package is None:
        return False
    package.abandon()
    return True


class _Waiting:
    """Owns the object under a token, when that is sent in another one: see `entries.Owner`."""

    @staticmethod
    def abandon(token: bytes) -> None:
        """Give back the object."""
        _abandon(token)

    @staticmethod
    def descriptors(token: bytes) -> tuple[int, ...]:
        """Return the one of the socket in which it waits, if it is still there."""
        _, fd, device, inode, _ = _fields(token)
        return (fd,) if _is_there(fd, device, inode) else ()


_KEY = key_of(_Waiting)


def _check(token: object) -> None:
    """Raise TypeError or TokenError if this is no token of this process."""
    if not isinstance(token, (bytes, bytearray, memoryview)):
        message = f"a token is bytes, not {type(token).__qualname__}"
        raise TypeError(message)
    pid, *_ = _fields(bytes(token))
    if pid != os.getpid():
        message = f"the token was made by another process ({pid})"
        raise TokenError(message)


def _fields(token: bytes) -> tuple[int, ...]:
    """Read a token. Raises TokenError."""
    match token.split(b" ", _FIELDS + 1):
        case [magic, *numbers, _] if magic == _MAGIC and all(map(_is_number, numbers)):
            fields = tuple(map(int, numbers))
        case _:
            fields = ()
    if len(fields) != _FIELDS:
        raise TokenError("this is no token")
    return fields


def _is_number(part: bytes) -> bool:
    return part.isdigit() and len(part) <= _MOST_DIGITS


def _claim(token: bytes) -> "Package | None":
    """Take the object that waits under a token; None when it is not there any more."""
    _, fd, device, inode, _ = _fields(token)
    if not _is_there(fd, device, inode):
        return None
    try:
        # Only this function closes the duplicate, so it stays the socket that it is.
        own = duplicate(fd)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise  # no descriptor is free: it goes on waiting
        return None
    try:
        flat = _receive(own, _mark_of(token)) if _is_there(own, device, inode) else b""
    finally:
        os.close(own)
    if not flat:
        return None
    os.close(fd)
    return package_module.Package.of(restore(flat))


def _receive(fd: int, mark: bytes) -> bytes:
    """Take the bytes in a socket if they begin with a mark; else leave them there."""
    sock = _socket.socket(fileno=fd)
    try:
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
