"""Settings of an interpreter that a worker takes over from the maker of its pool.

A new interpreter has the settings with which Python was started. Those that the program has
changed since then are sent to it with the rest of its setup:

    take()    on the caller's side, when a worker is started: what differs, or None
    apply()   in the worker, which imports this module only if something does

A filter of warnings may be about a class of a module that the worker has not imported, and has
patterns. Both are made in a form that costs nothing until a warning is given.
"""

import builtins
import os
import sys
from _functools import partial

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Pattern

    type Text = str | tuple[str, int] | None
    """A text that must be the same, or the pattern and the flags of a regular expression."""

    type Filter = tuple[str, Text, str, Text, int]
    """Action, message, the full name of the category, module, line."""

_USUAL_LIMIT = 1000  # of the recursion, in every new interpreter


class Inherited:
    """The settings that a worker is to take over. Unpickling them does so."""

    def __init__(self, settings: dict[str, object]) -> None:
        self._settings = settings

    def __reduce__(self) -> "tuple[object, ...]":
        return apply, (self._settings,)


def take() -> Inherited | None:
    """Return the settings that the program has changed, or None."""
    settings: dict[str, object] = {}
    flags, prefix = sys.flags, sys._xoptions.get("pycache_prefix")  # noqa: SLF001  # documented
    if sys.getrecursionlimit() > _USUAL_LIMIT:
        settings["recursion limit"] = sys.getrecursionlimit()
    if sys.get_int_max_str_digits() != flags.int_max_str_digits:
        settings["digits"] = sys.get_int_max_str_digits()
    if sys.dont_write_bytecode != bool(flags.dont_write_bytecode):
        settings["dont_write_bytecode"] = sys.dont_write_bytecode
    if sys.pycache_prefix != (prefix or os.environ.get("PYTHONPYCACHEPREFIX")):
        settings["pycache_prefix"] = sys.pycache_prefix
    if (filters := _changed_filters()) is not None:
        settings["filters"] = filters
    return Inherited(settings) if settings else None


def apply(settings: dict[str, object]) -> None:
    """Take the settings over."""
    for name, value in settings.items():
        _STEPS[name](value)


# -- filters of warnings ------------------------------------------------------------------

_DEPRECATED = "builtins.DeprecationWarning"
_USUAL: "list[Filter]" = [
    ("default", None, _DEPRECATED, "__main__", 0),
    ("ignore", None, _DEPRECATED, None, 0),
    ("ignore", None, "builtins.PendingDeprecationWarning", None, 0),
    ("ignore", None, "builtins.ImportWarning", None, 0),
    ("ignore", None, "builtins.ResourceWarning", None, 0),
]
"""The filters of an interpreter that was started without options. A debug build has none."""


def _changed_filters() -> "list[Filter] | None":
    """Return the filters; None where they are the usual ones."""
    warnings = sys.modules.get("warnings")
    if warnings is None:  # nobody can have changed them
        return None
    try:
        filters = [_sendable(*each) for each in [*warnings.filters]]
    except Exception:  # somebody has put something else there
        return None
    usual = [] if hasattr(sys, "gettotalrefcount") else _USUAL
    return None if filters == usual else filters


def _sendable(
    action: str,
    message: "Pattern[str] | _Pattern | str | None",
    category: "type[Warning] | _Category",
    module: "Pattern[str] | _Pattern | str | None",
    line: int,
) -> "Filter":
    return action, _text(message), _full_name(category), _text(module), line


def _text(text: "Pattern[str] | _Pattern | str | None") -> "Text":
    return text if text is None or isinstance(text, str) else (text.pattern, text.flags)


def _full_name(category: "type | _Category") -> str:
    return f"{category.__module__}.{category.__qualname__}"


def _set_filters(filters: "list[Filter]") -> None:
    import _warnings  # which has the list, as long as `warnings` is not imported

    if sys.warnoptions:
        import warnings  # noqa: F401  # it adds the filters of the options, when it is imported
    ours = getattr(sys.modules.get("warnings"), "filters", _warnings.filters)
    ours[:] = [
        (action, _matcher(message), _category(category), _matcher(module), line)
        for action, message, category, module, line in filters
    ]


def _matcher(text: "Text") -> "_Pattern | str | None":
    return _Pattern(*text) if isinstance(text, tuple) else text


def _category(name: str) -> "type | _Category":
    module, _, qualname = name.rpartition(".")
    found = getattr(builtins, qualname, None) if module == "builtins" else None
    return found if isinstance(found, type) else _Category(module, qualname)


class _Pattern:
    """A pattern that is compiled when it is first looked for: to import `re` takes 5 ms."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern, self.flags = pattern, flags
        self._match: Callable[[str], object] | None = None

    def match(self, text: str) -> object:
        """Say whether a text begins with it."""
        if self._match is None:
            import re  # see the class

            self._match = re.compile(self.pattern, self.flags).match
        return self._match(text)


class _Category:
    """Stands for a class of warnings, in `issubclass`, without importing its module."""

    def __init__(self, module: str, qualname: str) -> None:
        self.__module__, self.__qualname__ = module, qualname

    def __subclasscheck__(self, cls: type) -> bool:
        return any(_full_name(base) == _full_name(self) for base in cls.__mro__)


_STEPS: "dict[str, Callable[..., None]]" = {
    "recursion limit": sys.setrecursionlimit,
    "digits": sys.set_int_max_str_digits,
    "dont_write_bytecode": partial(setattr, sys, "dont_write_bytecode"),
    "pycache_prefix": partial(setattr, sys, "pycache_prefix"),
    "filters": _set_filters,
}
