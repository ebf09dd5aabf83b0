"""Names of globals that code reads, found without running anything.

The standard library's `dis` says the same, in milliseconds. Here only the opcodes that have
to do with names are looked at.
"""

import opcode
from _operator import or_
from _weakref import ref
from functools import partial

from interpexec._core.sigint import unbroken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    type Names = tuple[frozenset[str], frozenset[str], frozenset[str]]
    """The globals; those that are set; all names, also those of attributes."""

_EXTENDED, _LOAD_GLOBAL = opcode.opmap["EXTENDED_ARG"], opcode.opmap["LOAD_GLOBAL"]
_LOAD_NAME, _STORE_NAME = opcode.opmap["LOAD_NAME"], opcode.opmap["STORE_NAME"]
_LOAD_FROM_DICT = opcode.opmap["LOAD_FROM_DICT_OR_GLOBALS"]
_SETTING = frozenset(opcode.opmap[name] for name in ("STORE_GLOBAL", "DELETE_GLOBAL"))

# By the id of a code object, which is not kept alive. (Its hash is that of its content.)
_known: "dict[int, tuple[ref[CodeType], Names]]" = {}


def names_of(code: "CodeType") -> "Names":
    """Return the names in code, and in functions and classes that are made in it."""
    known = _known.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    found, changed = _globals_of(code)
    names: Names = frozenset(found), frozenset(changed), frozenset(code.co_names)
    for constant in code.co_consts:
        if type(constant) is type(code):
            names = tuple(map(or_, names, names_of(constant)))  # of three
    _known[id(code)] = ref(code, partial(_forget, id(code))), names
    return names


@unbroken
def _forget(key: int, _: object) -> None:
    _known.pop(key, None)


def _globals_of(code: "CodeType") -> tuple[set[str], set[str]]:
    """Return the globals of this code alone, and those that it sets."""
    names, found, changed, own, extended = code.co_names, set(), set(), set(), 0
    instructions = code.co_code
    for operation, argument in zip(instructions[::2], instructions[1::2], strict=True):
        if operation == _EXTENDED:
            extended = (extended | argument) << 8
            continue
        argument |= extended  # noqa: PLW2901  # the whole of it
        extended = 0
        if operation == _LOAD_GLOBAL:
            found.add(names[argument >> 1])
        elif operation in _SETTING:
            found.add(names[argument])
            changed.add(names[argument])
        elif operation == _LOAD_FROM_DICT:
            found.add(names[argument])
        # The body of a class reads its own names as it reads global ones.
        elif operation == _STORE_NAME:
            own.add(names[argument])
        elif operation == _LOAD_NAME and names[argument] not in own:
            found.add(names[argument])
    return found, changed
