"""`interpexec map`: apply a function or an expression to each item."""

import sys
from contextlib import nullcontext

from interpexec.cli._close import abandon
from interpexec.cli._errors import UsageError
from interpexec.cli._evaluate import Settings, Work, prepare
from interpexec.cli._flow import Flow
from interpexec.cli._given import kind_of, numbered, open_source, task_of
from interpexec.cli._items import MOST_BYTES
from interpexec.cli._map_options import make_parser, read_arguments
from interpexec.cli._printing import CLEAR
from interpexec.cli._report import Output, Report, complain
from interpexec.cli._signals import Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from interpexec import Feed, InterpreterPoolExecutor
    from interpexec.cli._items import Source
    from interpexec.cli._joblog import Log
    from interpexec.cli._reduce import Reducer
    from interpexec.cli._task import Task

__all__ = ["make_parser", "run"]

FAILED = 1
"""Exit code if some items failed."""


def run(argv: "Sequence[str]") -> int:
    """Carry out `interpexec map` with these arguments; return the exit code.

    Raises UsageError if nothing can be done, SystemExit where argparse does,
    KeyboardInterrupt, and BrokenPipeError when stdout has lost its reader.
    """
    arguments, items = read_arguments(argv)
    task = task_of(arguments)
    if arguments.explain:
        from interpexec.cli._explain import explain  # seldom wanted

        return explain(arguments, items, task, Output(sys.stdout))
    return Run(arguments, items, task).run()


class Run:
    """One run of the command: its parts, put together."""

    def __init__(self, arguments: "Namespace", items: "list[str] | None", task: "Task") -> None:
        """Open what is read and written. Raises UsageError."""
        self._arguments = arguments
        self._task = task
        self._reducer = _reducer(arguments.reduce)
        self._output = Output(sys.stdout)
        self._shows_progress = _is_wanted(arguments.progress)
        self._apart: Callable[[], AbstractContextManager[object]] = nullcontext
        self._log = self._open_log()
        self._source = self._open_source(items)
        self._settings = self._make_settings()
        self._report = Report(self._output, traceback=arguments.traceback, complain=complain)

    def run(self) -> int:
        """Do it; return the exit code."""
        if self._arguments.dry_run:
            from interpexec.cli._explain import dry_run  # seldom wanted

            return dry_run(self._arguments, self._source, self._output)
        with Signals(self._stop, self._show) as self._signals:
            error = self._work()
            self._finish()
        if self._signals.received:
            return 128 + self._signals.received
        if error is not None:
            message = f"cannot read the items: {error}"
            raise UsageError(message) from error
        return FAILED if self._report.failed else 0

    # -- the parts ------------------------------------------------------------------------

    def _open_source(self, items: "list[str] | None") -> "Source":
        source = open_source(self._arguments, items)
        if self._log is not None:
            repeats_failed = self._arguments.resume_failed
            source.blocks = self._log.rest_of(source.blocks, repeats_failed=repeats_failed)
        return source

    def _open_log(self) -> "Log | None":
        arguments = self._arguments
        if not arguments.joblog or arguments.dry_run:
            return None
        from interpexec.cli import _joblog  # seldom wanted

        goes_on = arguments.resume or arguments.resume_failed
        return _joblog.Log(arguments.joblog, arguments.target, _descriptor(), goes_on=goes_on)

    def _make_settings(self) -> Settings:
        arguments, task = self._arguments, self._task
        is_numbered = task.uses_number or self._log is not None
        if is_numbered and self._log is None:
            self._source.blocks = numbered(self._source.blocks)
        return Settings(
            task,
            self._output.encoding,
            kind=kind_of(arguments),
            size=arguments.batch,
            spreads=arguments.kwargs,
            is_numbered=is_numbered,
            output=_output(arguments),
            before=CLEAR if self._shows_progress else "",
        )

    # -- the work -------------------------------------------------------------------------

    def _work(self) -> "OSError | ValueError | None":
        """Start the workers, let the items flow through them, end the workers."""
        from concurrent.futures import BrokenExecutor  # not before it is needed

        from interpexec import InterpreterPoolExecutor  # likewise

        arguments, settings = self._arguments, self._settings
        self._pool: InterpreterPoolExecutor | None = InterpreterPoolExecutor(
            arguments.jobs,
            "interpexec-map",
            prepare,
            (settings,),
            max_tasks_per_child=arguments.max_tasks_per_child,
        )
        self._feed: Feed[str, object] = self._options(self._pool).feed(
            Work(),
            ordered=not arguments.unordered,
            chunksize=arguments.chunksize,
            buffer_bytes=MOST_BYTES,
            fail_fast=arguments.halt.enough,
        )
        flow = Flow(
            self._feed,
            self._source,
            self._report,
            self._signals,
            arguments.halt,
            log=self._log,
            reducer=self._reducer,
            is_numbered=settings.is_numbered,
        )
        try:
            with self._progress(flow):
                return flow.run()
        except BrokenExecutor as error:
            message = f"the workers broke down: {error}"
            raise UsageError(message) from error
        finally:
            if flow.is_complete:
                self._pool.shutdown()
            else:
                abandon(self._pool.terminate_workers)

    def _progress(self, flow: Flow) -> "AbstractContextManager[object]":
        """Return a block during which the progress is shown, if it is to be."""
        if not self._shows_progress:
            return nullcontext()
        from interpexec.cli import _progress  # not every run shows it

        assert self._pool is not None, "it was just made"
        progress = _progress.Progress(self._report, self._pool.workers, flow.total)
        flow.apart = self._apart = progress.apart
        return progress

    def _options(self, pool: "InterpreterPoolExecutor") -> "InterpreterPoolExecutor":
        arguments = self._arguments
        options: dict[str, Any] = {}
        if arguments.timeout is not None:
            options["timeout"] = arguments.timeout
        if arguments.retries:
            options["retries"] = arguments.retries
        return pool.with_options(**options) if options else pool

    def _finish(self) -> None:
        """Write what comes at the end."""
        if self._reducer is not None and not self._signals.received:
            value = self._reducer.value()
            if value is not None:
                self._output.write(f"{value}\n".encode(self._output.encoding, "surrogateescape"))
                self._output.flush()
        if self._log is not None:
            self._log.close()
        self._report.summarize()

    def _stop(self) -> None:
        """End the run soon: a signal has come."""
        if hasattr(self, "_feed"):
            self._feed.cancel()

    def _show(self) -> None:
        """Show what runs: a signal asks for it."""
        pool = getattr(self, "_pool", None)
        if pool is not None:
            stacks = pool.dump_stacks()
            with self._apart():
                complain(stacks)


def _reducer(text: str | None) -> "Reducer | None":
    if not text:
        return None
    from interpexec.cli import _reduce  # seldom wanted

    return _reduce.Reducer(text)


def _is_wanted(progress: bool | None) -> bool:
    """Say whether to show the progress: where it is asked for, else in a terminal."""
    if sys.stderr is None or progress is False:
        return False
    return progress or sys.stderr.isatty()


def _output(arguments: "Namespace") -> str:
    """Return the name of the kind of results, for `_outputs`."""
    if arguments.reduce:
        return "value"
    kind = arguments.output or ("jsonl" if arguments.jsonl else "text")
    more = next((each for each in ("keep", "tag", "filter") if getattr(arguments, each)), "")
    return f"{kind}+{more}" if more else kind


def _descriptor() -> int | None:
    """Return the descriptor of stdout, if it has one."""
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return None
