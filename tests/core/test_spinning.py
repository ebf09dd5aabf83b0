"""How often is looked before one sleeps."""

import pytest

from interpexec._core import waiting
from interpexec._core.waiting import Spinner

pytestmark = pytest.mark.fast


class Looker:
    """Finds something at the look number `at`; counts the looks."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.looks = 0

    def __call__(self) -> object:
        self.looks += 1
        return "found" if self.looks == self.at else None


@pytest.mark.parametrize("at", [1, 2, 8])
def test_an_item_that_is_there_in_time_is_found_at_once(at: int) -> None:
    """The spinner stops polling when it has found something."""
    looker = Looker(at)
    assert Spinner(8).spin(looker) == "found"
    assert looker.looks == at


def test_in_vain_half_as_often_next_time() -> None:
    """Fewer looks each time, down to one: a late item is not waited for by looking."""
    spinner, looks = Spinner(8), []
    for _ in range(6):
        looker = Looker(0)
        assert spinner.spin(looker) is None
        looks.append(looker.looks)
    assert looks == [8, 4, 2, 1, 1, 1]


def test_all_looks_again_when_one_was_of_use() -> None:
    """However few there were before."""
    spinner = Spinner(8)
    for _ in range(5):
        spinner.spin(Looker(0))
    assert spinner.spin(Looker(1)) == "found"
    assert spinner.polls == 8


def test_all_looks_are_tried_again_now_and_then() -> None:
    """Else what was too late some times would be waited for in vain for ever."""
    spinner = Spinner(8)
    looks = []
    for _ in range(3 * waiting._RETRY):
        looks.append(spinner.polls)
        spinner.spin(Looker(0))
    assert [index for index, count in enumerate(looks) if count == 8] == [
        0,
        waiting._RETRY,
        2 * waiting._RETRY,
    ]


def test_nothing_that_is_found_is_falsey_to_it() -> None:
    """Only None is nothing."""
    assert Spinner(1).spin(lambda: 0) == 0
