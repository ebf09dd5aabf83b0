"""The checks of the options of calls: refused at once, with the name and the value."""

from interpexec._core.error_text import shown
from interpexec._pool import arguments
from interpexec._pool.options import NAMES, CallOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def changed(options: CallOptions | None, given: "Mapping[str, object]") -> CallOptions | None:
    """Return options with some changed: those that are not `...`. None: the ordinary ones.

    Raises TypeError or ValueError, naming the argument.
    """
    fields: dict[str, Any] = {}
    for field, check in _CHECKS.items():
        value = given[NAMES.get(field, field)]
        if value is not ...:
            fields[field] = check(value)
    new = (options or CallOptions())._replace(**fields)
    return None if new == CallOptions() else new


def _retries(value: object) -> int:
    number = _integer(value, "retries")
    if number < 0:
        raise ValueError(f"retries must be >= 0, got {shown(value)}")
    return number


def _priority(value: object) -> int:
    return _integer(value, "priority")


def _integer(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {shown(value)}")
    return value


def _retry_on(value: object) -> tuple[type[BaseException], ...]:
    classes = value if isinstance(value, tuple) else (value,)
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise TypeError(
                f"retry_on must be an exception class, or a tuple of some, got {shown(value)}"
            )
    return classes


def _name(value: object) -> str:
    if not isinstance(value, str | None):
        raise TypeError(f"name must be a str or None, got {shown(value)}")
    return value or ""


_CHECKS: "Mapping[str, Callable[[object], object]]" = {
    "limit": arguments.limit,
    "retries": _retries,
    "retry_on": _retry_on,
    "name": _name,
    "priority": _priority,
}
