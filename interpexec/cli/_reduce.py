"""`--reduce`: all results become one."""

from interpexec.cli._errors import UsageError
from interpexec.cli._failures import summarize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    type Step = Callable[[object, object], object]

_NOTHING = object()


class Reducer:
    """Folds results, one after another. None is no result."""

    def __init__(self, text: str) -> None:
        """text: sum, min, max, count, or an expression of a and b. Raises UsageError."""
        self._text = text
        self._is_count = text == "count"
        self._step: Step = _NAMED.get(text) or _compiled(text)
        self._value: object = 0 if self._is_count else _NOTHING

    def add(self, result: object) -> None:
        """Fold one more result in. Raises UsageError where that fails."""
        if result is None:
            return
        if self._value is _NOTHING:
            self._value = result
            return
        try:
            self._value = self._step(self._value, result)
        except Exception as error:  # the user's code
            message = f"--reduce {self._text!r}: {summarize(error)}"
            raise UsageError(message) from error

    def value(self) -> object:
        """Return the result of all; None where there was none."""
        return None if self._value is _NOTHING else self._value


def _compiled(text: str) -> "Step":
    from interpexec.cli._expression import check_reduction  # brings ast and dis

    return check_reduction(text)


_NAMED: "dict[str, Step]" = {
    "sum": lambda a, b: a + b,  # type: ignore[operator]  # likewise
    "min": min,  # type: ignore[dict-item]  # the user's values
    "max": max,  # type: ignore[dict-item]  # likewise
    "count": lambda a, _: a + 1,  # type: ignore[operator]  # an int
}
