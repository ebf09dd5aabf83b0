"""All ways to damage an interpreter, by name."""

from types import FunctionType, ModuleType

from damage import exceptions, hooks, imports, library, package, streams, threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _of(module: ModuleType) -> "dict[str, Callable[[], object]]":
    """Return the functions that a module defines, without its helpers."""
    return {
        name: way
        for name, way in vars(module).items()
        if isinstance(way, FunctionType)
        and way.__module__ == module.__name__
        and not name.startswith("_")
    }


WAYS = {
    name: way
    for module in (streams, imports, library, hooks, exceptions, threads, package)
    for name, way in _of(module).items()
}
