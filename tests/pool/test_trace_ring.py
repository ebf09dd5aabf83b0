"""The memory by which workers hand the lines of a trace to their pool."""

import pytest

from interpexec._worker import trace_ring

pytestmark = pytest.mark.fast


@pytest.fixture
def ring() -> trace_ring.Ring:
    """Return a small ring."""
    return trace_ring.Ring(memoryview(bytearray(512 + 100)))


def _lines(ring: trace_ring.Ring) -> bytes:
    return b"".join(bytes(part) for part in ring.read())


def test_a_ring_goes_round(ring: trace_ring.Ring) -> None:
    """Lines come out as they went in, also where one is at both ends of the memory."""
    for number in range(50):
        lines = [b"%d" % (10 * number + each) * 15 + b"\n" for each in range(2)]
        for line in lines:
            ring.write(line)
        assert _lines(ring) == b"".join(lines)
    assert ring.lost == 0
    for _ in range(5):
        ring.write(b"x" * 30)
    assert ring.lost == 2
    assert _lines(ring) == b"x" * 90


def test_short_calls_end_with_the_line_that_tells_of_them(ring: trace_ring.Ring) -> None:
    """Short calls are found once, whenever somebody reads."""
    assert ring.read_short() is None
    ring.begin_short(b'"f"')
    ring.write_short(3, 7, 100, 200, 50)
    assert ring.read_short() == (b'"f"', 3, 7, 100, 200, 50)
    ring.write(b"line")
    assert ring.read_short() is None
    assert _lines(ring) == b"line"
