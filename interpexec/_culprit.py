"""Which part of an object cannot travel. Imported when something is wrong."""

import copyreg
from functools import partial

from interpexec._runtime import NotShareableError
from interpexec._words import shown, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEEPEST = 50
_MOST_PARTS = 10_000  # of one object


def explain(
    obj: object, where: str, error: BaseException, attempt: "Callable[[object], object]"
) -> NotShareableError:
    """Return the error that names the part of an object that cannot travel.

    where: what the object is called. error: why it cannot travel. attempt: packs an
    object; it raises for what cannot travel.
    """
    path, part, reason = _find(obj, where, error, attempt)
    if isinstance(reason, NotShareableError):
        return NotShareableError(f"{path}: {reason}")
    return NotShareableError(
        f"{path} cannot travel to another interpreter: {shown(part)}: {told(reason)}"
    )


def _find(
    obj: object, path: str, error: BaseException, attempt: "Callable[[object], object]"
) -> tuple[str, object, BaseException]:
    """Go down to the smallest part that fails: return where it is, itself, and why."""
    seen = {id(obj)}
    for _ in range(_DEEPEST):
        for name, part in _parts(obj):
            if id(part) in seen:
                continue
            try:
                attempt(part)
            except Exception as reason:  # the user's classes run here
                obj, path, error = part, path + name, reason
                seen.add(id(part))
                break
        else:
            break
    return path, obj, error


def _parts(obj: object) -> "Iterator[tuple[str, object]]":
    """Yield what an object consists of, and how one says that in Python."""
    try:
        for count, part in enumerate(_all_parts(obj)):
            if count == _MOST_PARTS:
                return
            yield part
    except Exception:  # noqa: S110  # the user's containers and properties
        pass


def _all_parts(obj: object) -> "Iterator[tuple[str, object]]":
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield f"[{shown(key)}]", value
            yield f" (its key {shown(key)})", key
    elif isinstance(obj, (list, tuple)):
        yield from ((f"[{index}]", value) for index, value in enumerate(obj))
    elif isinstance(obj, (set, frozenset)):
        yield from ((f" (its element {shown(value)})", value) for value in obj)
    if not isinstance(obj, type):
        yield from _attributes(obj)


def _attributes(obj: object) -> "Iterator[tuple[str, object]]":
    cls = type(obj)
    names = [*copyreg._slotnames(cls), *getattr(obj, "__dict__", ())]  # type: ignore[attr-defined]  # noqa: SLF001  # as pickle does
    if isinstance(obj, BaseException):
        names.append("args")
    elif isinstance(obj, partial):
        names += ["func", "args", "keywords"]
    for name in names:
        if hasattr(obj, name):
            yield f".{name}", getattr(obj, name)
