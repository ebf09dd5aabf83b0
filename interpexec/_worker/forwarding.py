"""Forwarding, in a worker: log records and output go to the pool. See `outbox`."""

from interpexec._worker.outbox import Outbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._core.message_queue import MessageQueue
    from interpexec._worker.log_records import Logging

    type Forwarding = tuple[Logging | None, tuple[bool, bool] | None]
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
        from interpexec._worker.log_records import forward_logging  # `logging` is dear

        forward_logging(outbox, records)
    return outbox
