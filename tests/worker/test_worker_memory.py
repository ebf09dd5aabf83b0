"""A worker keeps nothing that it has used up."""

import pytest

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast

_HELD = """[
    name
    for info in __import__("inspect").stack(0)
    for name, value in info.frame.f_locals.items()
    if type(value) is bytes and len(value) > 10**6
]"""


def test_the_pickled_call_of_the_initializer_is_dropped() -> None:
    """No frame of the worker holds it while calls run."""
    with InterpreterPoolExecutor(1, initializer=len, initargs=("x" * 2_000_000,)) as pool:
        assert pool.submit(eval, _HELD.replace("\n", " ")).result(TIME_LIMIT) == []
