"""When a run ends because items have failed: `--halt`, with GNU parallel's words."""

from interpexec.cli._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    type Enough = bool | Callable[[int, int], bool]

NEVER, SOON, NOW = "never", "soon", "now"

_LEAST_FOR_PERCENT = 3
"""Items, of which a share can be told: with GNU parallel's three."""


class Halt:
    """Decides after each failure whether to go on."""

    def __init__(self, how: str, most: int = 1, *, is_percent: bool = False) -> None:
        """Decide by so many failures, or per cent.

        how: SOON: the items that run come to their end; NOW: they are stopped.
        """
        self.how = how
        self._most = most
        self._is_percent = is_percent

    @property
    def enough(self) -> "Enough":
        """The same for a feed: `fail_fast`."""
        is_any = self._most == 1 and not self._is_percent
        return self.how != NEVER if self.how == NEVER or is_any else self.is_reached

    def is_reached(self, failed: int, items: int) -> bool:
        """Say whether so many failures of so many items are too many."""
        if self.how == NEVER:
            return False
        if self._is_percent:
            return items >= _LEAST_FOR_PERCENT and 100 * failed >= self._most * items
        return failed >= self._most


def parse_halt(text: str) -> Halt:
    """Read the value of `--halt`: never, soon or now, and perhaps ',fail=N' or ',fail=P%'."""
    how, comma, when = text.partition(",")
    word, equals, number = when.partition("=")
    is_percent = number.endswith("%")
    number = number.removesuffix("%")
    is_plain = not comma
    if how in {NEVER, SOON, NOW} and is_plain:
        return Halt(how)
    is_sound = word == "fail" and equals and number.isascii() and number.isdigit() and int(number)
    if how not in {SOON, NOW} or not is_sound or (is_percent and int(number) > 100):  # noqa: PLR2004  # per cent
        message = f"--halt {text!r}: write never, soon or now, and ,fail=N or ,fail=P% behind it"
        raise UsageError(message)
    return Halt(how, int(number), is_percent=is_percent)
