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
    from collections.abc import Iterator
    from types import CodeType

    type Names = tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str]]
    """The globals; those that are set; all names, also those of attributes; modules that are
    imported, with a dot before them for each level, and what is taken of each: `module:name`."""

_EXTENDED, _LOAD_GLOBAL = opcode.opmap["EXTENDED_ARG"], opcode.opmap["LOAD_GLOBAL"]
_LOAD_NAME, _STORE_NAME = opcode.opmap["LOAD_NAME"], opcode.opmap["STORE_NAME"]
_LOAD_FROM_DICT = opcode.opmap["LOAD_FROM_DICT_OR_GLOBALS"]
_IMPORT, _SMALL = opcode.opmap["IMPORT_NAME"], opcode.opmap.get("LOAD_SMALL_INT")
_LOAD_CONST = opcode.opmap["LOAD_CONST"]
_SETTING = frozenset(opcode.opmap[name] for name in ("STORE_GLOBAL", "DELETE_GLOBAL"))

# By the id of a code object, which is not kept alive. (Its hash is that of its content.)
_known: "dict[int, tuple[ref[CodeType], Names]]" = {}


def names_of(code: "CodeType") -> "Names":
    """Return the names in code, and in functions and classes that are made in it."""
    known = _known.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    found, changed = _globals_of(code)
    imported = _imports_of(code) if _IMPORT in code.co_code[::2] else ()
    names: Names = (
        *(frozenset(found), frozenset(changed), frozenset(code.co_names)),
        frozenset(imported),
    )
    for constant in code.co_consts:
        if type(constant) is type(code):
            names = tuple(map(or_, names, names_of(constant)))  # of four
    _known[id(code)] = ref(code, partial(_forget, id(code))), names
    return names


@unbroken
def _forget(key: int, _: object) -> None:
    _known.pop(key, None)


def _instructions_of(code: "CodeType") -> "Iterator[tuple[int, int]]":
    """Yield the operations of this code alone, each with the whole of its argument."""
    instructions, extended = code.co_code, 0
    for operation, argument in zip(instructions[::2], instructions[1::2], strict=True):
        if operation == _EXTENDED:
            extended = (extended | argument) << 8
        else:
            yield operation, argument | extended
            extended = 0


def _globals_of(code: "CodeType") -> tuple[set[str], set[str]]:
    """Return the globals of this code alone, and those that it sets."""
    names, found, changed, own = code.co_names, set(), set(), set()
    for operation, argument in _instructions_of(code):
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


def _imports_of(code: "CodeType") -> "Iterator[str]":
    """Yield the modules that this code alone imports."""
    names, last = code.co_names, [(0, 0), (0, 0)]
    for operation, argument in _instructions_of(code):
        if operation == _IMPORT:
            kind, level = last[0]
            if kind != _SMALL:
                level = code.co_consts[level]
            name = "." * level + names[argument >> _SHIFT]
            yield name
            listed = code.co_consts[last[1][1]] if last[1][0] == _LOAD_CONST else None
            yield from (f"{name}:{each}" for each in listed or ())
        last = [last[1], (operation, argument)]


def _shift() -> int:
    """Return how many bits behind the number of a name say how it is imported: none, up to 3.14."""
    code = compile("import a, b", "", "exec").co_code
    places = (index for index in range(0, len(code), 2) if code[index] == _IMPORT)
    _, second = (code[index + 1] for index in places)
    return second.bit_length() - 1


_SHIFT = _shift()
