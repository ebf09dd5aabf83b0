"""The options of calls, which `with_options` takes."""

from typing import NamedTuple


class CallOptions(NamedTuple):
    """How calls are treated."""

    limit: float | None = None
    """The seconds that a call may run."""

    retries: int = 0
    """How often a call is run again that has failed."""

    retry_on: tuple[type[BaseException], ...] = (Exception,)
    """The exceptions after which it is run again."""

    name: str = ""
    """The name of the calls, in place of the function's."""

    priority: int = 0
    """Calls of a higher priority are sent earlier."""

    @property
    def are_per_item(self) -> bool:
        """Whether each item of a map is a call of its own, where no chunksize is given."""
        return self.limit is not None or self.retries > 0

    def __str__(self) -> str:
        """Tell those that are not the ordinary ones, as they were given."""
        ordinary = CallOptions()
        texts = [
            f"{NAMES.get(field, field)}={_text(value)}"
            for field, value in self._asdict().items()
            if value != getattr(ordinary, field)
        ]
        return ", ".join(texts)


NAMES = {"limit": "timeout"}
"""The names of fields for users, where they differ."""


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "|".join(each.__name__ for each in value)
    return repr(value)
