"""Log records and output that workers forward (`_worker.outbox`): the collector handles them.

A record goes to the logger of its name, if that is enabled for its level; output is written
to what `sys.stdout` and `sys.stderr` are at that moment. The records of a worker come in their
order, and those of a call before its future is done, as they come through one queue.
"""

import logging
import sys
import warnings
from _pickle import loads
from itertools import count

from interpexec._core.sigint import keep_whole
from interpexec._sharing import unpickling
from interpexec._worker.wire import CREDIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._sharing.package import Packed
    from interpexec._worker.forwarding import Forwarding
    from interpexec._worker.log_levels import Levels

keep_whole()

_logger = logging.getLogger("interpexec")

_serial = count()

_AT_A_TIME = CREDIT // 2
"""How many messages are handled before credit for them is given back."""


class CallerLevels:
    """The levels of the caller's loggers, as workers are to have them."""

    def __init__(self) -> None:
        self._mark = f"interpexec {next(_serial)}"
        self._known: tuple[int, Levels] = -1, ({}, 0)
        self.now()

    def now(self) -> "tuple[int, Levels]":
        """Return the levels as they are, and their version, which is 0 until they change.

        Each change of a level clears the caches of all loggers: so a mark in one of them says
        that nothing has changed, at no cost that grows with the number of loggers.
        """
        cache: dict[Any, bool] = logging.getLogger()._cache  # type: ignore[attr-defined]  # noqa: SLF001  # see above
        if self._mark not in cache:
            cache[self._mark] = True  # first: a change that comes meanwhile is seen next time
            version, former = self._known
            if (levels := _levels()) != former or version < 0:
                self._known = version + 1, levels
        return self._known

    def bind(self, fn: "Any") -> "Any":
        """Return a function that is sent with the levels, if they are not those of the start."""
        version, levels = self.now()
        return fn if version == 0 else Leveled(fn, version, levels)


class Leveled:
    """A function with the levels of the caller's loggers."""

    def __init__(self, *parts: object) -> None:
        self._parts = parts

    def __reduce__(self) -> "tuple[object, ...]":
        """Be the function, for the worker, which sets the levels before."""
        from interpexec._worker.log_levels import with_levels  # few programs change levels

        return with_levels, self._parts


def _levels() -> "Levels":
    root = logging.getLogger()
    loggers = root.manager.loggerDict.copy()
    own = {
        name: each.level
        for name, each in loggers.items()
        if isinstance(each, logging.Logger) and each.level
    }
    return {"": root.level, **own}, root.manager.disable


class Forwarded:
    """Takes the records and the output of the workers of one pool."""

    def __init__(self, *, has_records: bool, has_output: bool) -> None:
        self.levels = CallerLevels() if has_records else None
        self._has_output = has_output
        self._handled: dict[int, int] = {}  # messages without credit, by worker
        probe = logging.makeLogRecord({})
        self._start = probe.created * 1000 - probe.relativeCreated

    def describe(self) -> "Forwarding":
        """Return what a worker that starts now is to forward, and how."""
        records = output = None
        if self.levels is not None:
            records = self.levels.now()
        if self._has_output:
            output = _is_terminal(sys.stdout), _is_terminal(sys.stderr)
        return records, output

    def handle(self, payload: "Packed", give_credit: "Callable[[int, int], None]") -> None:
        """Handle a message of a worker. By the collector.

        give_credit: to the worker of a number, for so many messages.
        """
        number, entries = loads(payload)  # type: ignore[arg-type]  # our own bytes
        for kind, *parts in entries:
            try:
                self._do(kind, parts)
            except BaseException:  # of a filter, a stream, the user's class: others are to come
                _logger.exception("What a worker has forwarded was not handled:")
        handled = self._handled.get(number, 0) + 1
        self._handled[number] = handled % _AT_A_TIME
        if handled == _AT_A_TIME:
            give_credit(number, handled)

    def _do(self, kind: str, parts: "list[Any]") -> None:
        if kind == "record":
            self._log(*parts)
        elif kind == "warning":
            _warn(*parts)
        elif (stream := getattr(sys, kind, None)) is not None:
            stream.write(parts[0])

    def _log(self, attributes: "Any", args: object) -> None:
        """Give a record to the logger of its name."""
        packed: dict[str, object] = {}
        if type(attributes) is tuple:
            attributes, packed = attributes
        logger = logging.getLogger(attributes["name"])
        if not logger.isEnabledFor(attributes["levelno"]):
            return
        if "created" in attributes:
            attributes["relativeCreated"] = attributes["created"] * 1000 - self._start
        attributes["args"], attributes["exc_info"] = args, None
        for name, value in packed.items():
            attributes[name] = _loaded(value)
        logger.handle(_record(attributes))


def _record(attributes: "dict[str, Any]") -> logging.LogRecord:
    """Make a record. A class of the program's is used, if it has set one."""
    if logging.getLogRecordFactory() is not logging.LogRecord or "created" not in attributes:
        attributes.setdefault("levelname", logging.getLevelName(attributes["levelno"]))
        return logging.makeLogRecord(attributes)
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__ = attributes
    return record


def _loaded(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return unpickling.loads(value)
    except Exception as error:  # the user's class
        return f"<{type(error).__name__}: {error}>"


def _warn(text: str, module: str, name: str, filename: str, line: int) -> None:
    """Show a warning as the caller shows its own."""
    category = getattr(sys.modules.get(module), name, UserWarning)
    try:
        message = category(text)
    except Exception:  # it wants other arguments
        message = UserWarning(text)
    warnings.showwarning(message, type(message), filename, line)


def _is_terminal(stream: "Any") -> bool:
    try:
        return bool(stream.isatty())
    except Exception:  # there is none, it is closed, or the user's own
        return False
