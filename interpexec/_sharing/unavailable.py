"""A module, or something of one, that could not be imported where it was needed.

A function mentions more than it uses. So a failed import stops what uses its result, and
nothing else: it raises the error then.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_USES = (
    *("__call__", "__getitem__", "__iter__", "__len__", "__contains__", "__bool__", "__enter__"),
    *("__instancecheck__", "__subclasscheck__", "__mro_entries__", "__add__", "__radd__"),
    *("__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__or__"),
    *("__ror__", "__and__", "__rand__", "__matmul__", "__lt__", "__le__", "__gt__", "__ge__"),
    *("__await__", "__aiter__", "__setitem__", "__delitem__", "__index__", "__float__"),
)


class Unavailable:
    """Raises the error of an import, however it is used."""

    def __init__(self, name: str, error: ImportError) -> None:
        """name: of what is absent."""
        # Its traceback would keep alive what was being loaded.
        self.__dict__.update(_name=name, _error=error.with_traceback(None))

    def __repr__(self) -> str:
        return f"<{self._name}, which cannot be imported here: {self._error}>"

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # asked of every object, meant of none
        _fail(self)


def _fail(self: Unavailable, *_: object, **__: object) -> "NoReturn":
    raise self.__dict__["_error"].with_traceback(None)


for _each in _USES:
    setattr(Unavailable, _each, _fail)
