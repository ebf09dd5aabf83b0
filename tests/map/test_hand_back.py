"""Items of a map that are handed back by the thread that runs them, beside a model; its races."""

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpexec._core import cancellation
from interpexec._core.cancellation import Interruptible
from interpexec._map import hand_back
from interpexec._map.hand_back import Remaining

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.fast


class Shared(deque[object]):
    """Items that the running thread takes in between the steps of the thread that cuts them off."""

    def __init__(self, items: list[object], between: tuple[int, int, int]) -> None:
        super().__init__(items)
        self._between = list(between)
        self.taken: list[object] = []
        self._is_over = False

    def run(self, count: int) -> None:
        """Take so many items, as the running thread does: to the end, and no further."""
        for _ in range(count):
            if self._is_over:
                return
            item = self.popleft()
            if item is hand_back._END:
                self._is_over = True
            else:
                self.taken.append(item)

    def rotate(self, n: int = 1) -> None:
        """Do it, with the running thread at work before and after."""
        self.run(self._between.pop(0))
        super().rotate(n)
        self.run(self._between.pop(0))

    def copy(self) -> Any:
        """Do it, with the running thread at work after that."""
        copied = deque(self)
        self.run(self._between.pop(0))
        return copied


AT_WORK = st.integers(0, 7)


@given(st.integers(0, 5), AT_WORK, st.tuples(AT_WORK, AT_WORK, AT_WORK))
def test_each_item_is_either_run_or_handed_back(
    count: int, before: int, between: tuple[int, int, int]
) -> None:
    """Wherever the running thread is when the rest is cut off: none twice, none never."""
    items = Shared([*range(count)], between)
    remaining = Remaining(items)
    items.run(before)
    handed_back = remaining.cut_off()
    items.run(count + 1)
    assert items.taken == [*range(count - handed_back)]
    assert remaining.cut_off() == 0


@given(st.integers(0, 5))
def test_one_item_is_kept_where_none_was_begun(count: int) -> None:
    """Else a call would be handed round and never get on."""
    items = Shared([*range(count)], (0, 0, 0))
    assert Remaining(items).cut_off(keep_first=True) == max(count - 1, 0)
    items.run(count + 1)
    assert items.taken == [0][:count]


class Asked:
    """The thread that runs calls of ten items, and the helper's answers."""

    def __init__(self) -> None:
        self.thread = Interruptible(None)
        self.answers: list[tuple[int, int]] = []
        self.thread.answer = lambda ask, count, _: self.answers.append((ask, count))

    def begin(self, call_id: int) -> None:
        """Begin a call of ten items."""
        self.thread.arm(call_id)
        self.thread.begin_items(Remaining(deque(range(10))))

    def end(self) -> None:
        """End it."""
        self.thread.disarm()
        self.thread.answer_asks()


def test_a_call_is_asked_before_it_runs_and_after() -> None:
    """Every ask is answered once; of a call that is over, or not there, nothing is taken."""
    asked = Asked()
    asked.thread.ask_for_items(5, 1)
    assert asked.answers == [(1, 0)]
    asked.thread.arm(5)
    asked.thread.ask_for_items(5, 2)  # its items are still being unpickled
    asked.thread.begin_items(Remaining(deque(range(10))))
    assert asked.answers.pop() == (2, 9)
    asked.thread.ask_for_items(5, 3)
    assert asked.answers.pop() == (3, 0)
    asked.end()
    asked.thread.arm(6)
    asked.thread.ask_for_items(6, 4)
    asked.end()  # it had no items
    assert asked.answers == [(1, 0), (4, 0)]
    asked.begin(7)
    asked.thread.ask_for_items(7, 5)
    assert asked.answers.pop() == (5, 10)


class Treacherous(deque[int]):
    """The asks; the running thread does something just before, or after, one is taken."""

    def __init__(self, steps: "list[Callable[[], None]]") -> None:
        super().__init__()
        self.before, self.after = steps

    def append(self, ask: int, /) -> None:
        super().append(ask)
        self._do("before")

    def popleft(self) -> int:
        ask = super().popleft()
        self._do("after")
        return ask

    def _do(self, when: str) -> None:
        step = getattr(self, when)
        setattr(self, when, lambda: None)
        step()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("reaches", ["armed", "begun"])
def test_no_other_call_is_cut(when: str, reaches: str) -> None:
    """The call that was asked ends, and the next one begins, while the helper looks at it.

    1. The helper has found that the call runs.
    2. The running thread ends it, and begins the next one.
    3. The helper cuts: the items of the first one, of which none is left.
    """
    asked = Asked()

    def go_on() -> None:
        asked.end()
        if reaches == "armed":
            asked.thread.arm(6)
        else:
            asked.begin(6)

    def nothing() -> None:
        pass

    asked.begin(5)
    assert isinstance(asked.thread._items, Remaining)
    asked.thread._items._items.clear()  # the last item is being run; the end was taken
    asked.thread._asks = Treacherous([go_on, nothing] if when == "before" else [nothing, go_on])
    asked.thread.ask_for_items(5, 1)
    assert asked.answers == [(1, 0)]
    if reaches == "begun":
        asked.thread.ask_for_items(6, 2)
        assert asked.answers == [(1, 0), (2, 10)]


def test_to_be_stopped_and_asked_hands_nothing_back_twice() -> None:
    """A call that was stopped has no items to hand back."""
    asked = Asked()
    asked.begin(5)
    asked.thread.interrupt(5)
    asked.thread.ask_for_items(5, 1)
    assert asked.answers == [(1, 0)]
    assert cancellation._pop(asked.thread._asks) is None
