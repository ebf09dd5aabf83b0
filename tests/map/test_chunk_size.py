"""Sizes of calls, beside a model: how many items are sent at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpexec._map.chunk_size import BUDGET, LEAST, MOST, MOST_WEIGHT, TARGET, Sizer

pytestmark = pytest.mark.fast


MEASURES = st.tuples(st.integers(1, MOST), st.integers(0, 10**12), st.integers(0, 1 << 40))


@given(
    st.none() | st.integers(1, 2 * MOST),
    st.integers(1, MOST),
    st.lists(MEASURES, max_size=5),
    st.tuples(st.integers(0, 10**9), st.integers(1, 64), st.floats(0, 1e12)),
)
def test_a_size_is_within_its_bounds(
    fixed: int | None,
    most: int,
    measures: list[tuple[int, int, int]],
    asked: tuple[int, int, float],
) -> None:
    """At least one item; no more than fit, whatever was measured."""
    sizer = Sizer(fixed, most)
    for measure in measures:
        sizer.measured(*measure)
    size = sizer.size(*asked)
    assert 1 <= size <= min(most, fixed or MOST)
    assert fixed is not None or size == 1 or size * asked[2] <= MOST_WEIGHT


def test_nothing_known_is_one_item() -> None:
    """Of what was never measured, one item is a call."""
    assert Sizer(None, MOST).size(10**6, 2) == 1


@pytest.mark.parametrize("each", [100, 10_000, 100_000, TARGET // 2, TARGET, 10**9, 10**12])
def test_a_call_takes_as_long_as_it_should(each: int) -> None:
    """Once the size has grown; and one item is taken that takes longer by itself."""
    sizer = Sizer(None, MOST)
    for _ in range(10):
        size = sizer.size(10**9, 2)
        sizer.measured(size, size * each, 0)
    assert size == max(1, min(MOST, TARGET // each))


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_at_the_end_a_call_is_a_share_of_what_is_left(workers: int) -> None:
    """No worker has much left when the others have nothing; but no call is tiny."""
    sizer = Sizer(None, MOST)
    sizer.measured(MOST, MOST * 1000, 0)
    assert sizer.size(100 * workers, workers) == LEAST // 1000
    assert sizer.size(4000 * workers, workers) == 2000
    assert LEAST < TARGET < BUDGET


def test_a_few_items_are_no_measure_for_thousands() -> None:
    """From one size to the next it grows sixteenfold at most."""
    sizer = Sizer(None, MOST)
    sizes = []
    for _ in range(4):
        sizes.append(sizer.size(10**9, 2))
        sizer.measured(sizes[-1], 0, 0)
    assert sizes == [1, 16, 256, 4096]
