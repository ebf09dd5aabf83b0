"""The states of a call: the table is what the future obeys, move by move."""

from collections.abc import Callable
from itertools import product

import pytest

from interpexec._pool.call_states import CANCELLED, ENDS, FINISHED, PENDING, RUNNING, TRANSITIONS
from interpexec._pool.future import CallFuture

pytestmark = pytest.mark.fast

# How a call gets to each state, from PENDING, by legal moves.
WAYS: dict[str, list[Callable[[CallFuture[object]], object]]] = {
    PENDING: [],
    RUNNING: [CallFuture._mark_sent],
    FINISHED: [CallFuture._mark_sent, CallFuture._finish],
    CANCELLED: [CallFuture.cancel],
}

# The moves of the scheduler and of the user that bring a call to each state.
MOVES: list[tuple[str, Callable[[CallFuture[object]], object]]] = [
    (RUNNING, CallFuture._mark_sent),
    (PENDING, CallFuture._mark_recalled),
    (FINISHED, CallFuture._finish),
    (FINISHED, lambda future: future._finish(error=OSError())),
    (CANCELLED, CallFuture._cancel_without_callbacks),
]


def in_state(state: str) -> CallFuture[object]:
    """Return a call that is in a state."""
    future: CallFuture[object] = CallFuture(1, None, None)
    for move in WAYS[state]:
        move(future)
    assert future._state is state
    return future


@pytest.mark.parametrize(("state", "move"), list(product(TRANSITIONS, MOVES)))
def test_a_call_moves_as_the_table_says(
    state: str, move: tuple[str, Callable[[CallFuture[object]], object]]
) -> None:
    """A legal move is made, and says so; an illegal one changes nothing, and says so."""
    target, act = move
    future = in_state(state)
    result, error = future._result, future._exception
    is_legal = target in TRANSITIONS[state]
    assert act(future) is is_legal
    assert future._state is (target if is_legal else state)
    if not is_legal:
        assert (future._result, future._exception) == (result, error)


def test_only_the_ends_are_done() -> None:
    """A call is done in a state that no other one follows, and only there."""
    assert (
        {state for state in TRANSITIONS if in_state(state).done()} == ENDS == {FINISHED, CANCELLED}
    )


def test_every_state_can_be_reached() -> None:
    """No state stands in the table for nothing."""
    assert {state for following in TRANSITIONS.values() for state in following} == {*TRANSITIONS}


def test_callbacks_and_waiters_learn_of_the_ends_alone() -> None:
    """Between PENDING and RUNNING nobody is told anything."""
    future = in_state(PENDING)
    told: list[object] = []
    future.add_done_callback(told.append)
    for move in (CallFuture._mark_sent, CallFuture._mark_recalled, CallFuture._mark_sent):
        assert move(future)
        assert not told
    assert future._finish(3)
    assert told == [future]
