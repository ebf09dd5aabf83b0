"""`shield()` and `cancelled()`: a call's shield for functions that know of no call."""

import pytest

import shielded
from interpexec import cancelled, shield
from stops import TIME_LIMIT, Pipe, pool_of


def test_a_function_shields_without_asking_for_the_task(begun: Pipe, told: Pipe) -> None:
    """`shield()` and `cancelled()` do inside a call what its task does."""
    with pool_of(1) as pool:
        future = pool.submit(shielded.poll_by_functions, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(2) == b"uc"
    assert told.rest() == b""


def test_a_function_that_shields_runs_outside_of_calls_too() -> None:
    """In the main interpreter, in a call's own threads, and in the call."""
    assert shielded.shield_anywhere(1) == 1
    assert shielded.shield_in_thread(2) == 2
    with pool_of(1) as pool:
        assert pool.submit(shielded.shield_anywhere, 3).result(TIME_LIMIT) == 3
        assert pool.submit(shielded.shield_in_thread, 4).result(TIME_LIMIT) == 4
    with pytest.raises(KeyError), shield():
        raise KeyError
    assert not cancelled()
