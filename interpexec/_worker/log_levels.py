"""The levels of a worker's loggers: those of the caller's.

`logging` is imported when levels are set, and not with this module: importing that has the records
forwarded (`forwarding`).
"""

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    type Levels = tuple[dict[str, int], int]
    """The levels of loggers that have one, by name; and that of `logging.disable`."""

_applied: "list[Any]" = [-1, frozenset()]
"""The version of the levels that were set last, and the names of the loggers that have one."""


def with_levels(
    fn: "Callable[..., object]", version: int, levels: "Levels"
) -> "Callable[..., object]":
    """Return a function, before whose call the levels are set. By the unpickling of a call."""
    apply(version, levels)
    return fn


def apply(version: int, levels: "Levels") -> None:
    """Set the levels, if they are newer than those that were set before."""
    import logging  # which may set older ones, here

    if version <= _applied[0]:
        return
    by_name, disabled = levels
    for name in _applied[1] - by_name.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, level in by_name.items():
        logging.getLogger(name).setLevel(level)
    logging.disable(disabled)
    _applied[:] = version, frozenset(by_name)
