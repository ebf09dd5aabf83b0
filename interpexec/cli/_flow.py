"""The loop between reading, workers and writing.

    Reader --blocks--> Feed --batches--> Flow --> Report, Log, Reducer
    (a thread)         (the pool's)      (this thread)

The reading thread puts items into a feed of the pool, and this one takes outcomes out: in the
items' order, or as they arrive. Results are flushed before this thread waits, and only then: so no
result lies in a buffer while the next one is awaited, and thousands that are ready share one
flush.
"""

from contextlib import nullcontext
from functools import partial

from interpexec.cli._halt import NOW
from interpexec.cli._items import Reader
from interpexec.cli._signals import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from interpexec import Batch, Feed, Outcome
    from interpexec.cli._halt import Halt
    from interpexec.cli._items import Source
    from interpexec.cli._joblog import Log
    from interpexec.cli._reduce import Reducer
    from interpexec.cli._report import Report
    from interpexec.cli._signals import Signals


class Flow:
    """One run over all items of a source."""

    def __init__(  # noqa: PLR0913  # the parts that it connects
        self,
        feed: "Feed[str, object]",
        source: "Source",
        report: "Report",
        signals: "Signals",
        halt: "Halt",
        *,
        log: "Log | None" = None,
        reducer: "Reducer | None" = None,
        is_numbered: bool = False,
    ) -> None:
        """is_numbered: items have their number before them: it is used, or some are left out."""
        self._feed = feed
        self._report = report
        self._signals = signals
        self._halt = halt
        self._log = log
        self._reducer = reducer
        self._is_numbered = is_numbered
        self._reader = Reader(source, feed.extend, feed.close)
        self.apart: Callable[[], AbstractContextManager[object]] = nullcontext
        """Makes a block in which something may be written: see `Progress.apart`."""
        self.is_complete = False
        """Whether every item has been done."""
        self._is_over = False

    def run(self) -> "OSError | ValueError | None":
        """Do everything; return the error that ended the reading early, if one did.

        Returns when all items are done, or a signal or a failure has ended the run. Raises
        BrokenPipeError, UsageError, BrokenExecutor.
        """
        feed = self._feed
        self._reader.start()
        try:
            while not self._is_over:
                if not feed.is_ready():
                    self._write(self._report.output.flush)
                if (batch := feed.next_batch()) is None:
                    break
                self._write(partial(self._take, batch))
            self._write(self._report.output.flush)
            self.is_complete = not (self._signals.received or self._is_over)
        except Interrupted:
            # It may have come between the results and what the log says of them.
            if self._log is not None and self._report.output.is_ready():
                self._report.output.flush()
                self._log.flush()
        finally:
            if not self.is_complete:
                feed.cancel()
        self._reader.join()
        return self._reader.error

    def _write(self, step: "Callable[[], object]") -> None:
        if self._signals.received:
            with self.apart():
                step()  # what is finished; a second signal ends the process
            return
        with self._signals.writing(), self.apart():
            step()

    def total(self) -> int | None:
        """Return how many items there are to do; None while they are being read."""
        return self._reader.count if self._reader.is_over else None

    def _take(self, batch: "Batch[str, object]") -> None:
        """Write a batch of outcomes."""
        if self._log is None and self._reducer is None and (lines := batch.values()) is not None:
            self._report.write(lines)  # type: ignore[arg-type]  # bytes, from `_outputs`
            return
        for outcome in batch:
            self._take_one(outcome)
            if self._is_over:
                break
        if self._log is not None:
            self._report.output.flush()
            self._log.flush()

    def _take_one(self, outcome: "Outcome[str, object]") -> None:
        number, item = outcome.index + 1, outcome.item
        if self._is_numbered:
            before, _, item = item.partition(":")
            number = int(before) + 1
        data = b""
        if outcome.error is not None:
            # Before it is told; the feed itself begins no further item by then.
            failed, items = self._report.failed + 1, self._report.items + 1
            self._is_over = self._halt.how == NOW and self._halt.is_reached(failed, items)
            self._report.fail(number, item, outcome.error)
        elif self._reducer is not None:
            self._reducer.add(outcome.value)
            self._report.items += 1
        else:
            data = outcome.value  # type: ignore[assignment]  # bytes, from `_outputs`
            self._report.write([data])
        if self._log is not None:
            self._log.note(number, item, outcome, len(data))
