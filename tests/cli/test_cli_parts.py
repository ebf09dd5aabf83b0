"""The parts of `interpexec map`, each by itself: names, reading, records."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpexec.cli._items import BLOCK, Reader, Source, from_files
from interpexec.cli._parse import parse_task
from interpexec.cli._records import batches, rows
from interpexec.cli._task import ExpressionTask, FunctionTask

pytestmark = pytest.mark.fast

# -- what was asked for -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("len(x)", ()),
        ("os.path.getsize(x)", ("os",)),
        ("xml.etree.ElementTree.parse(x)", ("xml", "xml.etree", "xml.etree.ElementTree")),
        ("concurrent.futures.Future", ("concurrent", "concurrent.futures")),
        ("[json for json in x]", ()),
        ("[json for json in x] + [json.loads(x)]", ("json",)),
        ("(lambda json: json.anything)(x)", ()),
        ("(lambda json: json.anything)(x) or json.loads(x)", ("json",)),
        ("(json := x).upper() + json", ()),
        ("[y := len(x), y]", ()),
        ("[(y := z) for z in x] + [y]", ()),
        ("{math: re for math, re in x}", ()),
        ("(y for y in x if json.loads(y) for z in math.e)", ("json", "math")),
        ("(lambda y=string.digits: y + x)()", ("string",)),
        ("f'{x!r:>{shutil.os.sep}}'", ("shutil",)),
        ("x[1:2]", ()),
        ("{'a':x}", ()),
        ("(lambda:x)()", ()),
    ],
)
def test_free_names_are_modules(text: str, modules: tuple[str, ...]) -> None:
    """Names that no comprehension, lambda or walrus binds are modules, with their submodules."""
    if text == "concurrent.futures.Future":
        text += "()"
    task = parse_task(text)
    assert isinstance(task, ExpressionTask)
    assert task.modules == modules


@pytest.mark.parametrize("text", ["os.path:getsize", "collections:OrderedDict.fromkeys"])
def test_two_dotted_names_are_a_function(text: str) -> None:
    """A colon between anything else belongs to an expression (see above)."""
    task = parse_task(text)
    assert isinstance(task, FunctionTask)
    assert f"{task.module}:{task.attribute}" == text


def test_names_bound_by_a_walrus_are_local_to_one_item() -> None:
    """A name that one item binds is not seen by the next one."""
    function = parse_task("(y := x) and [y, 'y' in globals()]").load()
    assert function("a") == ["a", False]


# -- reading -----------------------------------------------------------------------------


def test_items_longer_than_a_block_are_whole(tmp_path: Path) -> None:
    """Items that are longer than a block are whole, as their neighbours are; the file is closed."""
    items = ["a", "b" * 3 * BLOCK, "", "c" * BLOCK, "d"]
    (tmp_path / "items").write_text("\n".join(items))
    source = from_files([str(tmp_path / "items")], b"\n")
    assert [item for block in source.blocks for item in block] == items
    assert not source.may_block


def test_windows_line_ends_are_line_ends_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On other systems, a carriage return belongs to the item."""
    (tmp_path / "items").write_bytes(b"a\r\nb\r\n")
    for linesep, items in ("\n", ["a\r", "b\r"]), ("\r\n", ["a", "b"]):
        monkeypatch.setattr("os.linesep", linesep)
        (block,) = from_files([str(tmp_path / "items")], b"\n").blocks
        assert block == items


class Delivered:
    """The blocks of a reader, until nobody wants more."""

    def __init__(self, blocks: Iterator[list[str]], *, most: int = sys.maxsize) -> None:
        self.blocks: list[list[str]] = []
        self.has_ended = False
        self._most = most
        self.reader = Reader(Source(blocks, may_block=False), self.take, self.end)
        self.reader.start()
        self.reader.join()

    def take(self, block: list[str]) -> None:
        """Take one."""
        if len(self.blocks) == self._most:
            raise RuntimeError("the feed is closed")
        self.blocks.append(block)

    def end(self) -> None:
        """Learn that this was all."""
        self.has_ended = True


def test_reading_ends_where_nobody_wants_more() -> None:
    """Endless input is given up, and closed."""
    closed: list[bool] = []

    def blocks() -> Iterator[list[str]]:
        try:
            for number in range(sys.maxsize):
                yield [str(number)]
        finally:
            closed.append(True)

    delivered = Delivered(blocks(), most=3)
    assert delivered.blocks == [["0"], ["1"], ["2"]]
    assert (delivered.has_ended, delivered.reader.error, closed) == (True, None, [True])


def test_a_read_that_fails_is_passed_on() -> None:
    """Behind the items before it."""

    def blocks() -> Iterator[list[str]]:
        yield ["a"]
        raise OSError(5, "Input/output error")

    delivered = Delivered(blocks())
    assert (delivered.blocks, delivered.has_ended) == ([["a"]], True)
    assert str(delivered.reader.error) == "[Errno 5] Input/output error"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_separator_may_lie_across_reads(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several bytes, whatever a read brings."""
    monkeypatch.setattr("interpexec.cli._items.BLOCK", size)
    (tmp_path / "items").write_bytes(b"a<>b<<>>c<>")
    source = from_files([str(tmp_path / "items")], b"<>")
    assert [item for block in source.blocks for item in block] == ["a", "b<", ">c"]


# -- records -------------------------------------------------------------------------


def test_rows_come_as_soon_as_they_are_whole() -> None:
    """A row that is not complete waits for the next block."""
    blocks = iter([["a,b", "1,2"], ['3,"x'], ['y"', "5,6"]])
    assert list(rows(blocks)) == [
        ['{"a": "1", "b": "2"}'],
        ['{"a": "3", "b": "x\\ny"}', '{"a": "5", "b": "6"}'],
    ]


def test_batches_are_filled_over_blocks() -> None:
    """The last one has what is left."""
    blocks = iter([["1", "2", "3"], ["4"], ["5"]])
    assert list(batches(blocks, 2)) == [['["1", "2"]'], ['["3", "4"]'], ['["5"]']]
