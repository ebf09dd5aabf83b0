"""The sharing protocol: how an object tells another interpreter what it is.

After Steve Dower's mail on PEP 554 (python-dev, 3 October 2017): a protocol, not a flag.

    an object represents itself as bytes          `__share__`, `register`, `to_token`
    those bytes are sent over any channel
    the object can instantiate itself from them   `__unshare__`, `from_token`
    cross-interpreter refcounting is the kernel's, by duplicated descriptors

Arguments and results of calls, and objects that go through channels and queues, use it by
themselves, at any depth. These can be sent without further ado, besides what pickle can:

    what                            arrives as            shares with the sender
    ------------------------------  --------------------  --------------------------------
    socket, file, pipe connection   the same              what the kernel has opened
    `Handle`                        the same              ...
    `SharedBuffer`                  the same              the memory
    channel ends, `interpexec.sync`  the same             all they are
    `memoryview`, `mmap`
        argument of a call          a `memoryview`        the memory: no copy
        result, or in a channel     a `memoryview`        nothing: one copy
    large `bytes`                   the same              nothing: one copy
    `bytearray`, `array.array`      the same              nothing: three copies
"""

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._core.descriptors import duplicate
from interpexec._core.handles import Handle as _Handle
from interpexec._sharing import package, packing, reducers

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, Self

    class HasFileno(Protocol):
        """An object with a descriptor."""

        def fileno(self) -> int:
            """Return it."""


__all__ = ["Handle", "abandon", "from_token", "register", "to_token"]


class Handle(_Handle):
    """A descriptor that can be sent: the receiver gets a duplicate, which is open as well.

    Use it from any thread; no method blocks.
    """

    __slots__ = ()

    @current_call.shielded
    def __init__(self, file: "int | HasFileno") -> None:
        """Own a duplicate of a descriptor.

        file: an int >= 0, or an object with a `fileno()`. It stays open, and is the caller's.
        Raises TypeError, ValueError, or OSError when it is not open.
        """
        fd = file if isinstance(file, int) and not isinstance(file, bool) else _fileno(file)
        if not 0 <= fd < 1 << 31:
            raise ValueError("file must be an open descriptor")
        super().__init__(duplicate(fd))

    def __repr__(self) -> str:
        return f"<Handle {'closed' if self.closed else self.fileno()}>"

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent as a duplicate."""
        if self.closed:
            raise NotShareableError("the Handle was closed")
        return _handle_of, (packing.current().hand_over(self.fileno()),)


@current_call.shielded
def _handle_of(index: int) -> Handle:
    (fd,) = package.take(index)
    handle = Handle.__new__(Handle)
    _Handle.__init__(handle, fd)
    return handle


def _fileno(file: object) -> int:
    try:
        return int(file.fileno())  # type: ignore[attr-defined]  # that is the question
    except AttributeError:
        message = f"file must be an int or have a fileno(), not {type(file).__qualname__}"
        raise TypeError(message) from None


def register[T](
    cls: type[T], share: "Callable[[T], bytes]", unshare: "Callable[[bytes], T]"
) -> None:
    """Say how objects of a class are sent, if the class itself does not.

    cls: objects of this very class; of its subclasses only if they are registered, too.
    share: called with the object, returns `bytes`. It may put tokens (`to_token`) of
        other objects into them.
    unshare: called with these bytes in the receiving interpreter. It is sent as every
        function is: by its name, if it has one.

    A class of your own has two methods instead, `__share__(self) -> bytes` and the
    class method `__unshare__(cls, token)`. Needed only in the interpreter that sends:
    for results, register in the workers (in the pool's `initializer`, or where the
    class is defined). A second call replaces the first one's functions. Raises TypeError.
    """
    _check(cls, "cls", "a class", is_it=isinstance(cls, type))
    _check(share, "share", "callable", is_it=callable(share))
    _check(unshare, "unshare", "callable", is_it=callable(unshare))

    def reduce(obj: "Any") -> tuple[object, ...]:
        return unshare, (reducers.checked(cls, share(obj)),)

    reducers.registered[cls] = reduce
    reducers.forget_types()


def _check(value: object, name: str, what: str, *, is_it: bool) -> None:
    if not is_it:
        message = f"{name} must be {what}, not {type(value).__qualname__}"
        raise TypeError(message)


def to_token(obj: object) -> bytes:
    """Return bytes that name `obj`, for `from_token` in any interpreter of this process.

    obj: any object that can be sent. The token says which process and which descriptor it is,
    and, last, the object's type.

    The object waits in the kernel until somebody takes it by `from_token`, once; or
    until `abandon`; or until the interpreter ends that made the token, if that is not
    the main one. A token that `__share__` puts into its bytes waits no longer than the
    message that contains it. Costs one descriptor while it waits, and those
    of the object. Memory is copied (use a `SharedBuffer`).

    Raises NotShareableError, naming the part that cannot be sent. Does not block.
    """
    from interpexec._sharing import pickling, tokens

    packed = pickling.MESSAGES.pack_or_explain(obj, "the object")
    return tokens.make(packed, type(obj).__qualname__)


def from_token(token: bytes) -> "Any":
    """Return the object that a token names: once, the object is the caller's then.

    Raises TokenError when the token is malformed, of another process, was used or
    abandoned, or when its maker is gone; TypeError when it is not bytes; OSError when
    no descriptor is free: the object still waits then; and any error of its
    `__unshare__`. Does not block.
    """
    from interpexec._sharing import tokens, unpickling

    return unpickling.loads_anything(tokens.take(token))


def abandon(token: bytes) -> bool:
    """Release the object that waits under a token; return False if it was taken, or is gone.

    Raises TokenError or TypeError if it is no token of this process, and OSError when
    no descriptor is free: the object still waits then.
    """
    from interpexec._sharing import tokens

    return tokens.abandon_token(token)
