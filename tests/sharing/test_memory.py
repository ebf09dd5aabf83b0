"""Memory that is sent: maps, arrays and bytes, shared or copied; views are in `test_views.py`."""

import array
import mmap
import os
import socket
from pathlib import Path
from typing import Any

import pytest

import shareable
import sharing_tasks as there
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, create_channel
from interpexec.sharing import Handle, from_token, to_token
from refused import LARGE, refused

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor


def test_mmaps(pool: Pool, path: Path) -> None:
    """An argument shows the memory itself; read-only memory is read-only there."""
    with mmap.mmap(-1, 100_000) as memory:
        assert pool.submit(there.write, [memory][0], b"there", 99_990).result(TIME_LIMIT) == 100_000
        assert memory[99_990:99_995] == b"there"
        assert pool.submit(there.type_name, memory).result(TIME_LIMIT) == "memoryview"
        back = pool.submit(there.same, [memory]).result(TIME_LIMIT)[0]
        back[0] = 1
        assert memory[0] == 0
        back.release()
    assert refused(pool, memory) == "args[0][0]: the mmap was closed"
    with (
        path.open("r+b") as file,
        mmap.mmap(file.fileno(), 0) as shared,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as fixed,
    ):
        assert pool.submit(there.read, fixed, 5, 9).result(TIME_LIMIT) == b"0000"
        assert pool.submit(there.try_to_write, fixed).result(TIME_LIMIT) == "TypeError"
        pool.submit(there.write, shared, b"LINE").result(TIME_LIMIT)
        assert path.read_bytes()[:4] == b"LINE"


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1, 3_000_000])
def test_bytearrays(pool: Pool, size: int) -> None:
    """Copies, of their own type, which can be resized; whole objects share one."""
    data = bytearray(b"x" * size)
    for wrapped in data, {"k": [data]}:
        first = pool.submit(there.same, [wrapped, wrapped]).result(TIME_LIMIT)
        assert first == [wrapped, wrapped]
        assert first[0] is first[1]
    back = pool.submit(there.same, data).result(TIME_LIMIT)
    assert type(back) is bytearray
    back.append(1)
    data.append(2)
    assert pool.submit(there.append_there, data).result(TIME_LIMIT) == size + 2


@pytest.mark.parametrize("code", ["b", "B", "h", "i", "q", "Q", "f", "d", "w", "l"])
@pytest.mark.parametrize("length", [0, 3, 70_000])
def test_arrays(pool: Pool, code: str, length: int) -> None:
    """Copies, of the same typecode."""
    values: Any = "ab€" * (length // 3) if code == "w" else [n % 100 for n in range(length)]
    numbers = array.array(code, values)
    for back in (
        pool.submit(there.same, numbers).result(TIME_LIMIT),
        pool.submit(there.same, {"a": (numbers,)}).result(TIME_LIMIT)["a"][0],
    ):
        assert type(back) is array.array
        assert (back.typecode, back) == (code, numbers)
        back.extend(back)
    numbers.append("x" if code == "w" else 1)


SIZES = [LARGE - 1, LARGE, LARGE + 1, 1_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_large_bytes_at_any_depth(pool: Pool, size: int) -> None:
    """Equal, of the right type, each in its place, whatever stands beside it."""
    datas = [bytes([65 + n]) * (size + n) for n in range(12)]
    value = {
        "first": datas[0],
        "list": [datas[1], "text" * LARGE, datas[2], 5],
        "box": shareable.Box(datas[3], {"deep": (datas[4], bytearray(datas[5]))}),
        "same": [datas[0], datas[0]],
        "empty": b"",
        b"k" * size: datas[6],
        "set": {datas[7], datas[8]},
        "rest": datas[9:],
    }
    for back in (
        pool.submit(there.same, value).result(TIME_LIMIT),
        from_token(to_token(value)),
        *pool.map(there.same, [value, value], chunksize=2),
    ):
        assert back == value
        assert type(back["first"]) is bytes
        assert type(back["box"].more["deep"][1]) is bytearray
        assert back["same"][0] is back["same"][1] is back["first"]


def test_large_subclasses_and_look_alikes(pool: Pool) -> None:
    """Of `bytes`, and text and bytes that look like pickle's opcodes."""
    size = 100_000
    tricky = b"B" + size.to_bytes(4, "little")
    values = [
        there.Blob(b"x" * size),
        tricky * (size // 5),
        "B\xa0\x86\x01\x00" * (size // 5),
        b"\x8e" + size.to_bytes(8, "little") + bytes(size),
        bytes(size),
        tricky + bytes(size),
        (tricky, bytes(size), "x" * size, tricky),
    ]
    back = pool.submit(there.same, values).result(TIME_LIMIT)
    assert back == values
    assert [type(each) for each in back] == [type(each) for each in values]


@pytest.mark.parametrize("where", ["argument", "channel", "token"])
def test_changes_after_sending_change_nothing(pool: Pool, where: str, door: Gate) -> None:
    """Arguments are taken as they are when they are sent, however large, but for views."""
    data = bytearray(b"old" * 50_000)
    small = bytearray(b"old")
    numbers = array.array("q", [1] * 50_000)
    value = {"large": data, "small": small, "numbers": numbers, "list": [1]}
    expected = {
        "large": bytearray(data),
        "small": bytearray(small),
        "numbers": array.array("q", numbers),
        "list": [1],
    }
    receiver, sender = create_channel()
    with receiver, sender:
        if where == "argument":
            blocked = pool.submit(there.pass_door, door.handle)
            door.await_knocks(1)
            future = pool.submit(there.same, value)
        elif where == "channel":
            sender.send(value)
        else:
            token = to_token(value)
        data[:] = b"new"
        small.append(1)
        numbers[0] = 5
        numbers.append(1)
        value["list"].append(2)  # type: ignore[attr-defined]
        if where == "argument":
            door.let_in()
            blocked.result(TIME_LIMIT)
            got = future.result(TIME_LIMIT)
        else:
            got = receiver.recv(TIME_LIMIT) if where == "channel" else from_token(token)
    assert got == expected


def test_kinds_together(pool: Pool, path: Path) -> None:
    """Everything in one argument, and all of it back."""
    ours, theirs = socket.socketpair()
    receiver, sender = create_channel()
    with ours, theirs, path.open("rb") as file, Handle(file) as handle, receiver, sender:
        value = [ours, (file, {"h": handle}), memoryview(b"view"), b"x" * LARGE, sender, theirs]
        back = pool.submit(there.same, value).result(TIME_LIMIT)
        back[0].sendall(b"around")
        assert back[-1].recv(10) == b"around"
        assert back[1][0].read(4) == b"line"
        assert os.read(back[1][1]["h"].fileno(), 0) == b""
        assert (back[2].tobytes(), back[3]) == (b"view", b"x" * LARGE)
        back[4].send(1)
        assert receiver.recv(TIME_LIMIT) == 1
        for each in back[0], back[-1], back[1][0], back[1][1]["h"]:
            each.close()
        back[4].release()
        assert sender
