"""Extension modules that could not be loaded here: they refuse subinterpreters. In the worker.

Many packages go on without such a module, slower or with parts missing, and say nothing. The first
import that is refused imports this file; workers without one never have it.
"""

import sys

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

REFUSAL = "does not support loading in subinterpreters"
"""The words of CPython."""

refused: dict[str, str] = {}
"""The names of the modules, and of those that imported them: "" where no module did."""

_OURS = "interpexec", "importlib", "_frozen_importlib", "_frozen_importlib_external"


def note(error: ImportError) -> "tuple[str, str] | None":
    """Remember a module; return its name, and that of the importer, if it is a new one."""
    text = str(error)
    if REFUSAL not in text:
        return None
    name = error.name or name_in(text)
    if name in refused:
        return None
    importer = refused[name] = _importer(sys._getframe(1))  # noqa: SLF001  # there is no public way
    return name, importer


def name_in(text: str) -> str:
    """Return the name of the module in the text of such an error."""
    return text.partition(REFUSAL)[0].split()[-1]


def _importer(frame: "FrameType | None") -> str:
    """Return the name of the module whose code imports something now."""
    while frame is not None and frame.f_back is not None:  # the last one has started the worker
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _OURS:
            return name
        frame = frame.f_back
    return ""


def told_by(error: BaseException) -> tuple[str, str, str] | None:
    """Return the module that is the likely reason of an error far from its refusal, or None.

    Its name, that of the importer, and the package that the error comes from: it misses a name.
    """
    if not refused or not _misses_something(error):
        return None
    packages = {each.partition(".")[0] for each in _origins(error)}
    for name, importer in refused.items():
        for each in (name, importer):
            package = each.partition(".")[0]
            if package in packages and package != "__main__":
                return name, importer, package
    return None


def _misses_something(error: BaseException) -> bool:
    if isinstance(error, TypeError):
        return "'NoneType'" in str(error)  # a function that is None where there is no C part
    return isinstance(error, (AttributeError, NameError, ImportError))


def _origins(error: BaseException) -> "set[str]":
    """Return the names of modules that an error is about, or was raised in."""
    obj = getattr(error, "obj", None)
    owner = obj if isinstance(obj, (type, type(sys))) else type(obj)
    found = [getattr(owner, "__module__", ""), getattr(obj, "__name__", "")]
    if isinstance(error, ImportError):
        found.append(error.name)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_next is None:
            found.append(trace.tb_frame.f_globals.get("__name__"))
        trace = trace.tb_next
    return {each for each in found if isinstance(each, str) and each}
