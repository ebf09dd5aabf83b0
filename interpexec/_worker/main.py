"""A worker: all that runs in its interpreter.

    receive the Setup -> run the initializer -> take a call, run it, send Done -> ...
                             until the request queue is closed, a call is stopped,
                             or as many were run as this worker may
                      -> run the finalizer

Its thread entered this interpreter once and stays: entering costs 100-200 µs
on 3.14. A second thread follows the pool's orders meanwhile (`control`). Every worker
pays for each import here, so slow paths import what they need when they are taken.
"""

import _pickle
import gc
import sys
from _functools import partial
from time import monotonic_ns

from interpexec._core import current_call, main_module
from interpexec._core.cpython import Fifo, own_builtins, release_import_locks
from interpexec._core.message_queue import MessageQueue
from interpexec._core.waiting import Spinner
from interpexec._worker import run_call, threads, wire
from interpexec._worker.bundle import Bundle
from interpexec._worker.control import Helper, last_steps
from interpexec._worker.health import Health
from interpexec._worker.wire import (
    BESIDE,
    CALL,
    DONE,
    FAILURE,
    FINAL,
    LEAVE,
    LEAVING,
    NOT_FINALIZED,
    NOT_READY,
    READY,
    RETIRING,
    RETURNED,
    SINCE,
    VALUE,
)
from interpexec.errors import TaskCancelled, WorkerLostError

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

    from interpexec._core.cancellation import Interruptible
    from interpexec._sharing.package import Packed
    from interpexec._worker.forwarding import Forwarding
    from interpexec._worker.inherited import Inherited
    from interpexec._worker.retirement import Career, Retirement

type Config = tuple[
    current_call.Identity,
    list[str],
    main_module.Origin | None,
    tuple[bool, bool],
    Career,
    Inherited | None,
    Forwarding | None,
]
"""Index and name, sys.argv, how the program was started, whether there are an initializer and a
finalizer, the career; settings that are taken over when they are unpickled; the forwarding."""

# Seconds after which this interpreter's threads hand the GIL to each other. CPython's
# 5 ms are how long a busy call would hold up the helper, who is to stop it. Where no
# thread waits, it costs nothing.
_SWITCH_INTERVAL = 0.001

# How often to look for the next call before sleeping: some 100 µs, longer than it takes to
# hand a result to the thread that waits for it, and for that to submit its next call.
_LOOKS = 1500


def _work(queue: Fifo) -> None:
    """Be a worker. queue: brings the setup."""
    sys.setswitchinterval(_SWITCH_INTERVAL)
    worker, helper, career = _set_up(queue)
    emergency_steps = last_steps(helper)
    streams = sys.stdout, sys.stderr
    gc.enable()  # the bootstrap has disabled it
    try:
        helper.start()
        worker.live(helper, career)
    except TaskCancelled:
        pass  # an order that came while an earlier one was dealt with
    finally:
        try:
            helper.stop()
            worker.release()
            _flush(streams)
            threads.end_all()
        except BaseException:  # a call has damaged what this is made of
            for step in emergency_steps:
                try:
                    step()
                except BaseException:  # noqa: S110  # the next one may work
                    pass
            raise


def _set_up(queue: Fifo) -> "tuple[Worker, Helper, Career]":
    """Receive the setup, and make of it what runs here."""
    setup: wire.Setup = queue.recv()  # type: ignore[assignment]
    number, seat, requests, replies, control, slot, pickled, *calls = setup
    config: Config = _pickle.loads(pickled)  # our own bytes
    current_call.identity, sys.argv[:], origin, are_there, career, _, forwarding = config
    _, name = current_call.identity
    first, last = (
        wire.unseal(call)[0] if is_there else None
        for call, is_there in zip(calls, are_there, strict=True)
    )
    threads.name_this(name)
    threads.expect_threading()
    current_call.keep_unraisable()
    main_module.expect(origin, threads.when_imported)
    answers: Any = MessageQueue(token=replies)
    if forwarding is not None:
        from interpexec._worker import forwarding as forwarders  # most pools forward nothing

        answers = forwarders.install(forwarding, answers, number)
    threads.when_refused(partial(run_call.tell_refused, answers))
    queues = MessageQueue(token=requests), answers
    worker = Worker(number, seat, *queues, slot, name, first, last)
    helper = Helper(name, MessageQueue(token=control), worker)
    if forwarding is not None:
        helper.give_credit = answers.give_credit
    return worker, helper, career


def main(
    setup_queue: int,
    work: "Callable[[Fifo], None]" = _work,
    describe: "Callable[[BaseException], str]" = run_call.describe,
    lost: type[WorkerLostError] = WorkerLostError,
) -> None:
    """Be a worker until there is nothing left to do. Called by the bootstrap.

    A failure of the worker is sent to the pool as text, over the queue that brings the setup.
    An exception itself must not leave the interpreter: for that, CPython asks it for its
    attributes, and 3.14 crashes where these raise something (gh-143377).

    setup_queue: its id. The defaults are all it needs: a call may have emptied this module.
    """
    queue, told = Fifo(setup_queue), ""
    try:
        work(queue)
    except BaseException as error:  # see the docstring
        told = describe(error)
    try:
        if told:
            queue.send(told)
    except BaseException:  # a call has damaged what this is made of
        is_told = False
    else:
        is_told = True
    if not is_told:
        raise lost(told)  # a new one, without a context


class Worker:
    """Takes calls from one queue, runs them, and answers on another."""

    def __init__(  # noqa: PLR0913, PLR0917  # the setup
        self,
        number: int,
        seat: int,
        requests: MessageQueue,
        replies: MessageQueue,
        slot: "memoryview | list[int]",
        name: str = "",
        initializer: "Packed | None" = None,
        finalizer: "Packed | None" = None,
    ) -> None:
        self._name = name
        self._initializer = initializer
        self._finalizer = finalizer
        self._number = number
        self._seat = seat
        self._spinner = Spinner(_LOOKS)
        self._requests = requests
        self._replies = replies
        self._slot = slot
        self._bundle = Bundle(requests, replies, slot)
        self.hand_back, self.drop = self._bundle.hand_back, self._bundle.drop
        self._send = self._bundle.send
        self._calls: Interruptible | None = None
        self._health: Health | None = None
        requests.take_nothing_when(lambda: slot[LEAVE])

    def live(self, helper: Helper, career: "Career") -> None:
        """Do all that a worker does, from its first moment to its last."""
        begun, quota, is_successor = career
        if is_successor and self._finalizer is not None:
            # The finalizer of the predecessor comes first, and then this initializer.
            begun += helper.wait_to_go()
            is_successor = False
        retirement = None
        if quota is not None:
            # Before the initializer, which may change what imports need.
            from interpexec._worker.retirement import Retirement  # most workers never retire

            retirement = Retirement(quota, begun)
        calls = self._calls = helper.calls
        current_call.enter(calls)
        if not self._initialize(calls):
            return
        self._health = Health()
        self._slot[SINCE] = ready = monotonic_ns()  # from here on the pool knows that it is ready
        # The pool may have to look at the time now, as a call can begin; and a thread may wait.
        self._give_notice(READY)
        helper.is_ready()
        if is_successor:
            helper.wait_to_go()
        if retirement is not None:
            retirement.begin(ready / 1e9)
        self.work(calls, retirement)
        self._finalize(helper)
        self._give_notice(LEAVING)

    def _initialize(self, calls: "Interruptible") -> bool:
        """Run the pool's initializer, if there is one. Its failure is sent; then False."""
        payload, self._initializer = self._initializer, None
        if payload is None:
            return True
        outcome = self._run(calls, payload, self._number, run_call.perform)
        self._slot[CALL] = 0
        if outcome is None:  # the pool is being terminated
            return False
        _, failure = outcome
        if failure is not None:
            self._send(failure, 0, NOT_READY)
        return failure is None

    def _finalize(self, helper: Helper) -> None:
        """Run the pool's finalizer, if there is one, when all else has run. Its failure is sent."""
        payload, self._finalizer = self._finalizer, None
        if payload is None:
            return
        helper.end_broadcasts()
        calls = helper.calls
        calls.hit = 0  # that was another call
        outcome = self._run(calls, payload, self._number | FINAL, run_call.perform)
        self._slot[CALL] = 0
        _, failure = outcome or (None, run_call.pack_barely(TaskCancelled("it was stopped")))
        if failure is not None:
            self._send(failure, 0, NOT_FINALIZED)

    def work(self, calls: "Interruptible", retirement: "Retirement | None" = None) -> None:
        """Serve calls until there are no more, one is stopped, or there were enough."""
        slot, bundle, done, call_id = self._slot, self._bundle, 0, 0
        try:
            while not slot[LEAVE] and (call := bundle.next(self._receive)) is not None:
                payload, call_id, is_limited = call
                if is_limited:
                    calls.deadline = call_id, monotonic_ns() / 1e9 + wire.limit_of(payload)
                del call  # its loans are given back before the answer
                if retirement is not None and retirement.is_near(done):
                    self._give_notice(RETIRING)
                outcome = self._run(calls, payload, call_id, run_call.attempt)
                if outcome is not None:
                    if not bundle.keep(outcome[0], call_id):
                        self.reply(outcome, call_id)
                    done += 1
                    slot[DONE] = done
                slot[CALL] = 0
                calls.left = None
                if calls.hit or (retirement is not None and done == retirement.quota):
                    return
                # Nothing of this call is kept while waiting for the next one.
                del payload, outcome
        except BaseException as error:
            # A call has damaged what this is made of, or has thrown something at this thread.
            # If the last call was answered, this is of no interest to anybody.
            if not calls.hit:
                self._replies.send(
                    wire.seal(run_call.pack_loss(error, self._name), call_id, FAILURE)
                )
                self._give_notice(LEAVING)
            raise
        finally:
            bundle.hand_back()

    def _receive(self) -> object:
        """Take the next message; wait for it. None when this worker is to end."""
        requests, seat = self._requests, self._seat
        if (message := requests.recv_nowait()) is not None:
            return message
        if self._health is not None and not self._health.is_sound():
            self.leave()
            return None
        while (message := requests.recv_or_wake(seat, None, self._spinner)) is None:
            if self._slot[LEAVE]:
                requests.pass_on()  # the message that this one was woken for
                return None
            if requests.is_closed:
                return requests.recv_nowait()  # a call that was sent before that
        return message

    def _run(
        self,
        calls: "Interruptible",
        payload: "Packed",
        call_id: int,
        how: "Callable[[Packed, Interruptible], run_call.Outcome]",
    ) -> "run_call.Outcome | None":
        """Run a call; None when it was stopped: before it began, or `calls.hit`."""
        slot, outcome = self._slot, None
        try:
            slot[SINCE] = monotonic_ns()
            begins = calls.arm(call_id)  # before the pool knows, and gives orders about it
            slot[CALL] = call_id
            if begins:
                outcome = how(payload, calls)
            stopped = calls.disarm()
        except TaskCancelled:  # it came outside of the user's code
            stopped = calls.disarm()
        wire.end_lease(payload)
        calls.answer_asks()
        if not stopped:
            return outcome
        release_import_locks()  # for a broadcast that runs still
        calls.give_back_held()
        return None

    def reply(self, outcome: "run_call.Outcome", call_id: int) -> None:
        """Send Done. From any thread of the worker."""
        value, failure = outcome
        if failure is None:
            self._send(value, call_id, VALUE)  # type: ignore[arg-type]  # one of them is no None
        else:
            self._reply_failure(failure, call_id)

    def _reply_failure(self, failure: "Packed", call_id: int) -> None:
        """Send the failure of a call; or return the call, where an earlier one did the damage.

        A call that could not be unpickled has not begun, and another worker may be able to.
        The first one here is never returned: an initializer's work is no damage. So each call
        that is returned costs a worker that has run one, and no call comes back for ever.
        """
        calls, health = self._calls, self._health
        if calls is None or health is None:
            self._send(failure, call_id, FAILURE)
            return
        unloaded, calls.unloaded = calls.unloaded, None
        if unloaded is not None and unloaded[0] == call_id and self._slot[DONE]:
            payload = unloaded[1]
            if type(payload) is bytes and not health.is_unchanged():
                self.leave()
                wire.send(self._replies, payload, call_id, RETURNED)
                return
        self._send(failure, call_id, FAILURE)
        if run_call.faults or not health.is_sound():
            self.leave()

    def run_beside(self, call_id: int) -> None:
        """Let the pool know that a broadcast begins; with 0, that it has ended."""
        self._slot[BESIDE] = call_id

    def leave(self) -> None:
        """Have this worker end after its call. From any thread of the worker."""
        self._slot[LEAVE] = 1
        self._requests.wake(self._seat)

    def release(self) -> None:
        """Release the pool's memory before this interpreter ends, and not by its end."""
        self._finalizer = None  # that of a lost worker gives its descriptors back
        self._requests.release()
        self._replies.release()
        self._slot.release()  # type: ignore[union-attr]  # a list only in tests

    def _give_notice(self, kind: int) -> None:
        self._replies.send(wire.notice(self._number, kind))


def _flush(streams: "tuple[TextIO | None, ...]") -> None:
    """Write out what the calls printed: the interpreter ends now, not the process.

    streams: what they were at first.
    """
    for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None), *streams):
        try:
            stream.flush()  # type: ignore[union-attr]  # None is one of those that fail
        except BaseException:  # noqa: S110  # the user's stream, or a closed one
            pass
