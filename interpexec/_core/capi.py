# mypy: disable-error-code="type-arg, arg-type"
# (typeshed describes what ctypes makes of these, not what they take.)
"""Exceptions thrown from one thread at another of its interpreter: CPython's C API.

    Thread().throw(error)   raise an exception in it, at its next bytecode
    Thread().clear()        take that back, if it was not raised yet
    Thread().frame()        see what it is doing

Called through `_ctypes` alone, which a worker imports in 0.2 ms; `ctypes` takes 5.
The functions are called under the GIL and look at nothing but this interpreter.
`sys._current_frames()` would do for `frame`, but on 3.13.0 it walks through the
threads of *all* interpreters while these run: `double free` within a second.
"""

import _ctypes
import sys
from _thread import get_ident

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# As in `ctypes/__init__.py`: the C calling convention, and keep the GIL.
FLAGS = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI


class _Int(_ctypes._SimpleCData):  # noqa: SLF001  # that is how ctypes defines them
    _type_ = "i"


class _UnsignedLong(_ctypes._SimpleCData):  # noqa: SLF001  # like `_Int`
    _type_ = "L"


class Pointer(_ctypes._SimpleCData):  # noqa: SLF001  # like `_Int`
    _type_ = "P"


class Object(_ctypes._SimpleCData):  # noqa: SLF001  # like `_Int`
    _type_ = "O"


class Python:
    """The library that the functions are in: this very process."""

    _handle = getattr(sys, "dllhandle", None) or _ctypes.dlopen(None, 0)  # the first on Windows


class _Get(_ctypes.CFuncPtr):
    _flags_, _restype_, _argtypes_ = FLAGS, Pointer, ()


class _GetFrame(_ctypes.CFuncPtr):
    _flags_, _restype_, _argtypes_ = FLAGS, Object, (Pointer,)


class _SetAsyncExc(_ctypes.CFuncPtr):
    _flags_, _restype_, _argtypes_ = FLAGS, _Int, (_UnsignedLong, Object)


_get = _Get(("PyThreadState_Get", Python))
_get_frame = _GetFrame(("PyThreadState_GetFrame", Python))
_set_async_exc = _SetAsyncExc(("PyThreadState_SetAsyncExc", Python))


class Thread:
    """The thread that makes this object, for the others of its interpreter to use.

    They must not use it when the thread has left the interpreter.
    """

    def __init__(self) -> None:
        self.ident: int = get_ident()
        self._state = _get()

    def throw(self, error: type[BaseException]) -> None:
        """Have `error` raised in the thread, at its next bytecode.

        There is room for one: a second one replaces the first if that was not
        raised yet.
        """
        _set_async_exc(self.ident, error)

    def clear(self) -> None:
        """Take back the exception that was thrown, if it was not raised yet."""
        _set_async_exc(self.ident, Object())

    def frame(self) -> "FrameType | None":
        """Return the innermost frame of the thread, None if it runs no Python."""
        try:
            return _get_frame(self._state)  # type: ignore[no-any-return]
        except ValueError:  # NULL
            return None
