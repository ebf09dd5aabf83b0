"""Objects that know how to be sent, that are registered for it, or that fail on the way.

For tests that send something of a user's. Workers import this module, so it imports little.
"""

import struct
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from interpexec.sharing import Handle

made: list[bytes] = []
"""The tokens that `Named.__share__` has given in this interpreter."""


class Named:
    """Is sent as its name, and says where it came from."""

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
    """A list that is sent as a token all the same."""

    def __share__(self) -> bytes:
        return bytes(self)

    @classmethod
    def __unshare__(cls, token: bytes) -> "Self":
        return cls([*token, 255])


class Owner:
    """Owns a descriptor; is sent as a token of that."""

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
    """A class without `__unshare__`."""

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
    """An exception that is sent as a token."""

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
    """Cannot say what it is: is registered."""

    def __init__(self, x: int, y: int, *, arrived: bool = False) -> None:
        self.x, self.y, self.arrived = x, y, arrived

    def __reduce__(self) -> "tuple[object, ...]":
        raise AssertionError("this class was registered")


class SubPoint(Point):
    """Not registered."""

    def __reduce__(self) -> "tuple[object, ...]":
        return SubPoint, (self.x, self.y)


class PointError(Exception):
    """Cannot say what it is: is registered."""

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
