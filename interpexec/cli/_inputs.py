"""The kinds of items: what the callable gets for the text that was read. In workers."""

from contextlib import nullcontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

KINDS = ("text", "json", "file", "file-text", "file-bytes")


def reader_of(
    kind: str, size: int | None, encoding: str
) -> "Callable[[str], AbstractContextManager[Any]]":
    """Return a function that makes the argument of an item. Its block is left after the call.

    kind: one of `KINDS`. size: not None where an item is a batch: a JSON list of items.
    """
    if kind == "file" and size is None:
        return lambda item: open(item, "rb")  # noqa: PTH123  # the block closes it; pathlib is slow to import
    one = _reader_of_one(kind, encoding)
    if size is None:
        return lambda item: nullcontext(one(item))
    from json import loads  # only here

    return lambda item: nullcontext([one(each) for each in loads(item)])


def _reader_of_one(kind: str, encoding: str) -> "Callable[[str], Any]":
    if kind == "json":
        from json import loads  # only here

        return loads
    if kind == "file-text":
        return lambda item: _read(item, encoding).replace("\r\n", "\n")  # type: ignore[arg-type]  # a str
    if kind in {"file", "file-bytes"}:
        return lambda item: _read(item, None)
    return str


def _read(path: str, encoding: str | None) -> str | bytes:
    with open(path, "rb") as file:  # noqa: PTH123  # pathlib is slow to import
        data = file.read()
    return data if encoding is None else data.decode(encoding)
