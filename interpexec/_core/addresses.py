# mypy: disable-error-code="arg-type"
# (typeshed describes what ctypes makes of these, not what they take.)
"""Bytes of another interpreter, read where they are: all share the memory of the process.

    main interpreter   address_of(data)            where the bytes of an object are
    worker             bytes_at(address, length)   a copy of them

The owner of the bytes keeps them alive for as long as anybody may ask. Bytes never change, so no
GIL is needed to read them.
"""

from _ctypes import CFuncPtr

from interpexec._core.capi import FLAGS, Object, Pointer, Python
from interpexec._core.cpython import own_builtins

own_builtins(globals())


class _BytesFrom(CFuncPtr):
    _flags_, _restype_ = FLAGS, Object
    _argtypes_ = Pointer, Pointer  # the second one is a number of the same size


_bytes_from = _BytesFrom(("PyBytes_FromStringAndSize", Python))
_HEADER = bytes.__basicsize__ - 1  # the last byte of it is that behind the end of the data


def address_of(data: bytes) -> int:
    """Return the address of what is in a `bytes` object."""
    return id(data) + _HEADER


def bytes_at(address: int, length: int) -> bytes:
    """Return a copy of some bytes of this process."""
    return _bytes_from(address, length)  # type: ignore[no-any-return]  # as its name says
