"""The parts of `interpexec map`, each by itself: names, sizes, order, reading."""

import sys
from collections.abc import Generator
from pathlib import Path
from queue import SimpleQueue

import pytest

from interpexec.cli import _order
from interpexec.cli._backlog import Backlog
from interpexec.cli._evaluate import Failure, Reply
from interpexec.cli._items import AHEAD, BLOCK, EndOfItems, Reader, Source, from_file
from interpexec.cli._order import InItemOrder
from interpexec.cli._pace import GROWTH, LARGEST, TARGET, Pace
from interpexec.cli._parse import parse_task
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


# -- the size of chunks ----------------------------------------------------------------


def test_chunks_of_fast_items_grow_and_of_slow_ones_shrink() -> None:
    """From one item, at most fourfold a step; down at once."""
    pace = Pace(workers=1)
    sizes = []
    for _ in range(12):
        sizes.append(pace.next_size(10**6))
        pace.record(sizes[-1], sizes[-1] * 1e-6)
    assert sizes[:4] == [1, GROWTH, GROWTH**2, GROWTH**3]
    assert sizes[-1] == LARGEST
    pace.record(100, 100 * TARGET / 10)
    assert pace.next_size(10**6) == 10
    pace.record(1, 5.0)
    assert pace.next_size(10**6) == 1


def test_an_immeasurably_fast_chunk_is_no_error() -> None:
    """A clock may stand still for a while."""
    pace = Pace(workers=1)
    pace.record(1, 0.0)
    assert pace.next_size(100) == GROWTH


def test_waiting_items_are_shared_among_the_workers() -> None:
    """A few items are sent one by one, and many not all to the first worker."""
    pace = Pace(workers=4)
    for _ in range(10):
        pace.record(100, 1e-6)
    assert [pace.next_size(waiting) for waiting in (0, 1, 16, 17, 1600)] == [0, 1, 1, 2, 100]


# -- items that wait --------------------------------------------------------------------


def test_the_backlog_serves_first_what_came_back() -> None:
    """In the order of the items; and it tells when a block is used up."""
    used_up: list[int] = []
    backlog = Backlog(lambda: used_up.append(1))
    backlog.add(["a", "b", "c"])
    backlog.add(["d", "e"])
    first, second = backlog.take(2), backlog.take(2)
    assert (first.start, first.items, second.start, second.items) == (0, ["a", "b"], 2, ["c", "d"])
    assert (len(used_up), len(backlog)) == (1, 1)
    backlog.give_back(second.after(1))
    backlog.give_back(first)
    chunks = [backlog.take(1) for _ in range(4)]
    assert [(chunk.start, chunk.items) for chunk in chunks] == [
        (0, ["a"]),
        (1, ["b"]),
        (3, ["d"]),
        (4, ["e"]),
    ]
    assert (len(used_up), len(backlog)) == (2, 0)


# -- order ------------------------------------------------------------------------------


def test_replies_are_held_until_it_is_their_turn() -> None:
    """All sizes of chunks give the same."""
    order = InItemOrder()
    a, b, c = (Reply(done, b"", []) for done in (1, 2, 3))
    assert order.add(3, c) == []
    assert order.add(1, b) == []
    assert order.add(0, a) == [(0, a), (1, b), (3, c)]


def test_held_replies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by size, failures included; room comes back."""
    monkeypatch.setattr(_order, "MOST_REPLIES", 2)
    monkeypatch.setattr(_order, "MOST_BYTES", 100)
    for held in Reply(1, b"x" * 100, []), Reply(1, b"", [Failure(0, "", "x" * 100)]):
        order = InItemOrder()
        order.add(1, held)
        assert not order.has_room()
        order.add(0, Reply(1, b"", []))
        assert order.has_room()
    order = InItemOrder()
    order.add(2, Reply(1, b"", []))
    assert order.has_room()
    order.add(1, Reply(1, b"", []))
    assert not order.has_room()


# -- reading -----------------------------------------------------------------------------


def test_reading_ahead_is_bounded() -> None:
    """On endless input, a block is read only when one has been used up."""
    allowed = AHEAD

    def blocks() -> Generator[list[str]]:
        for number in range(sys.maxsize):
            assert number < allowed, "read too far"
            yield [str(number)]

    delivered: SimpleQueue[list[str] | EndOfItems] = SimpleQueue()
    reader = Reader(Source(blocks(), may_block=False), delivered.put)
    reader.start()
    for number in range(1000):
        assert delivered.get(timeout=30) == [str(number)]
        allowed += 1
        reader.used_up()
    reader.stop()


def test_items_longer_than_a_block_are_whole(tmp_path: Path) -> None:
    """Items that are longer than a block are whole, as their neighbours are; the file is closed."""
    items = ["a", "b" * 3 * BLOCK, "", "c" * BLOCK, "d"]
    (tmp_path / "items").write_text("\n".join(items))
    source = from_file(str(tmp_path / "items"), b"\n")
    assert [item for block in source.blocks for item in block] == items
    assert not source.may_block


def test_windows_line_ends_are_line_ends_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On other systems, a carriage return belongs to the item."""
    (tmp_path / "items").write_bytes(b"a\r\nb\r\n")
    for linesep, items in ("\n", ["a\r", "b\r"]), ("\r\n", ["a", "b"]):
        monkeypatch.setattr("os.linesep", linesep)
        (block,) = from_file(str(tmp_path / "items"), b"\n").blocks
        assert block == items


def test_a_read_that_fails_is_passed_on() -> None:
    """As the end of the items, with the error."""

    def blocks() -> Generator[list[str]]:
        yield ["a"]
        raise OSError(5, "Input/output error")

    delivered: SimpleQueue[list[str] | EndOfItems] = SimpleQueue()
    reader = Reader(Source(blocks(), may_block=False), delivered.put)
    reader.start()
    assert delivered.get(timeout=30) == ["a"]
    end = delivered.get(timeout=30)
    assert isinstance(end, EndOfItems)
    assert str(end.error) == "[Errno 5] Input/output error"
    reader.stop()
