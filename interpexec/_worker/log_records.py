"""Log records of a worker, forwarded to the loggers of the caller.

A record is sent as the dictionary of its attributes. Plain data goes as it is; the message is
formatted here where its arguments are something else, and so is the traceback of an exception,
as `logging.handlers.QueueHandler` does. Other attributes (`extra=`) are pickled, or, where
that cannot be, sent as their `repr`.

This imports `logging`, which takes a worker 20 to 30 ms: so it waits until a call imports that.
"""

import logging
from _functools import partial

from interpexec._core import current_call
from interpexec._core.cpython import PLAIN, own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._worker.outbox import Outbox

_formatter = logging.Formatter()


class Forwarder(logging.Handler):
    """Puts each record into the outbox. Of the root logger."""

    def __init__(self, outbox: "Outbox") -> None:
        super().__init__()
        self._outbox = outbox
        assert current_call.identity is not None  # this is a worker
        self._name = current_call.identity[1]

    def handle(self, record: logging.LogRecord) -> bool:
        """Forward a record. Without the lock of a handler: the outbox has one."""
        found = self.filter(record) if self.filters else record
        if not found:
            return False
        if isinstance(found, logging.LogRecord):  # the filter has replaced it
            record = found
        try:
            entry = self._entry(record)
        except Exception as error:  # the user's classes run
            entry = self._remains(record, error)
        self._outbox.put(entry)
        return True

    def _entry(self, record: logging.LogRecord) -> "tuple[str, object, object]":
        """Return the attributes of a record, and its arguments."""
        attributes = dict(record.__dict__)
        attributes.setdefault("worker", self._name)
        args = attributes.pop("args")
        if attributes.pop("exc_info") and record.exc_info and not attributes["exc_text"]:
            attributes["exc_text"] = _formatter.formatException(record.exc_info)
        values = args.values() if type(args) is dict else args
        if type(attributes["msg"]) is not str or not PLAIN.issuperset(map(type, values or ())):
            attributes["msg"], args = _message_of(record), None
        if not PLAIN.issuperset(map(type, attributes.values())):
            packed = {
                name: _packed(attributes.pop(name))
                for name, value in [*attributes.items()]
                if type(value) not in PLAIN
            }
            return "record", (attributes, packed), args
        return "record", attributes, args

    def _remains(self, record: logging.LogRecord, error: Exception) -> "tuple[str, object, object]":
        """Return what can be told of a record that cannot be forwarded as it is."""
        message = f"a log record of {record.pathname}:{record.lineno} could not be forwarded"
        attributes = {"name": str(record.name), "levelno": int(record.levelno)}
        attributes |= {"msg": f"{message}: {type(error).__name__}", "worker": self._name}
        return "record", attributes, None


def _message_of(record: logging.LogRecord) -> str:
    """Return the formatted message; the parts of it where it cannot be formatted."""
    try:
        return str(record.getMessage())
    except Exception as error:  # a wrong number of arguments, or the user's classes
        return f"{_shown(record.msg)} {_shown(record.args)} ({type(error).__name__}: {error})"


def _shown(value: object) -> str:
    try:
        return value if isinstance(value, str) else repr(value)
    except Exception:  # the user's __repr__
        return f"<{type(value).__name__}>"


def _packed(value: object) -> object:
    """Return a pickle of an attribute, or its `repr`."""
    from interpexec._sharing import pickling  # few records have such attributes

    try:
        packed = pickling.RESULTS.pack(value)
    except Exception:  # the user's class
        return _shown(value)
    return packed if isinstance(packed, bytes) else _shown(value)


def forward_records(outbox: "Outbox") -> None:
    """Forward the records of this interpreter until the outbox is closed."""
    root, handler = logging.getLogger(), Forwarder(outbox)
    root.addHandler(handler)
    outbox.closers.append(partial(root.removeHandler, handler))
