"""The worker's side of `interpexec map`: from an item to the bytes that stand on stdout.

Each worker calls `prepare` once (it is the pool's initializer); the first item loads the
task. `str()` and the encoding of results are done here, in parallel, so that their failure is the
item's own, and every result can be sent. An exception is the item's failure: the pool brings it
to the main interpreter.

This file is imported in each worker, where imports are paid again: it brings nothing but
built-in modules.
"""

from interpexec.cli._outputs import writer_of
from interpexec.cli._printing import printing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec.cli._task import Task

    type Evaluate = Callable[[str], object]


class Settings:
    """The options that a worker must know to do its part. Sent once to each."""

    __slots__ = ("before", "encoding", "is_numbered", "kind", "output", "size", "spreads", "task")

    def __init__(  # noqa: PLR0913  # one for each option
        self,
        task: "Task",
        encoding: str,
        *,
        kind: str = "text",
        size: int | None = None,
        spreads: bool = False,
        is_numbered: bool = False,
        output: str = "text",
        before: str = "",
    ) -> None:
        """Hold them.

        kind: of the items, a name of `_inputs.reader_of`. size: of batches. spreads: an item's keys
        are the arguments. is_numbered: items have their number before them. output: a name of
        `_outputs.writer_of`; "value": the value itself is sent. before: is printed before lines.
        """
        self.task = task
        self.encoding = encoding
        self.kind = kind
        self.size = size
        self.spreads = spreads
        self.is_numbered = is_numbered
        self.output = output
        self.before = before


class Work:
    """Stands for the function that each worker makes of its settings."""

    __qualname__ = "interpexec map"

    def __call__(self, item: str) -> object:
        """Do it here."""
        return ready()(item)

    def __reduce__(self) -> "tuple[Callable[[], Evaluate], tuple[()]]":
        return ready, ()


_settings: Settings | None = None
_evaluate: "Evaluate | None" = None


def prepare(settings: Settings) -> None:
    """Get this worker ready: the task is loaded by its first item.

    Not here, because an exception in an initializer breaks the whole pool, and an
    import that fails is the items' failure.
    """
    global _settings, _evaluate  # one interpreter is one worker
    _settings, _evaluate = settings, None
    printing.begin(settings.before)


def ready() -> "Evaluate":
    """Return the function that evaluates an item in this worker."""
    global _evaluate  # noqa: PLW0603  # see `prepare`
    if _evaluate is None:
        assert _settings is not None, "the pool runs `prepare` first"
        try:
            _evaluate = compose(_settings)
        except (Exception, SystemExit) as error:  # a module runs any code when imported
            _evaluate = _refuser(error)
    return _evaluate


def compose(settings: Settings) -> "Evaluate":
    """Return a function that evaluates an item."""
    function = settings.task.load()
    kind, size, is_numbered = settings.kind, settings.size, settings.is_numbered
    write = writer_of(settings.output, settings.encoding)
    uses_number = settings.task.uses_number
    if kind == "text" and size is None and not is_numbered:

        def evaluate(item: str) -> object:
            printing.item = item
            try:
                return write(function(item), item)
            finally:
                if printing.unfinished:  # else the next item's line would go on with it
                    printing.flush()

        return evaluate
    from interpexec.cli._inputs import reader_of  # seldom needed: it brings contextlib

    read = reader_of(kind, size, settings.encoding)
    spreads = settings.spreads

    def evaluate_any(item: str) -> object:
        number = 0
        if is_numbered:
            before, _, item = item.partition(":")
            number = int(before)
        printing.item = item
        try:
            with read(item) as x:
                if spreads:
                    value = function(**x)
                else:
                    value = function(x, number) if uses_number else function(x)
                return write(value, item)
        finally:
            if printing.unfinished:
                printing.flush()

    return evaluate_any


def _refuser(failure: BaseException) -> "Evaluate":
    """Return a function that fails for each item as the loading of the task has failed."""
    traceback = failure.__traceback__

    def refuse(_: str) -> object:
        # Each raise would add to the traceback of the one before.
        raise failure.with_traceback(traceback)

    return refuse
