"""How far a map, or a group, is, told while it runs: `progress=`.

    a call ends --> add(): numbers --> report() --> a callable of the program
                                                    a line on a terminal   (`progress_line`)
                                                    a widget of tqdm's     (`progress_line`)

`add` is called under the lock of the map, and counts. `report` is called without it, by a
callback that may block: it tells the newest numbers, if they are not the ones told last.

Several threads may report at a time; one of them tells. The race at its end, in steps.
1. The thread that tells looks for new numbers, and finds none.
2. Another thread adds some. It cannot tell them, as the first one still holds `_telling`.
3. The first one lets go of that, looks once more, and tells them.
"""

import logging
import sys
from threading import Lock

from interpexec._core.error_text import shown
from interpexec._core.sigint import interruptibly, keep_whole
from interpexec._map.outcomes import Outcomes

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from typing import Any

    from interpexec._map.progress_line import Display

    type Told = Callable[[int, int, int | None], object]
    type Wanted = bool | Told

keep_whole()

_logger = logging.getLogger("interpexec")


class Progress:
    """How many items of a map are done."""

    def __init__(
        self,
        told: "Told",
        total: int | None,
        display: "Display | None" = None,
        *,
        grows: bool = False,
    ) -> None:
        """Tell nothing yet.

        told: called with the numbers. total: how many items there are, if that is known. grows:
            more may come when all of them are done.
        """
        self._grows = grows
        self._told: Told | None = told
        self._display = display
        self._total = total
        self._done = 0, 0  # items, and how many of them have failed: changed at once
        self._newest: tuple[object, ...] = ()  # told last
        self._telling = Lock()
        self._counting = Lock()  # around `add`, where there is no lock of a map
        self._is_closed = False
        self.is_over = False

    def add(self, items: int, call: "Future[object]") -> None:
        """Count the items of a call that has ended. One call at a time."""
        if call.cancelled():
            return
        if call.exception() is not None:
            self.add_failed(items)
            return
        value = call.result()
        failed = 0
        if isinstance(value, Outcomes):
            items = len(value)
            failed = sum(1 for _ in value.failed())
        self._count(items, failed)

    def add_failed(self, items: int) -> None:
        """Count items that have failed together. One call at a time."""
        self._count(items, items)

    def _count(self, items: int, failed: int) -> None:
        done, failed_before = self._done
        self._done = done + items, failed_before + failed

    def see(self, call: "Future[Any]", items: int = 1) -> None:
        """Count a call that has ended, and tell. A callback of calls that come by no map's lock."""
        with self._counting:
            self.add(items, call)
        self.report()

    def know_total(self, total: int) -> None:
        """Learn how many items there are, as all of them were read."""
        self._total = total

    def report(self, _: object = None) -> None:
        """Tell the numbers, if they are new. Runs the program's callable."""
        while self._is_due() and self._telling.acquire(blocking=False):
            try:
                self._tell()
            finally:
                self._telling.release()

    def _is_due(self) -> bool:
        """Tell whether there is something to tell, or to end."""
        is_told = self._newest == (*self._done, self._total)
        return not self.is_over and (self._is_closed or not is_told)

    def _tell(self) -> None:
        """Tell the newest numbers. In one thread at a time."""
        if not self._is_due():
            return
        is_last = self._is_closed
        numbers = done, _, total = *self._done, self._total
        is_new, self._newest = numbers != self._newest, numbers
        try:
            if self._told is not None and is_new:
                interruptibly(self._told, *numbers)
        except Exception:  # the program's code
            self._told = None
            _logger.exception("exception in the callable that was given as `progress`")
        if (done == total and not self._grows) or is_last:
            self.is_over = True
            self._told = None
            if self._display is not None:
                self._display.end()

    def flush(self) -> None:
        """Return when the newest numbers are told, by this thread or by another one."""
        with self._telling:
            self._tell()

    def close(self) -> None:
        """Tell the numbers for the last time: nobody wants the other items, or none can come."""
        self._is_closed = True
        self.report()

    def end(self) -> None:
        """Do as `close`; return when they are told, by this thread or by another one."""
        self.close()
        self.flush()


def made_of(
    wanted: "Wanted | None", iterators: "tuple[Iterator[object], ...] | None"
) -> Progress | None:
    """Return what tells the progress of a map; None where nobody looks.

    wanted: True, or a callable. iterators: None: more and more items may come. Raises TypeError.
    """
    if wanted is None or wanted is False:
        return None
    if wanted is True:
        from interpexec._map import progress_line  # few programs show it

        total = _length(iterators)
        display = progress_line.display(sys.stderr, total)
        if display is None:
            return None
        return Progress(display.show, total, display, grows=iterators is None)
    if not callable(wanted):
        raise TypeError(f"progress must be True, False or a callable, got {shown(wanted)}")
    return Progress(wanted, _length(iterators), grows=iterators is None)


def of_calls(wanted: "Wanted") -> Progress | None:
    """Return what tells the progress of calls that come one by one. As `made_of`."""
    return made_of(wanted, None)


def _length(iterators: "tuple[Iterator[object], ...] | None") -> int | None:
    """Return how many items there are, if each iterator knows it or another one is shorter."""
    if iterators is None:
        return None
    from operator import length_hint

    known = [length for each in iterators if (length := length_hint(each, -1)) >= 0]
    return min(known) if known and len(known) == len(iterators) else None
