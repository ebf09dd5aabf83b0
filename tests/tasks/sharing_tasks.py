"""What the tests of sharing run in workers. A worker imports this module, so it imports little."""

import os
import struct
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from typing import Any, Self

    from gates import Handle as Door
    from interpexec import RecvChannel, SendChannel, SharedBuffer
    from interpexec.sharing import Handle

kept: list[object] = []
"""What stays in this interpreter."""

made: list[bytes] = []
"""The tokens that `Named.__share__` has given in this interpreter."""


# -- classes that know how to travel -------------------------------------------


class Named:
    """Travels as its name, and says where it came from."""

    def __init__(self, name: str, *, arrived: bool = False) -> None:
        self.name = name
        self.arrived = arrived

    def __share__(self) -> bytes:
        made.append(self.name.encode())
        return self.name.encode()

    @classmethod
    def __unshare__(cls, token: bytes) -> "Self":
        return cls(token.decode(), arrived=True)

    def __reduce__(self) -> "tuple[object, ...]":
        raise AssertionError("this class has a way of its own")


class NamedToo(Named):
    """Inherits the way."""


class NamedList(list[int]):
    """A list that travels as a token all the same."""

    def __share__(self) -> bytes:
        return bytes(self)

    @classmethod
    def __unshare__(cls, token: bytes) -> "Self":
        return cls([*token, 255])


class Owner:
    """Owns a descriptor; travels as a token of that."""

    def __init__(self, handle: "Handle") -> None:
        self.handle = handle

    def __share__(self) -> bytes:
        from interpexec import sharing

        return sharing.to_token(self.handle)

    @classmethod
    def __unshare__(cls, token: bytes) -> "Self":
        from interpexec import sharing

        return cls(sharing.from_token(token))


class Lazy(Owner):
    """Does not take what its token names."""

    @classmethod
    def __unshare__(cls, token: bytes) -> "Self":
        return cls(token)  # type: ignore[arg-type]


class Raises:
    """Its `__share__` raises."""

    def __share__(self) -> bytes:
        raise LookupError("no way out")

    @classmethod
    def __unshare__(cls, _: bytes) -> "Self":
        return cls()


class Returns:
    """Its `__share__` returns whatever it was given."""

    def __init__(self, token: object) -> None:
        self.token = token

    def __share__(self) -> object:
        return self.token

    @classmethod
    def __unshare__(cls, token: bytes) -> "Self":
        return cls(token)


class OneWay:
    """It has no `__unshare__`."""

    def __share__(self) -> bytes:
        return b""


class OddWay(OneWay):
    """Its `__unshare__` is nothing to be called."""

    __unshare__ = 5


class RaisesThere:
    """Its `__unshare__` raises."""

    def __share__(self) -> bytes:
        return b""

    @classmethod
    def __unshare__(cls, _: bytes) -> "Self":
        raise LookupError("no way in")


class SharedError(Exception):
    """An exception that travels as a token."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.arrived = False

    def __share__(self) -> bytes:
        return str(self).encode()

    @classmethod
    def __unshare__(cls, token: bytes) -> "Self":
        error = cls(token.decode())
        error.arrived = True
        return error


class Point:
    """Does not know how to travel: is registered."""

    def __init__(self, x: int, y: int, *, arrived: bool = False) -> None:
        self.x, self.y, self.arrived = x, y, arrived

    def __reduce__(self) -> "tuple[object, ...]":
        raise AssertionError("this class was registered")


class SubPoint(Point):
    """Not registered."""

    def __reduce__(self) -> "tuple[object, ...]":
        return SubPoint, (self.x, self.y)


class PointError(Exception):
    """Does not know how to travel: is registered."""

    arrived = False


def share_point(point: Point) -> bytes:
    """Say what a point is."""
    return struct.pack("qq", point.x, point.y)


def unshare_point(token: bytes) -> Point:
    """Make a point."""
    return Point(*struct.unpack("qq", token), arrived=True)


def unshare_error(token: bytes) -> PointError:
    """Make an error."""
    error = PointError(token.decode())
    error.arrived = True
    return error


def register_points() -> None:
    """Register the class in this interpreter."""
    from interpexec import sharing

    sharing.register(Point, share_point, unshare_point)
    sharing.register(PointError, lambda error: str(error).encode(), unshare_error)


@dataclass
class Box:
    """Something with attributes."""

    foo: object = None
    more: dict[str, object] = field(default_factory=dict)


class Slots:
    """Something with slots."""

    __slots__ = ("foo",)

    def __init__(self, foo: object) -> None:
        self.foo = foo


class Explodes:
    """Fails when it is unpickled, anywhere."""

    def __reduce__(self) -> "tuple[object, ...]":
        return explode, ()


class ExplodesHere:
    """Cannot be pickled."""

    def __reduce__(self) -> "tuple[object, ...]":
        raise LookupError("exploded here")


def explode() -> None:
    """Fail."""
    raise LookupError("exploded")


# -- tasks ---------------------------------------------------------------------


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
    """Raise an exception that cannot travel."""
    (sock,) = sockets()
    sock.close()
    raise ValueError("carrier", sock)


def try_lazy_token(lazy: Lazy) -> str:
    """Take what an object's token names while the call runs."""
    return try_token(lazy.handle)  # type: ignore[arg-type]  # it is the token here


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
    """Return what pickle says of something that travelled."""
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


def time_out(sock: "socket.socket") -> str:
    """Return the name of the error of a receive that gets nothing."""
    try:
        sock.recv(1)
    except OSError as error:
        return type(error).__name__
    return "received"


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


# -- tokens --------------------------------------------------------------------


def make_token(value: object) -> bytes:
    """Make a token."""
    from interpexec import sharing

    return sharing.to_token(value)


def make_tokens(count: int) -> list[bytes]:
    """Make tokens of handles."""
    from interpexec import sharing

    with sharing.Handle(0) as handle:
        return [sharing.to_token(handle) for _ in range(count)]


def tokens_held() -> int:
    """Return how many tokens this interpreter remembers."""
    from interpexec._sharing import tokens as tokens_module

    return len(tokens_module._held)


def take_token(token: bytes) -> object:
    """Take what a token names."""
    from interpexec import sharing

    return sharing.from_token(token)


def try_token(token: bytes) -> str:
    """Take what a token names, and let go of it; return the name of the error."""
    from interpexec import sharing

    try:
        sharing.from_token(token)
    except Exception as error:
        return type(error).__name__
    return "taken"


def race_for(door: "Door", tokens: list[bytes]) -> list[int]:
    """Wait at the door, then take what can be had; return which ones that were."""
    from interpexec.errors import TokenError
    from interpexec.sharing import from_token

    pass_door(door)
    won = []
    for index, token in enumerate(tokens):
        try:
            from_token(token)
            won.append(index)
        except TokenError:
            pass
    return won


def churn_tokens(knocker: int, fd: int) -> None:
    """Make tokens and take them, for ever."""
    from interpexec import sharing

    with sharing.Handle(fd) as handle:
        os.write(knocker, b"!")
        while True:
            sharing.from_token(sharing.to_token([handle, handle]))


def churn_blocks(knocker: int, _: int) -> None:
    """Make blocks and let them go, for ever."""
    from interpexec import SharedBuffer

    os.write(knocker, b"!")
    while True:
        with SharedBuffer(4096) as block:
            block[:1] = b"x"


def churn_packing(knocker: int, fd: int) -> None:
    """Pack what cannot travel, after what can, for ever."""
    from interpexec import create_channel, sharing

    receiver, sender = create_channel()
    with sharing.Handle(fd) as handle, receiver, sender:
        os.write(knocker, b"!")
        while True:
            try:
                sender.send([handle, Named("x"), handle, ExplodesHere()])
            except (ValueError, TypeError):
                pass


def churn_channel(knocker: int, fd: int, sender: "SendChannel", receiver: "RecvChannel") -> None:
    """Send a handle and receive it, for ever."""
    from interpexec import sharing

    with sharing.Handle(fd) as handle:
        os.write(knocker, b"!")
        while True:
            sender.send([handle])
            receiver.recv()


def send_on(sender: "SendChannel", value: object) -> None:
    """Send something."""
    sender.send(value)


def make_and_send(sender: "SendChannel", size: int) -> None:
    """Send a new block."""
    sender.send(buffer_of(size))


def receive(receiver: "RecvChannel") -> object:
    """Receive something, and let it go."""
    return type(receiver.recv(20)).__name__
