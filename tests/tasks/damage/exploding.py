"""Objects and functions that raise when they are used: damaged interpreters have them."""

# A worker that has done something has imported these: so they are damaged while in use.
import importlib.machinery  # noqa: F401
import signal  # noqa: F401
import sys
import threading  # noqa: F401
import warnings  # noqa: F401
import weakref  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


kept: list[object] = []
"""Objects that stay when the call has ended."""


class Damage(Exception):  # noqa: N818  # that is what it is
    """Raised by what a call has left behind."""


def explode(*_: object, **__: object) -> "NoReturn":
    """Raise, whatever is asked for."""
    raise Damage("left behind")


class Exploding:
    """Raises whatever is done with it."""

    def __getattribute__(self, name: str) -> object:
        raise Damage(name)

    def __repr__(self) -> str:
        raise Damage("repr")

    __call__ = __len__ = __iter__ = __bool__ = __str__ = explode  # type: ignore[assignment]
    __eq__ = __hash__ = explode  # type: ignore[assignment]


class Bomb:
    """Raises when it dies."""

    def __del__(self) -> None:
        raise Damage("died")


class Unloadable:
    """Cannot be unpickled anywhere."""

    def __reduce__(self) -> "tuple[object, ...]":
        return explode, ()


def quiet(_: object) -> None:
    """Say nothing: a hook in the place of one that prints."""


def keep_in_circle(thing: object) -> None:
    """Leave something to the garbage collector."""
    circle = [thing]
    circle.append(circle)


def our_modules() -> "dict[str, Any]":
    """Return the modules of `interpexec` in this interpreter, by name."""
    return {name: module for name, module in sys.modules.items() if name.startswith("interpexec.")}
