"""The worker's side of `interpexec map`: applying the task to a chunk of items.

Each worker calls `prepare` once (it is the pool's initializer) and then
`evaluate` for each chunk. Results are sent as the bytes that are to stand on
stdout: so `str()` and the encoding are done in parallel, their failure is the
item's own, and every result can be sent.

This file is imported in each worker, where imports are paid again: it brings
nothing but built-in modules.
"""

import sys
from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec.cli._task import Task

SLICE = 0.05
"""Seconds after which a worker hands in what it has and gives the rest back.

Longer, and a result may sit longer behind its slow successors in the chunk;
shorter, and a chunk of unequal items is cut up and sent again more often.
"""

FULL = 1 << 20
"""Bytes of results after which it does the same; a bound on what is sent at once."""

SHOWN_ITEM = 80
"""Characters of an item's repr that a message shows."""

SHOWN_ERROR = 1000
"""Characters of an exception's text that a message shows."""


class Failure:
    """One item that raised: its index in the chunk and what to tell the user."""

    __slots__ = ("index", "item", "summary", "traceback")

    def __init__(self, index: int, item: str, summary: str, traceback: str = "") -> None:
        self.index = index
        self.item = shorten_item(item)
        self.summary = summary
        self.traceback = traceback


class Reply:
    """The outcome of the first `done` items of a chunk."""

    __slots__ = ("done", "failures", "lines", "seconds")

    def __init__(
        self, done: int, lines: bytes, failures: list[Failure], seconds: float = 0.0
    ) -> None:
        self.done = done
        self.lines = lines
        self.failures = failures
        self.seconds = seconds


class Settings:
    """The options that a worker must know to do its part."""

    __slots__ = ("encoding", "fail_fast", "task", "traceback")

    def __init__(self, task: "Task", encoding: str, *, fail_fast: bool, traceback: bool) -> None:
        self.task = task
        self.encoding = encoding
        self.fail_fast = fail_fast
        self.traceback = traceback


class Evaluator:
    """Applies the task to items, and turns every outcome into text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._function = _load(settings.task)

    def run(self, items: list[str]) -> Reply:
        """Evaluate `items`, or as many as the slice of time and `FULL` allow."""
        function, encoding = self._function, self._settings.encoding
        lines: list[bytes] = []
        failures: list[Failure] = []
        done = size = 0
        started = now = perf_counter()
        for item in items:
            try:
                # `join` makes a plain str even of an instance of a subclass.
                line = "".join((str(function(item)), "\n")).encode(encoding, "surrogateescape")
            except BaseException as error:  # an item may call sys.exit()
                if _is_cancellation(error):
                    raise
                failures.append(self._describe(done, item, error))
            else:
                lines.append(line)
                size += len(line)
            done += 1
            now = perf_counter()
            if now - started > SLICE or size > FULL or (failures and self._settings.fail_fast):
                break
        return Reply(done, b"".join(lines), failures, now - started)

    def _describe(self, index: int, item: str, error: BaseException) -> Failure:
        traceback = ""
        if self._settings.traceback:
            from traceback import format_exception  # slow to import, and seldom wanted

            own = error.__traceback__  # this file's frame tells the user nothing
            error.__traceback__ = own.tb_next if own else None
            traceback = "".join(format_exception(error))
        return Failure(index, item, summarize(error), traceback)


def prepare(settings: Settings) -> None:
    """Get this worker ready: the task is loaded by its first chunk.

    Not here, because an exception in an initializer breaks the whole pool, and an
    import that fails is the items' failure.
    """
    global _settings, _evaluator  # one interpreter is one worker
    _settings, _evaluator = settings, None


_settings: Settings | None = None
_evaluator: Evaluator | None = None


def evaluate(items: list[str]) -> Reply:
    """Evaluate a chunk in this worker; print()ed text is on its way before the reply."""
    global _evaluator  # noqa: PLW0603  # see `prepare`
    if _evaluator is None:
        assert _settings is not None, "the pool runs `prepare` first"
        _evaluator = Evaluator(_settings)
    reply = _evaluator.run(items)
    _flush_printed()
    return reply


def summarize(error: BaseException) -> str:
    """Return 'Type: text' on one line, as the last line of a traceback has it."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in {"builtins", "__main__"}:
        name = f"{kind.__module__}.{name}"
    try:
        text = str(error)
    except Exception:  # the user's own __str__
        text = "<its str() failed>"
    if len(text) > SHOWN_ERROR:
        text = f"{text[:SHOWN_ERROR]}..."
    if not text.isprintable():  # newlines, and what a terminal would obey
        text = repr(text)[1:-1]
    return f"{name}: {text}" if text else name


def shorten_item(item: str) -> str:
    """Return the item's repr; of a long one the beginning and the end (of a path, the name)."""
    if len(item) > 2 * SHOWN_ITEM:
        item = item[:SHOWN_ITEM] + item[-SHOWN_ITEM:]  # all that can be seen of it
    shown = repr(item)
    if len(shown) <= SHOWN_ITEM:
        return shown
    head = SHOWN_ITEM // 3
    tail = SHOWN_ITEM - head - len("...")
    return f"{shown[:head]}...{shown[-tail:]}"


def _load(task: "Task") -> "Callable[[str], object]":
    """Load the task; if that fails, return a function that fails so for each item."""
    try:
        return task.load()
    except (Exception, SystemExit) as error:  # a module runs any code when imported
        failure = error
        traceback = error.__traceback__

    def refuse(_: str) -> object:
        # Each raise would add to the traceback of the one before.
        raise failure.with_traceback(traceback)

    return refuse


def _is_cancellation(error: BaseException) -> bool:
    """Say whether the pool interrupts this call, and nobody else may catch it."""
    return type(error).__module__.partition(".")[0] == "interpexec" and not isinstance(
        error, Exception
    )


def _flush_printed() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        pass  # the main interpreter writes to the same place, and sees the same error
