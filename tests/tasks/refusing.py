"""Calls that import extension modules which no worker can load: of the standard library."""

import types


def import_(*names: str) -> list[str]:
    """Import modules; return those that could not be imported."""
    failed = []
    for name in names:
        try:
            __import__(name)
        except ImportError:
            failed.append(name)
    return failed


def use_missing() -> object:
    """Use a name that a package has only with its extension module."""
    package = types.ModuleType("readline.package")
    import_("readline")
    return package.CLoader


def import_missing() -> object:
    """Import such a name."""
    import_("readline")
    from refusing import CLoader  # type: ignore[attr-defined]  # it is missing

    return CLoader  # type: ignore[no-any-return]  # never


def raise_in_package() -> None:
    """Raise a NameError in the code of a package, as polars does."""
    import_("readline")
    exec("PySeries", {"__name__": "readline.series"})


def call_none() -> object:
    """Call what is None where there is no C code."""
    import_("readline")
    return eval("quick(1)", {"__name__": "readline.series", "quick": None})


class Unloaded:
    """Cannot be unpickled, as a part of a package is missing."""

    def __reduce__(self) -> tuple[object, ...]:
        return use_missing, ()
