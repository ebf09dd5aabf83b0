"""Definitions of unusual kinds answer in a worker as here, and come back as themselves."""

import sys
from types import ModuleType

import pytest

from cells import Pool, result, run
from unusual_classes import CLASSES
from unusual_functions import FUNCTIONS, LATER

pytestmark = pytest.mark.fast

CASES = CLASSES | FUNCTIONS
CASES |= {name: text for name, (since, text) in LATER.items() if sys.version_info >= since}


@pytest.mark.parametrize("name", CASES)
def test_a_definition(pool: Pool, program: ModuleType, name: str) -> None:
    """The answer of its functions is that of the caller's side, in the first call and the next."""
    run(program, CASES[name])
    there = result(pool, program.answer)
    run(program, "again = lambda: answer()")
    result(pool, program.again)
    assert repr(there) == repr(program.answer())


@pytest.mark.parametrize("name", CASES)
def test_definitions_come_back(pool: Pool, program: ModuleType, name: str) -> None:
    """Each function and class is itself, after a way there and back."""
    run(program, f"{CASES[name]}\ndef same(value): return value")
    for value in [*vars(program).values()]:
        if isinstance(value, type | type(run)) and value.__module__ == "__main__":
            assert result(pool, program.same, value) is value
