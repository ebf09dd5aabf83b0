"""Bundles: short calls that come in one message, and whose answers leave in one.

A message costs as much as a short call. So where calls are short and many wait, the pool
sends several in one (`_pool.bundles`). The worker that takes them runs them in their order.

    request queue --take--> held --next--> (runs) --keep--> answers --flush--> reply queue
                             |                                                     ^
                             +---------------------hand_back-----------------------+

One that takes long does not hold up the others. As soon as they have taken a millisecond together,
the answers are sent, and what has not begun is handed back if another worker has nothing to do.
Where a single one takes long, the pool orders that after some milliseconds. The pool sends them
again: what a worker put into the request queue would be gone with its interpreter.

Purpose: fewer messages for short calls.
Guarantees: each call that was taken is run here, or handed back; each answer that was kept is
sent once; whichever thread comes first.
Assumptions: one thread takes and runs, the one of the calls; the helper may flush, hand back and
drop at any time. A `deque` moves one object in one step.
"""

import _pickle
from _collections import deque
from time import monotonic_ns

from interpexec._core import main_module
from interpexec._core.cpython import own_builtins
from interpexec._worker import wire

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._core.message_queue import MessageQueue
    from interpexec._sharing.package import Packed
    from interpexec._worker.wire import Call

_SHORT = 1_000_000
"""ns that calls may take together before their answers are sent: about what fifty messages cost."""


class Bundle:
    """The calls of bundles that have not begun in this worker, and answers that were not sent."""

    def __init__(
        self, requests: "MessageQueue", replies: "MessageQueue", slot: "memoryview | list[int]"
    ) -> None:
        """Hold nothing."""
        self._requests = requests
        self._replies = replies
        self._slot = slot
        self._held: deque[Call] = deque()
        self._answers: deque[Call] = deque()
        self._begun = 0  # when the bundle was taken, or answers were sent last; ns
        # Whether answers are kept: a bundle was taken, and not all of its calls were run.
        self._is_open = False

    def next(self, receive: "Callable[[], object]") -> "Call | None":
        """Return the next call: one that is held, or the first one of the next message.

        receive: waits for a message. None: there is none any more.
        """
        while not self._is_open or (call := self._next_held()) is None:
            if (message := receive()) is None:
                return None
            call = wire.unseal(message)  # type: ignore[arg-type]
            if call[2] != wire.BUNDLE:
                return call
            self._take(call[0])
        return call

    def _take(self, payload: "Packed") -> None:
        self._is_open = True
        self._begun = monotonic_ns()
        self._slot[wire.HELD] = 1  # before a call of it begins
        self._held.extend(_pickle.loads(payload))  # type: ignore[arg-type]  # our own bytes

    def _next_held(self) -> "Call | None":
        """Return the next call of the bundle. None: there is none, and all answers are sent."""
        try:
            call: Call = self._held.popleft()
        except IndexError:  # the last one was run, or the helper has handed it back
            self._is_open = False
            self.flush()
            self._slot[wire.HELD] = 0
            return None
        return call

    def keep(self, value: "Packed | None", call_id: int) -> bool:
        """Keep the value of a call for a moment; False if it is to be sent at once.

        Then those that are kept have been sent before it.
        """
        if not self._is_open:
            return False
        if type(value) is not bytes or len(value) > wire.SHORT:
            self.flush()
            return False
        self._answers.append((value, call_id, _kind(wire.VALUE)))
        if (now := monotonic_ns()) - self._begun > _SHORT:
            self._begun = now
            self.flush()
            if self._held and self._requests.is_waited_for():
                self.hand_back()
        return True

    def send(self, payload: "Packed", call_id: int, kind: int) -> None:
        """Send an answer. From any thread of the worker."""
        wire.send(self._replies, payload, call_id, _kind(kind))

    def flush(self) -> None:
        """Send the answers that are kept."""
        answers = _drain(self._answers)
        if len(answers) > 1:
            self._replies.send(wire.seal_bundle(answers, wire.ANSWERS))
        elif answers:
            wire.send(self._replies, *answers[0])

    def hand_back(self) -> None:
        """Send the answers, and send back the calls that have not begun, the last one first."""
        held = reversed(_drain(self._held))
        self._answers.extend((payload, call_id, wire.RETURNED) for payload, call_id, _ in held)
        self.flush()

    def drop(self, call_id: int) -> None:
        """Let go of a call that was cancelled, if it has not begun."""
        for call in list(self._held):
            if call[1] == call_id:
                try:
                    self._held.remove(call)
                except ValueError:  # it begins just now
                    pass


def _kind(kind: int) -> int:
    """Return the kind of an answer: whether this worker has run the program is told in it."""
    return kind | wire.AFTER_MAIN if main_module.was_run() else kind


def _drain(calls: "deque[Call]") -> "list[Call]":
    """Take all that is there, the first one first. Another thread may take some of it."""
    taken: list[Call] = []
    while calls:
        try:
            taken.append(calls.popleft())
        except IndexError:  # that was the last one
            break
    return taken
