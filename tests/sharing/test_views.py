"""Views of memory that are sent: lent in arguments, copied in results, refused with a reason."""

import array
import ctypes
import os
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shareable
import sharing_tasks as there
import token_tasks
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, NotShareableError, create_channel
from interpexec.sharing import from_token, to_token
from refused import LARGE, refused
from stops import pool_of

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor


def _views() -> "dict[str, Callable[[], memoryview]]":
    numbers = array.array("d", range(12))
    return {
        "bytes": lambda: memoryview(b"hello"),
        "bytearray": lambda: memoryview(bytearray(b"hello")),
        "slice": lambda: memoryview(bytearray(b"hello"))[1:4],
        "readonly": lambda: memoryview(bytearray(b"hello")).toreadonly(),
        "doubles": lambda: memoryview(numbers),
        "matrix": lambda: memoryview(bytes(24)).cast("h", (3, 4)),
        "cube": lambda: memoryview(numbers).cast("B").cast("d", (2, 3, 2)),
        "chars": lambda: memoryview(b"abc").cast("c"),
        "bools": lambda: memoryview(b"\x00\x01").cast("?"),
        "longs": lambda: memoryview(bytearray(16)).cast("@q"),
        "scalar": lambda: memoryview(bytearray(8)).cast("q", ()),
        "ctypes": lambda: memoryview((ctypes.c_int * 3)(1, 2, 3)),
        "ctypes matrix": lambda: memoryview(((ctypes.c_short * 2) * 3)()),
        "ctypes scalar": lambda: memoryview(ctypes.c_double(1.5)),
        "large": lambda: memoryview(bytearray(200_000)).cast("i", (50, 1000)),
        "large readonly": lambda: memoryview(bytes(200_000)),
    }


@pytest.mark.parametrize("name", _views())
def test_views_keep_what_they_are(pool: Pool, name: str) -> None:
    """Type, format, shape, whether they can be written: as arguments, results, and in tokens."""
    view = _views()[name]()
    kind, code, *rest = there.about(view)
    formats = {code, code.lstrip("<@=")}  # ctypes says "<i" where it means a native one
    there_, code_there, *rest_there = pool.submit(there.about, view).result(TIME_LIMIT)
    assert (there_, code_there, rest_there) == (kind, code, rest)
    for back in (
        pool.submit(there.same, [view]).result(TIME_LIMIT)[0],
        from_token(to_token(view)),
        *pool.map(there.same, [view, view], chunksize=2),
    ):
        kind_back, code_back, *rest_back = there.about(back)
        assert (kind_back, rest_back) == (kind, rest)
        assert code_back in formats
        back.release()


def test_a_view_in_an_argument_is_the_memory(pool: Pool) -> None:
    """At any depth: what is written there is here, at no cost that grows with its size."""
    data = bytearray(10_000_000)
    for index, wrap in enumerate(
        (lambda view: view, lambda view: [view][0], lambda view: memoryview(view)[:])
    ):
        pool.submit(there.write, wrap(memoryview(data)), b"%d there" % index, 5_000_000).result(
            TIME_LIMIT
        )
        assert data[5_000_000:5_000_007] == b"%d there" % index
    box = shareable.Box(foo={"deep": [memoryview(data)[10:20]]})
    pool.submit(there.write_in_box, box, b"boxed").result(TIME_LIMIT)
    assert data[10:15] == b"boxed"


def test_a_read_only_view_cannot_be_written_there(pool: Pool) -> None:
    """Whether it is of bytes or was made read-only."""
    data = bytearray(5)
    for view in memoryview(b"bytes"), memoryview(data).toreadonly():
        assert pool.submit(there.try_to_write, view).result(TIME_LIMIT) == "TypeError"
    assert pool.submit(there.try_to_write, memoryview(data)).result(TIME_LIMIT) == "written"
    assert data[0] == 1


def test_a_view_in_a_result_is_a_copy() -> None:
    """Never the worker's memory: it is there when the worker is gone."""
    with pool_of(1) as pool:
        views = [
            pool.submit(there.view_of, make, data, *cast).result(TIME_LIMIT)
            for make, data, *cast in (
                (bytearray, b"small"),
                (bytearray, bytes(LARGE)),
                (bytes, b"large" * LARGE),
                (bytearray, bytes(80_000), "d", (100, 100)),
                (there.mapping_of, b"mapped"),
                (there.mapping_of, b"m" * LARGE),
            )
        ]
        whole = pool.submit(there.mapping_of, b"itself").result(TIME_LIMIT)
    assert views[0].tobytes() == b"small"
    assert [view.readonly for view in views[:4]] == [False, False, True, False]
    assert views[2][-5:].tobytes() == b"large"
    assert (views[3].format, views[3].shape) == ("d", (100, 100))
    assert (views[4].tobytes(), views[5][-1], bytes(whole)) == (b"mapped", ord("m"), b"itself")
    views[1][0] = 5
    assert views[1][0] == 5
    for view in [*views, whole]:
        view.release()


def test_large_views_in_results_hold_no_descriptors(pool: Pool) -> None:
    """However many are kept: memory that is mapped needs none."""
    before = len(os.listdir("/proc/self/fd"))
    views = [
        pool.submit(there.view_of, bytearray, bytes(LARGE)).result(TIME_LIMIT) for _ in range(20)
    ]
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    del views


def test_a_lent_view_goes_on_to_others(pool: Pool) -> None:
    """A channel and a result take a copy; a pool inside the worker gets the memory itself."""
    data = bytearray(b"original data")
    receiver, sender = create_channel()
    with receiver, sender:
        pool.submit(token_tasks.send_on, sender, memoryview(data)).result(TIME_LIMIT)
        view = receiver.recv(TIME_LIMIT)
        view[:8] = b"changed!"
        assert data == b"original data"
    inner = pool.submit(there.use_inner_pool, memoryview(data), there.write, b"INNER")
    assert inner.result(TIME_LIMIT) == 13
    assert data == b"INNERnal data"
    back = pool.submit(there.same, memoryview(data)).result(TIME_LIMIT)
    back[:5] = b"?????"
    assert data == b"INNERnal data"
    data.append(1)  # nobody holds it any more


def test_a_view_that_a_worker_keeps_stays_valid(door: Gate) -> None:
    """Until the worker ends; the memory cannot be resized meanwhile."""
    data = bytearray(b"kept by a worker")
    with pool_of(1) as pool:
        pool.submit(there.keep, memoryview(data)).result(TIME_LIMIT)
        data[:4] = b"KEPT"
        assert pool.submit(there.read_kept).result(TIME_LIMIT) == b"KEPT by a worker"
        with pytest.raises(BufferError):
            data.append(1)
    data.append(1)


@pytest.mark.parametrize(
    "view",
    [
        memoryview(b"abcdef")[::2],
        memoryview(b"abcdef")[::-1],
        memoryview(bytes(12)).cast("B", (3, 4))[::2],
    ],
    ids=["gaps", "reversed", "rows"],
)
def test_views_with_gaps(pool: Pool, view: memoryview) -> None:
    """Refused: "not contiguous", and what to do."""
    message = refused(pool, view)
    assert "args[0][0]: the memoryview is not contiguous" in message
    assert "tobytes" in message
    with pytest.raises(NotShareableError, match="not contiguous"):
        to_token(view)


def test_released_views(pool: Pool) -> None:
    """Refused, with the path."""
    view = memoryview(b"abc")
    view.release()
    assert refused(pool, view) == "args[0][0]: the memoryview was released"


def test_a_result_that_is_a_released_view(pool: Pool) -> None:
    """As an argument."""
    error = pool.submit(there.released_view).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error).startswith("the result")
    assert "released" in str(error)


@pytest.mark.parametrize("code", ["B", "d", "i", "q", "f", "b"])
@pytest.mark.parametrize("readonly", [False, True])
def test_empty_views(pool: Pool, code: str, readonly: bool) -> None:
    """Zero length is a length: there, back, and in a token."""
    view = memoryview(b"" if readonly else bytearray()).cast(code)
    assert pool.submit(there.about, view).result(TIME_LIMIT) == there.about(view)
    for back in pool.submit(there.same, view).result(TIME_LIMIT), from_token(to_token(view)):
        assert there.about(back) == there.about(view)


@pytest.mark.parametrize("code", ["c", "?", "n", "P"])
def test_empty_views_of_other_formats(pool: Pool, code: str) -> None:
    """Empty views of these formats arrive; back they come, or an error says why not."""
    view = memoryview(bytearray()).cast(code)
    assert pool.submit(there.about, view).result(TIME_LIMIT) == there.about(view)
    future = pool.submit(there.same, view)
    error = future.exception(TIME_LIMIT)
    if error is None:
        assert there.about(future.result()) == there.about(view)
    else:
        assert "empty memoryview" in str(error)


class _Pair(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


class _BigEndian(ctypes.BigEndianStructure):
    _fields_ = [("x", ctypes.c_int32)]


@pytest.mark.parametrize("make", [_Pair * 2, lambda: _Pair(1, 2), _BigEndian])
def test_structures(pool: Pool, make: Callable[[], Any]) -> None:
    """A format that `memoryview.cast` does not know can be lent, but not copied."""
    value = make()
    view = memoryview(value)
    assert pool.submit(there.about_bytes, view).result(TIME_LIMIT) == (
        view.format,
        view.shape,
        bytes(view.tobytes()),
    )
    error = pool.submit(there.same, view).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert view.format in str(error)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    code=st.sampled_from("bBhHiIlLqQfd?cnN"),
    shape=st.lists(st.integers(1, 4), max_size=4),
    start=st.integers(0, 3),
    readonly=st.booleans(),
)
def test_any_native_view(
    pool: Pool, code: str, shape: list[int], start: int, readonly: bool
) -> None:
    """Lent and copied: all that one can ask of it is as it was."""
    size = struct.calcsize(code)
    for length in shape:
        size *= length
    data = bytes(index % 2 for index in range(size + start))
    view = memoryview(data if readonly else bytearray(data))[start:].cast(code, shape)
    for got in pool.map(there.about, [view, view], chunksize=2):
        assert got == there.about(view)
    back = pool.submit(there.same, {"v": view}).result(TIME_LIMIT)["v"]
    assert there.about(back) == there.about(view)
