"""How those types of the standard library are sent that pickle refuses, or copies.

Descriptors are duplicated: sender and receiver each close their own. Memory is lent
to the worker of a call, whose maker outlives it; anywhere else it is copied, once,
because a view of memory that belongs to a worker would dangle when that ends.

Imported when the first of them is met.
"""

import io
import mmap
import socket
import struct
import sys
from array import array

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._sharing import package, packing
from interpexec._sharing.package import LARGE
from interpexec.buffers import SharedBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer, Callable
    from typing import Any

    type Recipe = tuple[object, ...]
    type AnyFile = io.FileIO | io.BufferedReader | io.BufferedWriter | io.BufferedRandom


_MARKED = frozenset({"utf-16", "utf-32", "utf16", "utf32", "utf_16", "utf_32"})
_ARRAYS = frozenset("bBhHiIlLqQfd")  # the formats that `array` has, too


# -- memory -----------------------------------------------------------------------


def _reduce_view(view: memoryview) -> "Recipe":
    try:
        is_contiguous = view.c_contiguous
    except ValueError:
        raise NotShareableError("the memoryview was released") from None
    if not is_contiguous:
        raise NotShareableError("the memoryview is not contiguous: pass `view.tobytes()`")
    if (packer := packing.current()).lends:
        return package.take_view, (packer.lend(view),)
    data: object
    if not view.nbytes and (view.ndim != 1 or view.format not in _ARRAYS):
        raise NotShareableError("an empty memoryview can be sent only if it has one dimension")
    if view.nbytes >= LARGE:
        data = SharedBuffer.copy_of(view)
    else:
        data = view.tobytes() if view.readonly else bytearray(view.tobytes())
    return view_of, (data, _native(view), view.shape, view.readonly)


def _native(view: memoryview) -> str:
    """Return the view's format as `memoryview.cast` takes it."""
    name = view.format
    order = "<" if sys.byteorder == "little" else ">"
    if name[:1] in {"@", "=", order}:
        name = name[1:]  # ctypes says "<i" where it means a native one
    if len(name) != 1 or struct.calcsize(name) != view.itemsize:
        message = f"a memoryview of format {view.format!r} can only be lent to a worker"
        raise NotShareableError(message)
    return name


def view_of(data: "Buffer", format: str, shape: tuple[int, ...], readonly: bool) -> memoryview:  # noqa: A002  # memoryview's name for it
    """Make the receiver's view."""
    view = memoryview(data)
    if isinstance(data, SharedBuffer):
        data.keep_mapping()
    if not view.nbytes:
        view = memoryview(array(format))  # an empty one cannot be cast
    elif format != "B" or len(shape) != 1:
        view = view.cast(format, shape)  # type: ignore[call-overload]
    return view.toreadonly() if readonly else view


def _reduce_map(mapping: mmap.mmap) -> "Recipe":
    try:
        view = memoryview(mapping)
    except ValueError:
        raise NotShareableError("the mmap was closed") from None
    return _reduce_view(view)


# -- descriptors ------------------------------------------------------------------


def _reduce_socket(sock: socket.socket) -> "Recipe":
    fd = sock.fileno()
    if fd < 0:
        raise NotShareableError("the socket was closed")
    index = packing.current().hand_over(fd)
    return _socket_of, (index, int(sock.family), int(sock.type), sock.proto, sock.gettimeout())


@current_call.shielded
def _socket_of(
    index: int, family: int, kind: int, proto: int, timeout: float | None
) -> socket.socket:
    (fd,) = package.take(index)
    sock = socket.socket(family, kind, proto, fd)
    sock.settimeout(timeout)
    return sock


def _reduce_file(file: "AnyFile") -> "Recipe":
    """Share the kernel's part: the open file and its position.

    Buffered data is written, or given back: the position is where the next byte is read or
    written.
    """
    _settle(file)
    raw = _raw(file)
    if type(raw) is not io.FileIO:
        message = f"it is not a file of the system, but a {type(raw).__qualname__}"
        raise NotShareableError(message)
    index = packing.current().hand_over(raw.fileno())
    return _file_of, (index, raw.mode, _name(raw), type(file))


def _settle(file: "AnyFile | io.TextIOWrapper") -> None:
    """Let the kernel's position be the file's."""
    if file.closed:
        raise NotShareableError("the file was closed")
    try:
        if file.writable():
            file.flush()
        if file.readable() and file.seekable() and not isinstance(file, io.FileIO):
            position = file.tell()
            if position != _raw(file).tell():
                file.seek(0, io.SEEK_END)  # this drops what was read ahead
                file.seek(position)
    except OSError as error:
        message = f"the position of the file cannot be told: {error}"
        raise NotShareableError(message) from error


def _raw(file: "AnyFile | io.TextIOWrapper") -> "Any":
    while not isinstance(file, io.FileIO):
        inner = getattr(file, "raw", None) or getattr(file, "buffer", None)
        if inner is None:
            break
        file = inner
    return file


def _name(raw: io.FileIO) -> object:
    """Return the file's name, but not its descriptor's number, which means nothing elsewhere."""
    return raw.name if isinstance(raw.name, (str, bytes)) else None


@current_call.shielded
def _file_of(index: int, mode: str, name: object, cls: "type[AnyFile]") -> "AnyFile":
    (fd,) = package.take(index)
    raw = io.FileIO(fd, mode.replace("x", "w"))
    if name is not None:
        raw.name = name
    if cls is io.FileIO:
        return raw
    return cls(raw)  # type: ignore[arg-type]


def _reduce_text(file: io.TextIOWrapper) -> "Recipe":
    _settle(file)
    if file.readable() and file.seekable() and file.encoding.lower() in _MARKED and file.tell():
        message = (
            f"a file in {file.encoding} can be sent only at its beginning,"
            " which tells its byte order"
        )
        raise NotShareableError(message)
    return _text_of, (
        file.buffer,
        file.encoding,
        file.errors,
        file.line_buffering,
        file.write_through,
        getattr(file, "mode", None),
    )


def _text_of(  # noqa: PLR0913, PLR0917  # the parts of a text file
    buffer: "Any",
    encoding: str,
    errors: str | None,
    line_buffering: bool,
    write_through: bool,
    mode: str | None,
) -> io.TextIOWrapper:
    # How it treats the ends of lines cannot be asked of a file: so in the usual way.
    file = io.TextIOWrapper(
        buffer, encoding, errors, line_buffering=line_buffering, write_through=write_through
    )
    if mode is not None:
        file.mode = mode  # type: ignore[misc]  # as `open` does
    return file


def _reduce_temporary(wrapper: "Any") -> "Recipe":
    """Share the file, without its removal at the end."""
    file = wrapper.file
    return _reduce_text(file) if isinstance(file, io.TextIOWrapper) else _reduce_file(file)


def _reduce_connection(connection: "Any") -> "Recipe":
    if connection.closed:
        raise NotShareableError("the connection was closed")
    index = packing.current().hand_over(connection.fileno())
    return _connection_of, (index, connection.readable, connection.writable)


@current_call.shielded
def _connection_of(index: int, readable: bool, writable: bool) -> object:
    from multiprocessing.connection import Connection

    (fd,) = package.take(index)
    return Connection(fd, readable=readable, writable=writable)


_REDUCERS: "dict[type, Callable[[Any], object]]" = {
    memoryview: _reduce_view,
    mmap.mmap: _reduce_map,
    socket.socket: _reduce_socket,
    io.FileIO: _reduce_file,
    io.BufferedReader: _reduce_file,
    io.BufferedWriter: _reduce_file,
    io.BufferedRandom: _reduce_file,
    io.TextIOWrapper: _reduce_text,
}


def reducer_of(cls: type) -> "Callable[[Any], object] | None":
    """Return how objects of a type are sent, or None where that is pickle's business."""
    if cls.__module__ == "tempfile":
        return _reduce_temporary
    connections = sys.modules.get("multiprocessing.connection")
    if connections is not None and cls is connections.Connection:
        return _reduce_connection
    return _REDUCERS.get(cls)
