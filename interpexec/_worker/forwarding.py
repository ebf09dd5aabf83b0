"""Forwarding, in a worker: log records and output go to the pool. See `outbox`."""

from _functools import partial

from interpexec._core.cpython import own_builtins
from interpexec._worker.outbox import Outbox
from interpexec._worker.threads import when_imported

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from interpexec._core.message_queue import MessageQueue
    from interpexec._worker.log_levels import Levels

    type Records = tuple[int, Levels]
    """The version of the levels, and these."""

    type Forwarding = tuple[Records | None, tuple[bool, bool] | None]
    """Of log records; of output, and whether its streams are terminals. None: not forwarded."""


def install(forwarding: "Forwarding", replies: "MessageQueue", number: int) -> Outbox:
    """Have this interpreter forward; return an object for the place of the reply queue.

    number: the worker's.
    """
    outbox = Outbox(replies, number)
    records, output = forwarding
    if output is not None:
        from interpexec._worker.output import redirect  # only where it is wanted

        redirect(outbox, output)
    if records is not None:
        from interpexec._worker.shown_warnings import forward_warnings  # only where it is wanted

        forward_warnings(outbox)
        when_imported("logging", partial(_forward_records, outbox, records))
    return outbox


def _forward_records(outbox: Outbox, records: "Records", _logging: "ModuleType") -> None:
    """Forward log records, as `logging` is imported here."""
    if not outbox.is_open:
        return
    try:
        from interpexec._worker import log_levels, log_records  # they need it
    except ImportError:  # a call has emptied `sys.path`, say: its records stay here
        return
    log_records.forward_records(outbox)
    log_levels.apply(*records)
