"""Everything at once, by a seed, in a process of its own: a crash is a failed test."""

import pytest

from programs import TESTS, output
from repetitions import CHAOS


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 8])
def test_every_call_ends_in_all_the_chaos(seed: int) -> None:
    """Submitting, failing, cancelling, chaining, mapping, dropping, shutting down: see `chaos`."""
    done = output(TESTS / "stress" / "chaos.py", seed, CHAOS, environment={"PYTHONWARNINGS": ""})
    assert done == "well\n"


@pytest.mark.slow
def test_channels_are_used_while_interpreters_come_and_go() -> None:
    """A thread that sends waits for something, with the mutex of all channels, without the GIL."""
    assert output(TESTS / "stress" / "crossroads.py", 25) == "well\n"
