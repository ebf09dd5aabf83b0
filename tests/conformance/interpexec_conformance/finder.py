"""The start of every interpreter of the conformance environment.

`install()` is called by the environment's site-packages: in the process that
runs the tests, in the processes that the tests start, and in every worker
interpreter of those. It has to be cheap, so it imports nothing but the import
machinery; our class is loaded when somebody asks for it.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_HERE = __file__.rpartition("finder.py")[0]

# CPython 3.13 has neither of the two modules, and its `concurrent.futures` does
# not know the class.
_LACKS_THE_POOL = sys.version_info < (3, 14)

_SUBSTITUTES = {"concurrent.futures.interpreter": f"{_HERE}pool.py"}
if _LACKS_THE_POOL:
    _SUBSTITUTES["concurrent.interpreters"] = f"{_HERE}interpreters.py"


class SubstituteFinder:
    """Finds our modules under the standard library's names."""

    @staticmethod
    def find_spec(
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> ModuleSpec | None:
        """Return the spec of a substitute, or None for every other module."""
        if name in _SUBSTITUTES:
            return _spec(SourceFileLoader(name, _SUBSTITUTES[name]))
        if _LACKS_THE_POOL and name == "concurrent.futures":
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.origin is not None:
                spec.loader = _FuturesLoader(name, spec.origin)
            return spec
        return None


class _FuturesLoader(SourceFileLoader):
    """Loads 3.13's `concurrent.futures` and gives it 3.14's lazy name."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module, then let it resolve `InterpreterPoolExecutor`."""
        super().exec_module(module)
        try:
            import _interpreters  # noqa: F401  # as 3.14 does, and only there
        except ImportError:
            return
        name, otherwise = "InterpreterPoolExecutor", module.__getattr__

        def __getattr__(asked: str) -> object:  # noqa: N807  # it is a module's
            if asked != name:
                return otherwise(asked)
            return getattr(import_module("concurrent.futures.interpreter"), name)

        module.__getattr__ = __getattr__  # type: ignore[method-assign]
        module.__dict__["__all__"] += (name,)


def _spec(loader: SourceFileLoader) -> ModuleSpec:
    # Not importlib.util.spec_from_file_location(): that module imports threading.
    spec = ModuleSpec(loader.name, loader, origin=loader.path)
    spec.has_location = True
    return spec


def install() -> None:
    """Put the finder before all others, once per interpreter."""
    if SubstituteFinder not in sys.meta_path:
        sys.meta_path.insert(0, SubstituteFinder)


def installed() -> bool:
    """Return whether this interpreter sees our class instead of the stdlib's."""
    return SubstituteFinder in sys.meta_path
