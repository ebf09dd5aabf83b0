"""Calls that take, make, keep, read and write what is sent, for the tests of sharing.

Workers import this module, so it imports little. Objects of a user's are in `shareable`, calls
with tokens in `token_tasks`.
"""

import os

from shareable import Box

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from typing import Any

    from gates import Handle as Door
    from interpexec import SharedBuffer
    from interpexec.sharing import Handle

kept: list[object] = []
"""Objects that stay in this interpreter."""


def same[T](value: T) -> T:
    """Return what was given."""
    return value


def same_all(*args: object, **kwargs: object) -> tuple[object, ...]:
    """Return all that was given."""
    return args, kwargs


def nothing(*_: object, **__: object) -> None:
    """Take anything, and return nothing."""


def apply[T](fn: "Callable[..., T]", /, *args: object, **kwargs: object) -> T:
    """Return what a function returns."""
    return fn(*args, **kwargs)


def keep(value: object) -> None:
    """Let something stay in this interpreter."""
    kept.append(value)


def forget_all(_: object = None) -> None:
    """Let go of what was kept in this interpreter."""
    kept.clear()


def keep_own_buffer(size: int) -> None:
    """Keep a block that is made here, and a view of it."""
    block = buffer_of(size, b"own")
    kept.extend([block, memoryview(block)])


def last_kept() -> "Any":
    """Return what was kept last in this interpreter."""
    return kept[-1]


def fail_with(error: BaseException, **attributes: object) -> None:
    """Raise an exception that has got some attributes."""
    for name, value in attributes.items():
        setattr(error, name, value)
    raise error


def fail_holding(make: "Callable[..., BaseException]", *args: object) -> None:
    """Raise an exception that is made here."""
    raise make(*args)


def fail_with_socket(reader: int) -> None:
    """Raise an exception with two new sockets in it."""
    import socket

    error = LookupError(reader)
    error.pair = socket.socketpair()  # type: ignore[attr-defined]
    raise error


def look_at(value: object) -> tuple[str, object]:
    """Return the type's name of a value, and the value if it is bytes-like, as bytes."""
    return type(value).__name__, bytes(value)  # type: ignore[call-overload]


def was_arrived(value: "Any") -> bool:
    """Say whether something came over the protocol."""
    return bool(value.arrived)


def pass_door(door: "Door", *values: object) -> int:
    """Knock, wait, and let go of the rest."""
    knocker, entrance = door
    os.write(knocker, b"!")
    os.read(entrance, 1)
    return len(values)


def pass_door_and_make(door: "Door", make: "Callable[..., Any]", *args: object) -> "Any":
    """Knock, wait, and return something that is made here."""
    pass_door(door)
    return make(*args)


def spin(knocker: int, *_: object) -> None:
    """Knock, and run for ever."""
    os.write(knocker, b"!")
    while True:
        pass


def spin_as_initializer(knocker: int, *_: object) -> None:
    """Do as `spin`."""
    spin(knocker)


def fail_to_begin(*_: object) -> None:
    """Be an initializer that fails."""
    raise LookupError("not today")


def spin_star(args: tuple[int, object]) -> None:
    """Do as `spin`, for a map."""
    spin(*args)


def many_views(count: int) -> list[memoryview]:
    """Return views of memory that this interpreter owns."""
    return [memoryview(bytearray([number % 256])) for number in range(count)]


def fail_with_sockets_then(last: "Callable[[], object]") -> None:
    """Raise an exception with sockets, and something behind them."""
    raise ValueError(sockets_then(last))


def fail_with_closed_socket() -> None:
    """Raise an exception that cannot be sent."""
    (sock,) = sockets()
    sock.close()
    raise ValueError("carrier", sock)


def sockets(count: int = 1) -> "list[socket.socket]":
    """Return new sockets."""
    import socket

    return [socket.socket() for _ in range(count)]


def sockets_then(last: "Callable[[], object]") -> list[object]:
    """Return two new sockets, and something behind them."""
    return [*sockets(2), last()]


def buffer_of(size: int, text: bytes = b"") -> "SharedBuffer":
    """Return a new block, with something at its beginning."""
    from interpexec import SharedBuffer

    block = SharedBuffer(size)
    block[: len(text)] = text
    return block


def view_of(make: "Callable[[Any], Any]", data: "Any", *cast: "Any") -> memoryview:
    """Return a view of something that this interpreter owns."""
    view = memoryview(make(data))
    return view.cast(*cast) if cast else view


def mapping_of(text: bytes) -> "Any":
    """Return a mapping that this interpreter owns."""
    import mmap

    mapping = mmap.mmap(-1, len(text))
    mapping[:] = text
    return mapping


def write(target: "Any", text: bytes, at: int = 0) -> int:
    """Write into memory; return its size."""
    view = memoryview(target).cast("B")
    view[at : at + len(text)] = text
    return view.nbytes


def read(source: "Any", start: int = 0, stop: int | None = None) -> bytes:
    """Return a part of memory."""
    return bytes(memoryview(source).cast("B")[start:stop])


def write_to_pipe(file: "Any", text: str) -> int:
    """Write into something without a position, and let it go."""
    with file:
        return int(file.write(text))


def write_in_box(box: Box, text: bytes) -> None:
    """Write into a view that lies deep."""
    box.foo["deep"][0][: len(text)] = text  # type: ignore[index]


def read_kept() -> bytes:
    """Return what the memory that was kept last holds."""
    return bytes(last_kept())


def released_view() -> memoryview:
    """Return a view that shows nothing any more."""
    view = memoryview(b"abc")
    view.release()
    return view


def type_name(value: object) -> str:
    """Return what something is."""
    return type(value).__name__


def append_there(data: bytearray) -> int:
    """Let a bytearray grow; return its size."""
    data.append(0)
    return len(data)


class Blob(bytes):
    """A kind of bytes."""


def about_bytes(view: memoryview) -> "tuple[Any, ...]":
    """Return a view's format, shape and bytes."""
    return view.format, view.shape, view.tobytes()


def about(view: memoryview) -> "tuple[Any, ...]":
    """Return all that one can ask of a view."""
    return (
        type(view).__name__,
        view.format,
        view.shape,
        view.itemsize,
        view.readonly,
        view.tobytes(),
    )


def try_to_write(target: "Any") -> str:
    """Return the name of the error that writing into memory gives."""
    try:
        memoryview(target).cast("B")[0] = 1
    except TypeError as error:
        return type(error).__name__
    return "written"


def set_cell(block: "SharedBuffer", code: str, index: int, value: "Any") -> "Any":
    """Write a typed cell; return what was there."""
    with block.cast(code) as view:
        old, view[index] = view[index], value
    return old


def ends_of(holder: "list[Any]") -> tuple[int, int]:
    """Return the first and the last byte of what is in a list."""
    with memoryview(holder[0]) as view:
        return view[0], view[-1]


def try_to_share_later(value: "Any") -> str:
    """Return what pickle says of something that was received."""
    import pickle

    try:
        pickle.dumps(value)
    except Exception as error:
        return type(error).__name__
    return "pickled"


def set_platform(*, memfd: bool, shm: bool) -> None:
    """Say what this interpreter's platform has."""
    from interpexec import buffers

    buffers.HAS_MEMFD, buffers.HAS_SHM = memfd, shm


def talk(sock: "socket.socket", text: bytes) -> bytes:
    """Say something, and return the answer."""
    sock.sendall(text)
    return sock.recv(100)


def serve_one(listener: "socket.socket") -> bytes:
    """Accept a connection, and answer."""
    connection, _ = listener.accept()
    with connection:
        text = connection.recv(100)
        connection.sendall(text.upper())
    return text


def about_socket(sock: "socket.socket") -> "tuple[Any, ...]":
    """Return what one can ask of a socket."""
    return type(sock).__name__, sock.family, sock.type, sock.proto, sock.gettimeout()


def read_from(file: "Any", size: int = -1) -> "Any":
    """Return what is in a file."""
    return file.read(size)


def write_to(file: "Any", text: "Any") -> int:
    """Write into a file, and let it go."""
    with file:
        file.write(text)
        file.flush()
        return int(file.tell())


def about_file(file: "Any") -> "tuple[Any, ...]":
    """Return what one can ask of a file."""
    return (
        type(file).__name__,
        file.name,
        file.mode,
        file.readable(),
        file.writable(),
        getattr(file, "encoding", None),
        getattr(file, "errors", None),
    )


def open_and_read(path: str, size: int, mode: str = "rb") -> "Any":
    """Return a file of which some was read."""
    file = open(path, mode)  # noqa: SIM115  # it is the result
    file.read(size)
    return file


def send_and_receive(connection: "Connection[Any, Any]", value: object) -> object:
    """Use a connection both ways."""
    connection.send(value)
    return connection.recv()


def write_handle(handle: "Handle", text: bytes) -> int:
    """Write to a descriptor; return its number."""
    os.write(handle.fileno(), text)
    return handle.fileno()


def new_pipe() -> "list[Handle]":
    """Return both ends of a new pipe."""
    from interpexec.sharing import Handle

    reader, writer = os.pipe()
    with Handle(reader), Handle(writer):
        handles = [Handle(reader), Handle(writer)]
    os.close(reader)
    os.close(writer)
    return handles


def use_inner_pool(value: "Any", fn: "Callable[..., Any]", *args: object) -> "Any":
    """Hand something on to a pool inside this interpreter."""
    from interpexec import InterpreterPoolExecutor

    with InterpreterPoolExecutor(1) as pool:
        return pool.submit(fn, value, *args).result(30)


def time_out(sock: "socket.socket") -> str:
    """Return the name of the error of a receive that gets nothing."""
    try:
        sock.recv(1)
    except OSError as error:
        return type(error).__name__
    return "received"
