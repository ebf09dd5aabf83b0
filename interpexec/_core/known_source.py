"""The source that `linecache` has of code, also of code that is in no file.

Python registers what was typed at a prompt, or given with `-c`; notebooks, doctests and makers of
code do so themselves. 3.13.0 has it by the name of the file, later versions have that of a prompt
and a command by the code: their names say too little.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

    type Key = tuple[str, str, int]
    """The file of some code, its qualified name, and its first line."""


_SimpleNamespace: "Any" = type(sys.implementation)  # `types` is dear for a worker


def key_of(code: "CodeType") -> "Key":
    """Return that by which source is found."""
    return code.co_filename, code.co_qualname, code.co_firstlineno


def lines_of(key: "Key", globals_: "dict[str, Any] | None") -> tuple[list[str], bool]:
    """Return the lines, none if they are not known; and whether they are that of one code only.

    globals_: those of the code's module, whose loader has the source of a module in an archive.
    """
    import linecache  # it is wanted by few

    filename, qualname, first = key
    lines = linecache.getlines(filename, globals_)
    by_code = getattr(linecache, "_getlines_from_code", None)
    if lines or by_code is None:
        return lines, False
    code = _SimpleNamespace(co_filename=filename, co_qualname=qualname, co_firstlineno=first)
    return by_code(code), True


def lines_here(key: "Key") -> list[str]:
    """Return the lines of some code of any module here."""
    filename, _, _ = key
    of_file = (vars(each) for each in [*sys.modules.values()] if _file_of(each) == filename)
    return lines_of(key, next(of_file, None))[0]


def _file_of(module: object) -> object:
    return getattr(module, "__dict__", {}).get("__file__")


def file_of(origin: "tuple[str, str] | None") -> str | None:
    """Return the file of a program, for `inspect`: without it there is no source of a class.

    Others do not get it in a worker: `multiprocessing` would run the program in its children.
    origin: as of `main_module.describe`.
    """
    kind, which = origin or ("", "")
    if kind == "path":
        return which
    if kind != "module":
        return None
    from importlib.util import find_spec  # of what few call

    spec = find_spec(which)
    return None if spec is None else spec.origin


def register(linecache: "ModuleType", code: "CodeType | str", text: str) -> None:
    """Let `linecache` have the source of some code and all that is in it; or of a file."""
    if isinstance(code, str):
        lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")]
        linecache.cache[code] = len(text), None, lines, code
    else:
        linecache._register_code(code, text, code.co_filename)  # noqa: SLF001  # there is no public way
