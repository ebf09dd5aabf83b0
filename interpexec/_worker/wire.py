"""The messages between a pool and its workers, and the words of memory that workers write.

    pool   -> worker   Call     the pickled (fn, args, kwargs), and the call's id
    worker -> pool     Done     the pickled value, or a failure (see `raised`),
                                the call's id and what the payload is
                       Notice   the number of a worker, and its news

Orders to a busy worker are sent another way: see `control`.

A message is one `bytes` object: the payload, then eight bytes of tail. Pickle
ignores what follows its end, so nothing is cut off before loading. A large
payload is not copied to put a tail behind it: the two are sent as a tuple. So is
the out-of-band data of a pickle (`package.Package`), where there is some.

Each worker writes six words of 64 bits, its slot, which say what it is doing: the pool
reads them without asking. A word is written whole. From them follows the worker's state:

    starting   its interpreter is made, or the initializer runs there
    idle       it waits for a call, or, as a successor, for its turn
    running    it runs a call
    leaving    it takes no further call; it may still run one that was stopped
"""

from _pickle import dumps, loads

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interpexec._core.message_queue import MessageQueue, Token
    from interpexec._sharing.package import Packed

WORDS = 6
CALL, SINCE, DONE, BESIDE, LEAVE, HELD = range(WORDS)
"""The words of a slot.

    CALL    the id of the call that runs, or 0                  by the worker
    SINCE   when it was begun, in ns of the monotonic clock     by the worker
    DONE    how many calls have been run here                   by the worker
    BESIDE  the id of the broadcast that runs, or 0             by the worker
    LEAVE   1: take no further call, and end                    by either side
    HELD    1: it may hold calls of a bundle, or their answers  by the worker
"""

FINAL = 1 << 62
"""In the id of a finalizer's call, beside the number of its worker, which is the initializer's."""

CREDIT = 32
"""How many messages of what a worker forwards may be on their way (see `outbox`). With the answers
of calls, fewer than CPython can release while the worker runs no Python code."""

STARTING, IDLE, RUNNING, STATE_LEAVING = "starting", "idle", "running", "leaving"

STATES: dict[str, frozenset[str]] = {
    STARTING: frozenset({IDLE, STATE_LEAVING}),
    IDLE: frozenset({RUNNING, STATE_LEAVING}),
    RUNNING: frozenset({IDLE, STATE_LEAVING}),
    STATE_LEAVING: frozenset(),
}
"""From each state of a worker, the states that may follow."""


def state(call: int, since: float, number: int, *, is_leaving: bool) -> str:
    """Return a worker's state.

    call, since: the words of its slot. number: the worker's, which is the id of its
    initializer's call, too. is_leaving: the pool has counted it out.
    """
    if is_leaving:
        return STATE_LEAVING
    if not since or call == number:
        return STARTING
    return RUNNING if call else IDLE


# From here on two objects in a tuple are cheaper than one more copy (about
# 1 µs against 64 KiB at some GB/s).
_LARGE = 1 << 16

SHORT = 1 << 12
"""How many bytes a payload may have that is sent in a message with others."""

# The kind of a payload: the lowest bits of the tail, below the call's id.
# After the first two come notices: the worker's initializer has failed; it has run; the
# worker soon has run as many calls as it may, so that a successor is wanted; its finalizer has
# failed; it takes no further call; it forwards log records, or output. The last one is a call
# itself, which was not begun, because its worker is damaged. And an extension module could not be
# loaded; several answers come in one message, or several calls (see `bundle`).
VALUE, FAILURE, NOT_READY, READY, RETIRING, NOT_FINALIZED, LEAVING, FORWARDED, RETURNED = range(9)
REFUSED, ANSWERS, BUNDLE = 9, 10, 11
AFTER_MAIN = 16  # the worker has run the program: names in it may say so
_KIND_BITS = 5
_KINDS = (1 << _KIND_BITS) - 1

LIMITED = 1
"""The kind of a call with a time limit: see `with_limit`."""

_LIMIT, _NAME = b"\x00limit: ", b"\x00name: "

type Message = bytes | tuple[Any, ...]

type Call = tuple[Packed, int, int]
"""A payload, the id of the call, and what it is."""

type Setup = tuple[int, int, Token, Token, Token, memoryview, bytes, Message, Message]
"""The worker's number and seat; the request and reply queues, the control channel; the slot; a
pickled Config; the calls of the initializer and the finalizer. The number is the id of the first
of these, too."""


def with_limit(payload: "Packed", seconds: float) -> "Packed":
    """Put the time limit of a call behind its pickle."""
    return _with(payload, _LIMIT + dumps(seconds, 5))  # a worker has nothing else for a float


def with_name(payload: "Packed", name: str) -> "Packed":
    """Put the name of a call behind its pickle, for a trace."""
    return _with(payload, _NAME + dumps(name, 5))


def _with(payload: "Packed", more: bytes) -> "Packed":
    if type(payload) is bytes:
        return payload + more
    payload.payload = bytes(payload.payload) + more  # type: ignore[union-attr]  # a Package
    return payload


def limit_of(payload: "Packed") -> float:
    """Return the seconds that a call may run. Tails may stand behind them."""
    return _behind(payload, _LIMIT)  # type: ignore[return-value]  # see there


def name_of(payload: "Packed") -> str:
    """Return the name of a call that has one behind its pickle."""
    return _behind(payload, _NAME)  # type: ignore[return-value]  # see there


def _behind(payload: "Packed", mark: bytes) -> object:
    data = payload if type(payload) is bytes else payload.payload  # type: ignore[union-attr]
    return loads(data[data.rfind(mark) + len(mark) :])  # type: ignore[union-attr]  # our own bytes


def seal(payload: "Packed", call_id: int, kind: int = 0) -> Message:
    """Put the tail behind a payload. Its out-of-band data is still the payload's."""
    tail = call_id << _KIND_BITS | kind
    if type(payload) is not bytes:
        return payload.as_message(tail)  # type: ignore[union-attr]
    if len(payload) < _LARGE:
        return payload + tail.to_bytes(8, "little")
    return payload, tail


def send(queue: "MessageQueue", payload: "Packed", call_id: int, kind: int = 0) -> None:
    """Send a payload. Its out-of-band data belongs to the receiver, from now on."""
    message = seal(payload, call_id, kind)
    if type(payload) is bytes:
        queue.send(message)
        return
    entries = payload.give_away()  # type: ignore[union-attr]
    try:
        queue.send(message)
    except Exception:  # there is no memory
        payload.entries = entries  # type: ignore[union-attr]
        raise


def end_lease(payload: "Packed") -> None:
    """Say that no view is held any more of the loans of a call (see `lending`)."""
    if type(payload) is not bytes:
        payload.end_lease()  # type: ignore[union-attr]


def notice(worker: int, kind: int) -> Message:
    """Make a notice. It answers no call, so its id is 0.

    It gives the number of the worker, not of its seat: when it is read, another one
    may sit there.
    """
    return seal(worker.to_bytes(8, "little"), 0, kind)


def worker_of(payload: "Packed") -> int:
    """Return the number of the worker that a notice is about."""
    return int.from_bytes(payload[:8], "little")  # type: ignore[index]  # bytes


def seal_bundle(calls: "list[Call]", kind: int) -> Message:
    """Make one message of several calls, or of several answers (see `bundle`)."""
    return seal(dumps(calls, 5), 0, kind)


def unbundle(messages: "list[Call]") -> "list[Call]":
    """Return the calls, or the answers, of unsealed messages, each by itself."""
    found: list[Call] = []
    for message in messages:
        if not message[1] and message[2] in {BUNDLE, ANSWERS}:
            found.extend(loads(message[0]))  # type: ignore[arg-type]  # our own bytes
        else:
            found.append(message)
    return found


def unseal(message: Message) -> "Call":
    """Return the payload (its tail may still be behind it), the call's id, the kind."""
    payload: Packed
    if isinstance(message, tuple):
        payload, tail, *out_of_band = message
        if out_of_band:
            from interpexec._sharing.package import Package  # most messages are a pickle alone

            payload = Package.from_message(message)
    else:
        payload, tail = message, int.from_bytes(message[-8:], "little")
    return payload, tail >> _KIND_BITS, tail & _KINDS
