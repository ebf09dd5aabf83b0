"""The ladder of ways to pickle: which step takes an object, for which receiver."""

import os
import pickle
import threading
from pathlib import Path

import pytest

from interpexec import NotShareableError
from interpexec._sharing import pickle_opcodes, unpickling
from interpexec._sharing.package import LARGE, Package
from interpexec._sharing.pickling import CALLS, MESSAGES, RESULTS, Ladder
from interpexec.sharing import Handle

pytestmark = pytest.mark.fast

LADDERS = [CALLS, RESULTS, MESSAGES]


class Leaving:
    """Ends the program when it is pickled."""

    def __reduce__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("obj", [[1, "a", b"b"], {"key": (1.5, None)}, os.path.join, Path("a")])
def test_names_and_data_go_by_pickle(ladder: Ladder, obj: object) -> None:
    """The result is bytes alone, and pickle itself can load them."""
    assert pickle.loads(ladder.pack(obj)) == obj  # type: ignore[arg-type]


@pytest.mark.parametrize("ladder", LADDERS)
def test_functions_without_a_name_go_by_value(ladder: Ladder) -> None:
    """A lambda is sent by value, also inside of another object."""
    (function,) = unpickling.loads(ladder.pack([lambda number: number + 1]))
    assert function(1) == 2


@pytest.mark.parametrize("ladder", LADDERS)
def test_the_part_that_cannot_be_sent_is_named(ladder: Ladder) -> None:
    """With its path, and the receiver's name for the whole."""
    with pytest.raises(NotShareableError, match=r"^the whole\['part'\]\[1\] cannot be sent"):
        ladder.pack_or_explain({"part": [1, lock]}, "the whole")


def test_only_a_result_goes_on_after_what_is_no_exception() -> None:
    """SystemExit from a user's class: in a worker it is about the result, else about the thread."""
    with pytest.raises(NotShareableError, match="the result"):
        RESULTS.pack_or_explain(Leaving(), "the result")
    for ladder in (CALLS, MESSAGES):
        with pytest.raises(SystemExit):
            ladder.pack_or_explain(Leaving(), "the object")


def test_memory_is_lent_to_calls_only() -> None:
    """Views and large bytes are out-of-band data, as far as the receiver can have any."""
    large = bytes(LARGE)
    call, result, message = (each.pack([large]) for each in LADDERS)
    assert isinstance(call, Package)
    assert isinstance(result, Package)
    assert call.buffers == result.buffers == [large]
    assert isinstance(message, bytes)
    view = CALLS.pack(memoryview(large))
    assert isinstance(view, Package)
    assert view.views
    copied = RESULTS.pack(memoryview(large))
    assert isinstance(copied, Package)
    assert not copied.views


def test_a_package_in_an_object_that_cannot_be_sent_keeps_its_own() -> None:
    """The package can be sent again, or unpacked, with the descriptors that it had."""
    with Path(os.devnull).open("rb") as file, Handle(file) as handle:
        package = CALLS.pack(handle)
    assert isinstance(package, Package)
    with pytest.raises(TypeError):
        CALLS.pack([package, lock])
    with unpickling.loads(package) as again:
        assert os.fstat(again.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


lock = threading.Lock()
"""Not to be sent by any step."""


class Parts(list[bytes]):
    """The parts of a pickle, as a pickler writes them."""

    def write(self, part: bytes) -> None:
        """Take one."""
        self.append(bytes(part))


@pytest.mark.parametrize("most", [0, 1, 2, 8])
@pytest.mark.parametrize(
    "obj",
    [
        bytes(LARGE),
        [b"a" * LARGE, "between", b"b" * (LARGE + 1), {"in": b"c" * 10**6}],
        [b"a" * (LARGE - 1), bytearray(LARGE), "d" * LARGE],
        list(range(100_000)),
    ],
    ids=["one", "three", "none", "frames"],
)
def test_large_bytes_are_taken_out_of_a_pickle(obj: object, most: int) -> None:
    """The unpickler puts them back; nothing else is taken out, and not more than so many."""
    parts = Parts()
    pickle.Pickler(parts, 5).dump(obj)
    payload, buffers = pickle_opcodes.take_out(parts, most)
    assert len(buffers) <= most
    assert all(len(each) >= LARGE for each in buffers)
    assert pickle.loads(payload, buffers=buffers) == obj
    if isinstance(obj, bytes):
        assert buffers == [obj][:most]
