"""Several items of a map in one call.

Home sends `run_chunk` with the function and a list of argument tuples; the
worker answers with one `Outcomes`. An item that fails costs no other one.
"""

from interpexec import _failures, _main, _messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_chunk(fn: "Callable[..., object]", items: "Sequence[tuple[object, ...]]") -> "Outcomes":
    """Call `fn(*item)` for each item. Runs in a worker."""
    values: list[object] = []
    failures: dict[int, bytes] = {}
    for index, item in enumerate(items):
        try:
            values.append(fn(*item))
        except BaseException as error:  # a failure of this item alone
            failures[index] = _failures.pack(error, skip=1)
            values.append(None)
    return Outcomes(values, failures, after_main=_main.was_run())


class Outcomes:
    """What became of each item of a chunk: its value, or its packed failure."""

    def __init__(
        self,
        values: list[object],
        failures: dict[int, bytes] | None = None,
        *,
        after_main: bool = False,
    ) -> None:
        self.values = values
        self.failures = failures or {}
        self.after_main = after_main
        self._taken = 0

    def without_unshareable(self) -> "Outcomes":
        """Return these outcomes with a failure for each value that cannot travel."""
        values, failures = list(self.values), dict(self.failures)
        for index, value in enumerate(self.values):
            try:
                _messages.dumps_value(value)
            except BaseException as error:  # it becomes the item's failure
                failures[index] = _failures.pack(error)
                values[index] = None
        return Outcomes(values, failures, after_main=self.after_main)

    def __len__(self) -> int:
        """Return how many items have not been taken yet."""
        return len(self.values) - self._taken

    def take(self) -> object:
        """Return the next item's value, or raise its exception. Home side.

        The value is let go here: whoever takes it holds the only reference.
        """
        index = self._taken
        self._taken += 1
        if index in self.failures:
            raise _failures.revive(self.failures[index], after_main=self.after_main)
        value, self.values[index] = self.values[index], None
        return value
