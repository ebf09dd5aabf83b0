"""Memory that any interpreter can map, and that lives as long as somebody holds it.

    SharedBuffer(1 << 20)        a block of the kernel's: nobody's heap
        |  sent as a duplicate of its descriptor
        v
    SharedBuffer, elsewhere      maps the same block: written here, read there

No interpreter owns the block. The kernel counts the descriptors and the mappings, so
it is freed when the last holder releases it, even if its maker was a worker that is long
gone.
"""

import mmap
import os
import sys
from _thread import allocate_lock

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._core.descriptors import clear, duplicate
from interpexec._core.handles import Descriptor, Handle
from interpexec._core.sigint import keep_whole, watch
from interpexec._sharing import package, packing

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Buffer, Sequence
    from typing import Self

keep_whole()

__all__ = ["SharedBuffer"]

HAS_MEMFD = hasattr(os, "memfd_create")
HAS_SHM = os.name == "posix"
"""Tests set these to False to force the portable paths."""

_NAME_TRIES = 100


class SharedBuffer:
    """A block of memory that interpreters share, read and written in place by all.

    It can be an argument or a result of a call, or part of one, and can go through a
    channel or a queue: the receiver maps the same memory, at no cost that grows with
    its size. It has the buffer protocol: give it to whatever takes a `bytearray`.

    Writing is not synchronized: see `interpexec.sync`. Its methods may be called from
    any thread of its interpreter, and do not block.
    """

    __slots__ = ("__weakref__", "_handle", "_lock", "_map", "_readonly", "_size")

    @current_call.shielded
    def __init__(self, size: int) -> None:
        """Make a block of `size` bytes, all zero.

        size: an int > 0. Pages are taken from the system when they are first touched.
        Raises TypeError, ValueError, or OSError when there is no memory or descriptor.
        """
        self._hold(Handle(_new_block(_checked_size(size))), size, readonly=False)

    def _hold(self, handle: Descriptor, size: int, *, readonly: bool) -> None:
        self._handle = handle
        self._size = size
        self._readonly = readonly
        self._map: mmap.mmap | None = None
        self._lock = allocate_lock()  # guards the making and the end of the mapping

    @classmethod
    @current_call.shielded
    def copy_of(cls, data: "Buffer") -> "Self":
        """Make a block that holds a copy of the bytes of `data`.

        data: `bytes`, a `memoryview`, whatever has the buffer protocol and is
        contiguous; not empty.
        """
        with memoryview(data) as view:
            if not view.c_contiguous:
                raise ValueError("data must be contiguous")
            block = cls(view.nbytes)
            try:
                block._mapped()[:] = (
                    view.cast("B") if view.ndim != 1 or view.format != "B" else view
                )
            except BaseException:
                block.close()
                raise
        return block

    @classmethod
    @current_call.shielded
    def growable(cls, size: int) -> "Self":
        """Make a block whose file may be made larger, and smaller, by any holder.

        It must be closed: the garbage collector does not do it.
        """
        return cls.adopt(_new_block(size, grows=True), size, owner=Descriptor)

    @classmethod
    def adopt(
        cls, fd: int, size: int, *, readonly: bool = False, owner: type[Descriptor] = Handle
    ) -> "Self":
        """Own a descriptor of such a block, which is there already. Not checked."""
        block = cls.__new__(cls)
        block._hold(owner(fd), size, readonly=readonly)  # noqa: SLF001  # of this very class
        return block

    @property
    def size(self) -> int:
        """The size of the block in bytes."""
        return self._size

    @property
    def readonly(self) -> bool:
        """Whether this holder cannot write. See `toreadonly`."""
        return self._readonly

    def fileno(self) -> int:
        """Return the descriptor. Raises ValueError when this holder was closed."""
        return self._handle.fileno()

    @property
    def closed(self) -> bool:
        """Whether this holder was closed."""
        return self._handle.closed

    def __len__(self) -> int:
        """Return the size of the block in bytes."""
        return self._size

    def __repr__(self) -> str:
        state = " closed" if self.closed else " readonly" if self._readonly else ""
        return f"<SharedBuffer of {self._size} bytes{state}>"

    def __buffer__(self, flags: int, /) -> memoryview:
        """Give a view: `memoryview(block)`."""
        view = memoryview(self._mapped())
        return view.toreadonly() if self._readonly else view

    def __getitem__(self, key: slice) -> bytes:
        """Return a copy of some bytes: `block[16:32]`."""
        return self._mapped()[_checked_slice(key)]

    def __setitem__(self, key: slice, data: "Buffer") -> None:
        """Write some bytes: `block[0:5] = b"hello"`. Of the same length."""
        if self._readonly:
            raise TypeError("this SharedBuffer is read-only")
        self._mapped()[_checked_slice(key)] = data

    def cast(self, format: str, shape: "Sequence[int] | None" = None) -> memoryview:  # noqa: A002  # memoryview's name for it
        """Return a typed view of the whole block, as `memoryview.cast` does.

        format: a native single character of `struct`, like "d" or "q".
        shape: for more than one dimension.

        >>> counts = SharedBuffer(8 * 26).cast("q")
        >>> counts[3] += 1
        """
        view = memoryview(self)
        return view.cast(format) if shape is None else view.cast(format, shape)  # type: ignore[call-overload,no-any-return]

    @current_call.shielded
    def toreadonly(self) -> "SharedBuffer":
        """Return another holder of the block, which cannot write. So are those it becomes.

        This guards against mistakes only: holders of the block itself still write.
        """
        return self.adopt(duplicate(self.fileno()), self._size, readonly=True)

    def detach(self) -> int:
        """Close this holder, but keep its descriptor, and return it. Raises as `close`."""
        with self._lock:
            self._unmap()
            return self._handle.detach()

    def close(self) -> None:
        """Release the block; other holders keep it. May be called more than once.

        Raises BufferError while there are views of it: `release()` these first. A
        block that is no longer referred to is closed by itself.
        """
        with self._lock:
            self._unmap()
            self._handle.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent as a descriptor."""
        if self.closed:
            raise NotShareableError("the SharedBuffer was closed")
        index = packing.current().hand_over(self.fileno())
        return _arrived, (index, self._size, self._readonly)

    def keep_mapping(self) -> None:
        """Close the descriptor: the memory stays as long as it is mapped here."""
        self._mapped()
        self._handle.close()

    def _unmap(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None

    def _mapped(self) -> mmap.mmap:
        """Return the mapping, which is made when it is first needed."""
        if (mapping := self._map) is not None:
            return mapping
        with self._lock:
            if self._map is None:
                if self._handle.closed:
                    raise ValueError("the SharedBuffer was closed")
                self._map = map_file(self.fileno(), self._size)
            return self._map


@current_call.shielded
def _arrived(index: int, size: int, readonly: bool) -> SharedBuffer:
    """Make the receiver's holder."""
    (fd,) = package.take(index)
    return SharedBuffer.adopt(fd, size, readonly=readonly)


def _checked_size(size: object) -> int:
    if isinstance(size, bool) or not isinstance(size, int):
        message = f"size must be an int, not {type(size).__qualname__}"
        raise TypeError(message)
    if size <= 0:
        message = f"size must be greater than 0, not {size}"
        raise ValueError(message)
    if size > sys.maxsize:
        message = f"size must be at most {sys.maxsize}, not {size}"
        raise ValueError(message)
    return size


def _checked_slice(key: object) -> slice:
    if not isinstance(key, slice):
        message = f"a SharedBuffer is read and written by slices, not by {type(key).__qualname__}"
        raise TypeError(message)
    return key


def map_file(fd: int, size: int, offset: int = 0) -> mmap.mmap:
    """Map a part of a file, without a duplicate of its descriptor."""
    if os.name == "nt":
        return mmap.mmap(fd, size, offset=offset)
    return mmap.mmap(fd, size, offset=offset, trackfd=False)


def _new_block(size: int, *, grows: bool = False) -> int:
    """Return a descriptor of new memory that has no name: it ends with its holders."""
    watch()  # every shared object stands on such a block
    fd = _new_file(grows)
    try:
        os.ftruncate(fd, size)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _new_file(grows: bool) -> int:
    if HAS_MEMFD:
        return clear(os.memfd_create("interpexec", os.MFD_CLOEXEC))
    # On macOS, POSIX shared memory can be given a size only once.
    if HAS_SHM and not grows and (fd := _new_shm()) is not None:
        return fd
    import tempfile  # where there is nothing better

    with tempfile.TemporaryFile(buffering=0) as file:
        return duplicate(file.fileno())


def _new_shm() -> int | None:
    """Return a POSIX shared memory object, whose name is taken away at once."""
    try:
        import _posixshmem  # type: ignore[import-not-found]  # not in typeshed
    except ImportError:
        return None
    for _ in range(_NAME_TRIES):
        name = f"/ixp{os.urandom(6).hex()}"
        try:
            fd: int = clear(
                _posixshmem.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
            )
        except FileExistsError:
            continue
        _posixshmem.shm_unlink(name)
        return fd
    return None
