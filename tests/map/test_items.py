"""Items of a map, beside a list: they are cut and joined, plain or pickled."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpexec._map.items import Items, packed

pytestmark = pytest.mark.fast


PLAIN = st.integers() | st.text(max_size=3) | st.none()
RUNS = st.lists(PLAIN, max_size=8) | st.lists(st.lists(PLAIN, max_size=2), max_size=8)
STEPS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=6)


def _values(items: Items) -> list[object]:
    """Return what a worker would call a function of one argument with."""
    columns, failures = items.sendable()
    assert not failures
    if not items.are_pickled:
        return columns[0]
    return [call[1][0] for call in map(pickle.loads, columns[0])]


@pytest.mark.slow
@given(st.lists(RUNS, min_size=1, max_size=4), STEPS)
@settings(deadline=None)
def test_items_are_cut_and_joined_as_lists_are(
    runs: list[list[object]], steps: list[tuple[int, bool]]
) -> None:
    """Whether they are plain or pickled, and whatever was cut off before."""
    items, model = packed([list(runs[0])]), list(runs[0])
    for run in runs[1:]:
        more = packed([list(run)])
        if steps and steps[0][1]:
            if items.extend(more):
                model += run
        else:
            items.join(more)
            model += run
    for count, is_cut in steps:
        assert len(items) == len(model)
        assert _values(items.after(count)) == model[count:]
        if is_cut:
            assert _values(items.cut(count)) == model[:count]
            del model[:count]
    assert _values(items) == model
    assert bool(items) == bool(model)
