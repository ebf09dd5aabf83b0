"""Tokens: bytes that name a socket, in which an object waits for whoever takes it out.

    token   ->   the number of a descriptor, and what is to be found under it
                     |
                 one end of a pair of sockets   ->   the token, the pickle, the descriptors
                 (the other end is closed)           beside it

The socket keeps the object alive, whatever becomes of its maker. To take it out is one
`recv`: the kernel gives it to one reader only. Under a stale or forged token there is no
descriptor, or something else: that is compared by its inode, and by the token itself, with
its nonce, which is looked at before it is taken (MSG_PEEK). So every byte of a token
counts. No address is in it, so no token makes anybody touch memory that is not there.
"""

import _socket
import errno
import os
import stat

from interpexec._core import cpython, current_call
from interpexec._core.descriptors import clear_all, duplicate
from interpexec._core.sigint import keep_whole, watch
from interpexec._sharing import package as package_module
from interpexec._sharing.flatten import freeze, thaw
from interpexec.errors import TokenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._sharing.package import Package

keep_whole()

_MAGIC = b"interpexec-token"

# What fits into every socket at once. What is longer waits in a SharedBuffer.
_ROOM = 4096
_NONCE = 8  # bytes
_MOST_NAMED = 100  # characters of the type's name, for people

_LENGTH = 4  # bytes: before the token in the socket

_FIELDS = 5  # process, descriptor, device, inode, nonce
_MOST_DIGITS = 20  # of a number of 64 bits

# The tokens that this interpreter has made, if it is not the main one, and how many they
# may be before those are looked for that were taken elsewhere.
_held: set[bytes] = set()
_most_held = 64
_is_expected = False


@current_call.shielded
def make(packed: "package_module.Packed", name: str) -> bytes:
    """Let an object wait; return the token. name: of its type, for people."""
    watch()
    frozen, package = freeze(packed, _ROOM)
    fd, writer = clear_all(*(each.detach() for each in _socket.socketpair()))
    try:
        token = _token_of(fd, name)
        mark = _mark_of(token)
        if package is not None:
            package.give_away()
        os.write(writer, mark + frozen)
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.close(writer)
    _keep(token)
    return token


def _token_of(fd: int, name: str) -> bytes:
    """Return a new token for what waits in a socket."""
    about, nonce = os.fstat(fd), int.from_bytes(os.urandom(_NONCE))
    fields = os.getpid(), fd, about.st_dev, about.st_ino, nonce
    label = name[:_MOST_NAMED].encode(errors="backslashreplace")  # no name need be text
    return b" ".join((_MAGIC, *(b"%d" % field for field in fields), label))


def _mark_of(token: bytes) -> bytes:
    """Return what a socket begins with, in which something waits under a token.

    Its length, too, so that none is the beginning of another one.
    """
    return len(token).to_bytes(_LENGTH) + token


def _keep(token: bytes) -> None:
    """See to it that an object does not wait for ever."""
    global _is_expected, _most_held  # noqa: PLW0603  # those of this interpreter
    if package_module.is_packing():
        # A part of something that travels: given back with that.
        package_module.packing().carry((_KEY, (token,)))
    elif not cpython.is_main():
        _held.add(token)
        if len(_held) > _most_held:
            _held.difference_update([each for each in _held if not _Waiting.descriptors(each)])
            _most_held = max(64, 2 * len(_held))
        if not _is_expected:
            import atexit  # it is called at the end of each interpreter

            atexit.register(_abandon_all)
            _is_expected = True


def _abandon_all() -> None:
    """Give back what this interpreter has made tokens of, and nobody took: it ends."""
    while _held:
        _abandon(_held.pop())


@current_call.shielded
def take(token: bytes) -> "Package":
    """Take out what waits under a token. Raises TokenError."""
    _check(token)
    package = _claim(bytes(token))
    if package is None:
        raise TokenError("the object was taken or abandoned already, or its maker is gone")
    _held.discard(bytes(token))
    return package


def abandon_token(token: bytes) -> bool:
    """Give back what waits under a token; return whether something did. Raises TokenError."""
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
    """Owns what waits under a token, when that is sent in an object: see `package.Owner`."""

    @staticmethod
    def abandon(token: bytes) -> None:
        """Give back what waits under the token."""
        _abandon(token)

    @staticmethod
    def descriptors(token: bytes) -> tuple[int, ...]:
        """Return the one in which something waits under the token, if it is still there."""
        _, fd, device, inode, _ = _fields(token)
        return (fd,) if _is_there(fd, device, inode) else ()


_KEY = package_module.key_of(_Waiting)


def _check(token: object) -> None:
    """Raise TypeError or TokenError for what is no token of this process."""
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
    """Take what waits under a token; None when it is not there any more."""
    _, fd, device, inode, _ = _fields(token)
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
        frozen = _receive(own, _mark_of(token)) if _is_there(own, device, inode) else b""
    finally:
        os.close(own)
    if not frozen:
        return None
    os.close(fd)
    return package_module.Package.of(thaw(frozen))


def _receive(fd: int, mark: bytes) -> bytes:
    """Take what is in a socket if it begins with a mark; else leave it as it is."""
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
