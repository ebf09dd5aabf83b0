"""SharedBuffer in one interpreter: its size, slices, casts, copies, and closing."""

import ctypes
import gc
import os
import struct
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpexec import SharedBuffer
from stops import finish, start

pytestmark = pytest.mark.usefixtures("no_block_is_left")


@pytest.mark.usefixtures("memory_kind")
@pytest.mark.parametrize("size", [1, 2, 4095, 4096, 4097, 1_000_003])
def test_a_new_block_is_all_zero(size: int) -> None:
    """Of the very size, and writable."""
    with SharedBuffer(size) as block:
        assert (block.size, len(block), block.readonly, block.closed) == (size, size, False, False)
        assert block[:] == bytes(size)
        assert memoryview(block).nbytes == size
        block[size - 1 :] = b"x"
        assert block[-1:] == b"x"
        assert str(size) in repr(block)


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(1, 300),
    steps=st.lists(
        st.tuples(st.integers(-310, 310), st.integers(-310, 310), st.binary(max_size=9))
    ),
)
def test_slices_are_those_of_a_bytearray(size: int, steps: list[tuple[int, int, bytes]]) -> None:
    """Reading and writing in place; a wrong length is refused."""
    model = bytearray(size)
    with SharedBuffer(size) as block:
        for start_, stop, text in steps:
            if len(model[start_:stop]) == len(text):
                block[start_:stop] = text
                model[start_:stop] = text
            else:
                with pytest.raises((ValueError, IndexError)):
                    block[start_:stop] = text
            assert block[start_:stop] == bytes(model[start_:stop])
            assert block[::3] == bytes(model[::3])
        assert block[:] == bytes(model)


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (-(10**30), ValueError),
        (1.5, TypeError),
        ("1", TypeError),
        (None, TypeError),
        (True, TypeError),
        (b"x", TypeError),
        (sys.maxsize + 1, (ValueError, OSError)),
        (1 << 64, (ValueError, OSError)),
        (10**30, (ValueError, OSError)),
    ],
)
def test_bad_sizes(size: Any, error: type[Exception]) -> None:
    """TypeError, ValueError, or OSError for more than there can be; and no descriptor is left."""
    with pytest.raises(error, match="size" if error is TypeError else None):
        SharedBuffer(size)


def test_a_size_that_there_is_no_room_for() -> None:
    """OSError or ValueError, at the latest when it is used; it can be closed all the same."""
    with pytest.raises((OSError, ValueError)), SharedBuffer(1 << 62) as block:
        block[:1] = b"x"


@pytest.mark.parametrize("key", [0, -1, "a", None, (1, 2)])
def test_only_slices(key: Any) -> None:
    """TypeError for an index."""
    with SharedBuffer(10) as block:
        with pytest.raises(TypeError, match="slices"):
            block[key]
        with pytest.raises(TypeError, match="slices"):
            block[key] = b"x"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("q", -5),
        ("d", 1.5),
        ("B", 255),
        ("?", True),
        ("f", 0.5),
        ("N", 7),
        ("H", 65535),
        ("c", b"x"),
    ],
)
def test_typed_views(code: str, value: object) -> None:
    """`cast` gives the formats and the shapes of `memoryview.cast`, over the same memory."""
    with SharedBuffer(48) as block:
        size = struct.calcsize(code)
        with block.cast(code) as view:
            assert (view.format, view.shape, view.nbytes) == (code, (48 // size,), 48)
            view[1] = value
            assert block[size : 2 * size] == struct.pack(code, value)
        with block.cast(code, (2, 24 // size)) as matrix:
            assert matrix.shape == (2, 24 // size)
            assert matrix[0, 1] == value


def test_casts_that_do_not_fit() -> None:
    """TypeError, as from `memoryview`; the block can be closed."""
    with SharedBuffer(10) as block:
        with pytest.raises(TypeError):
            block.cast("q")
        with pytest.raises((ValueError, TypeError)):
            block.cast("zz")
        with pytest.raises(TypeError):
            block.cast("B", (3, 3))


def test_it_is_taken_for_any_buffer() -> None:
    """By whatever writes into a bytearray."""
    reader, writer = os.pipe()
    with SharedBuffer(8) as block, os.fdopen(reader, "rb", 0) as file:
        os.write(writer, b"12345678")
        os.close(writer)
        assert file.readinto(block) == 8
        assert bytes(block) == b"12345678"
        struct.pack_into("<i", block, 4, 1)
        assert block[4:] == b"\x01\x00\x00\x00"
        cell = ctypes.c_uint32.from_buffer(block)
        cell.value = 0
        del cell
        assert block[:4] == bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"array"),
        memoryview(b"view")[1:3],
        memoryview(struct.pack("4d", 1, 2, 3, 4)).cast("d", (2, 2)),
        (ctypes.c_int * 3)(1, 2, 3),
    ],
    ids=["bytes", "bytearray", "view", "matrix", "ctypes"],
)
def test_copies(data: Any) -> None:
    """`copy_of` holds the bytes; the original does not change with it."""
    expected = memoryview(data).tobytes()
    with SharedBuffer.copy_of(data) as block:
        assert block[:] == expected
        block[:1] = b"\xff"
    assert memoryview(data).tobytes() == expected


@pytest.mark.parametrize(
    "wrong", [b"", memoryview(b"abcdef")[::2], memoryview(b"abcdef")[::-1], "text", 5]
)
def test_data_that_cannot_be_copied(wrong: Any) -> None:
    """Nothing empty, nothing with gaps, nothing without the buffer protocol."""
    with pytest.raises((TypeError, ValueError)):
        SharedBuffer.copy_of(wrong)


def test_read_only_holders() -> None:
    """Read-only holders see what others write, and cannot write in any way; nor can their heirs."""
    with SharedBuffer(8) as block, block.toreadonly() as reader, reader.toreadonly() as heir:
        block[:2] = b"hi"
        for each in reader, heir:
            assert each.readonly
            assert "readonly" in repr(each)
            assert each[:2] == b"hi"
            with pytest.raises(TypeError, match="read-only"):
                each[:2] = b"no"
            with memoryview(each) as view, pytest.raises(TypeError):
                view[0] = 1
            with each.cast("q") as cells, pytest.raises(TypeError):
                cells[0] = 1
            with pytest.raises((TypeError, BufferError)):
                ctypes.c_int.from_buffer(each)
        assert block[:2] == b"hi"


def test_closing() -> None:
    """Once is enough, more does no harm; views must be released first; others stay."""
    block = SharedBuffer(8)
    other = block.toreadonly()
    view = memoryview(block)
    with pytest.raises(BufferError):
        block.close()
    view[:1] = b"x"
    assert not block.closed
    view.release()
    for _ in range(3):
        block.close()
    assert block.closed
    assert "closed" in repr(block)
    for use in (
        block.fileno,
        block.toreadonly,
        lambda: block[:],
        lambda: memoryview(block),
        lambda: block.cast("q"),
        lambda: block.__setitem__(slice(0, 1), b"x"),
    ):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert other[:1] == b"x"
    other.close()


def test_a_view_keeps_the_memory() -> None:
    """The block may be forgotten: the view shows it as long as it lives."""
    view = SharedBuffer.copy_of(b"hello").cast("B")
    gc.collect()
    assert view.tobytes() == b"hello"
    view.release()


@pytest.mark.slow
def test_closing_while_others_use_it() -> None:
    """Closing closes or gives BufferError, never a crash; a closed block is not mapped again."""
    outcomes = set()
    for _ in range(50):
        block, is_over = SharedBuffer(4096), threading.Event()
        threads = [start(_use_until_closed, block, is_over, outcomes) for _ in range(2)]
        try:
            while not block.closed:
                try:
                    block.close()
                except BufferError:
                    pass
            with pytest.raises(ValueError, match="closed"):
                block[:1]
        finally:
            is_over.set()
            for thread in threads:
                finish(thread)
    assert outcomes <= {"ValueError", "closed"}


def _use_until_closed(block: SharedBuffer, is_over: threading.Event, outcomes: set[str]) -> None:
    try:
        while not is_over.is_set():
            block[:4096] = bytes(4096)
            block.cast("q")[5] = 1
        outcomes.add("closed")
    except BaseException as error:
        outcomes.add(type(error).__name__)
