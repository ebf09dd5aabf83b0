"""The global names that code reads, found without running it, are those that `dis` finds."""

import dis
import importlib.util
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpexec._sharing.names_read import names_of

pytestmark = pytest.mark.fast


def _names_by_dis(code: CodeType) -> set[str]:
    instructions = [*dis.get_instructions(code)]
    stored: set[str] = set()
    found: set[str] = set()
    for each in instructions:
        if each.opname == "STORE_NAME":
            stored.add(each.argval)
        elif each.opname in {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL"} or (
            each.opname in {"LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"} and each.argval not in stored
        ):
            found.add(each.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names_by_dis(constant)
    return found


@pytest.mark.parametrize("name", ["argparse", "ast", "dataclasses", "enum", "inspect", "typing"])
def test_names_are_those_that_dis_finds(name: str) -> None:
    """In modules of the standard library, with hundreds of names and long jumps."""
    path = importlib.util.find_spec(name)
    assert path is not None
    assert path.origin is not None
    code = compile(Path(path.origin).read_text(), path.origin, "exec")
    assert names_of(code)[0] == _names_by_dis(code)


@given(count=st.integers(0, 700), wanted=st.integers(0, 700))
def test_names_beyond_the_256th(count: int, wanted: int) -> None:
    """Arguments of more than one byte."""
    others = "; ".join(f"x.a{n}" for n in range(count)) or "0"
    code = compile(f"def f(x):\n    {others}\n    return g{wanted}", "<test>", "exec")
    inner = next(each for each in code.co_consts if isinstance(each, CodeType))
    assert names_of(inner)[0] == {f"g{wanted}"}
