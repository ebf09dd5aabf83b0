"""The far side: all that runs in a worker's interpreter.

    receive the Setup -> run the initializer -> take a call, run it, send Done -> ...
                             until the request channel is closed, a call is stopped,
                             or as many were run as this worker may

Its thread entered this interpreter once and stays: entering costs 100-200 µs
on 3.14. A second one follows home's orders meanwhile (`control`). What is
imported here is paid again by every worker, so slow paths import what they need
when they are taken.
"""

import _pickle
import gc
import sys
from _functools import partial
from time import monotonic, monotonic_ns

from interpexec._core import current_call, main_module
from interpexec._core.cpython import Fifo, own_builtins, release_import_locks
from interpexec._core.message_queue import MessageQueue, Token
from interpexec._core.waiting import Spinner
from interpexec._worker import run_call, threads, wire
from interpexec._worker.control import Helper
from interpexec._worker.health import Health
from interpexec._worker.wire import (
    AFTER_MAIN,
    BESIDE,
    CALL,
    DONE,
    FAILURE,
    LEAVE,
    LEAVING,
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
    from typing import TextIO

    from interpexec._core.cancellation import Interruptible
    from interpexec._sharing.package import Packed

type Setup = tuple[int, int, Token, Token, Token, memoryview, bytes, wire.Message]
"""The worker's number and seat; the request, reply and callback channels; the slot; a
pickled Config; the initializer's call. The number is the id of that call, too."""

type Config = tuple[str, list[str], main_module.Origin | None, bool, Career]
"""Thread name, sys.argv, how the program was started, whether there is an initializer, the
career."""

type Career = tuple[float, int | None, bool]
"""When home began to make this worker; after how many calls it ends; whether it is a
successor, which waits until its predecessor takes no further call."""

# Seconds after which this interpreter's threads hand the GIL to each other. CPython's
# 5 ms are how long a busy call would hold up the helper, who is to stop it. Where no
# thread waits, it costs nothing.
_SWITCH_INTERVAL = 0.001

# How often to look for the next call before sleeping: some 100 µs, longer than home takes
# to hand a result to who waits for it, and to take the next call from him.
_LOOKS = 1500

# A successor is wanted when what is left for this worker takes no more than so many
# times as long as this worker took to be ready.
_HEAD_START = 2


def _work(line: Fifo) -> None:
    """Be a worker. line: what the setup comes by."""
    sys.setswitchinterval(_SWITCH_INTERVAL)
    setup: Setup = line.recv()  # type: ignore[assignment]
    number, seat, requests_token, replies_token, callbacks_token, slot, pickled, call = setup
    config: Config = _pickle.loads(pickled)  # our own bytes
    name, sys.argv[:], origin, has_initializer, career = config
    initializer = wire.unseal(call)[0] if has_initializer else None
    del setup, call
    threads.name_this(name)
    threads.expect_threading()
    current_call.keep_unraisable()
    main_module.expect(origin)
    requests, replies = MessageQueue(token=requests_token), MessageQueue(token=replies_token)
    worker = Worker(number, seat, requests, replies, slot, name)
    helper = Helper(name, MessageQueue(token=callbacks_token), worker)
    last_steps = _last_steps(helper)
    streams = sys.stdout, sys.stderr
    gc.enable()  # the bootstrap has disabled it
    try:
        helper.start()
        worker.live(helper, initializer, career)
    except TaskCancelled:
        pass  # an order that came while an earlier one was dealt with
    finally:
        try:
            helper.stop()
            # Home's memory is let go before this interpreter ends, not by its end.
            requests.release()
            replies.release()
            slot.release()
            _flush(streams)
            threads.end_all()
        except BaseException:  # a call has damaged what this is made of
            for step in last_steps:
                try:
                    step()
                except BaseException:  # noqa: S110  # the next one may work
                    pass
            raise


def main(
    setup_line: int,
    work: "Callable[[Fifo], None]" = _work,
    describe: "Callable[[BaseException], str]" = run_call.describe,
    lost: type[WorkerLostError] = WorkerLostError,
) -> None:
    """Be a worker until there is nothing left to do. Called by the bootstrap.

    What goes wrong is told home as text, over the line that the setup has come by. An
    exception itself must not leave the interpreter: for that, CPython asks it for its
    attributes, and 3.14 crashes where these raise something (gh-143377).

    The defaults are what it needs: a call may have emptied this module.
    """
    line, told = Fifo(setup_line), ""
    try:
        work(line)
    except BaseException as error:  # see above
        told = describe(error)
    try:
        if told:
            line.send(told)
    except BaseException:  # a call has damaged what this is made of
        is_told = False
    else:
        is_told = True
    if not is_told:
        raise lost(told)  # a new one, without a context


def _last_steps(helper: Helper) -> "list[Callable[[], object]]":
    """Return what ends all threads of this interpreter, whatever calls have done to it: C code.

    CPython dies, or hangs, where threads are left when the interpreter ends.
    """
    return [
        *(partial(reset, None) for reset in (sys.settrace, sys.setprofile)),
        *(partial(sys.monitoring.set_events, tool, 0) for tool in range(6)),
        partial(sys.setrecursionlimit, 1000),
        *helper.closing_steps(),
        # Twice, since a thread may throw something at this one.
        *(threads.end_all, threads.join_all, threads.join_all),
    ]


class Worker:
    """Takes calls from one channel, runs them, and answers on another."""

    def __init__(  # noqa: PLR0913, PLR0917  # what home has given
        self,
        number: int,
        seat: int,
        requests: MessageQueue,
        replies: MessageQueue,
        slot: "memoryview | list[int]",
        name: str = "",
    ) -> None:
        self._name = name
        self._number = number
        self._seat = seat
        self._spinner = Spinner(_LOOKS)
        self._requests = requests
        self._replies = replies
        self._slot = slot
        self._calls: Interruptible | None = None
        self._health: Health | None = None
        requests.take_nothing_when(lambda: slot[LEAVE])

    def live(self, helper: Helper, initializer: "Packed | None", career: "Career") -> None:
        """Do all that a worker does, from its first moment to its last."""
        begun, quota, is_successor = career
        calls = self._calls = helper.calls
        current_call.enter(calls)
        if initializer is not None:
            if not self.initialize(calls, initializer):
                return
            del initializer  # what was lent for it
        self._health = Health()
        self._slot[SINCE] = monotonic_ns()  # from here on home knows that it is ready
        # It may have to look at the time now, as a call can begin; and somebody may wait.
        self._give_notice(READY)
        helper.is_ready()
        if is_successor:
            helper.wait_to_go()
        retirement = None
        if quota is not None:
            retirement = _Retirement(quota, _HEAD_START * (monotonic() - begun))
        self.work(calls, retirement)
        self._give_notice(LEAVING)

    def initialize(self, calls: "Interruptible", payload: "Packed") -> bool:
        """Run the pool's initializer. A failure is reported home; then False."""
        outcome = self._run(calls, payload, self._number, run_call.perform)
        self._slot[CALL] = 0
        if outcome is None:  # the pool is being terminated
            return False
        _, failure = outcome
        if failure is not None:
            self._send(failure, 0, NOT_READY)
        return failure is None

    def work(self, calls: "Interruptible", retirement: "_Retirement | None" = None) -> None:
        """Serve calls until there are no more, one is stopped, or there were enough."""
        slot, done, call_id = self._slot, 0, 0
        try:
            while not slot[LEAVE] and (message := self._next()) is not None:
                payload, call_id, _ = wire.unseal(message)  # type: ignore[arg-type]
                del message  # what is lent with it is given back before the answer
                if retirement is not None and retirement.is_near(done):
                    self._give_notice(RETIRING)
                outcome = self._run(calls, payload, call_id, run_call.attempt)
                if outcome is not None:
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

    def _next(self) -> object:
        """Take the next call; wait for it. None when this worker is to end."""
        requests, seat = self._requests, self._seat
        if (message := requests.recv_nowait()) is not None:
            return message
        if self._health is not None and not self._health.is_sound():
            self.leave()
            return None
        while (message := requests.recv_or_wake(seat, None, self._spinner)) is None:
            if self._slot[LEAVE]:
                requests.pass_on()  # what this one was woken for
                return None
            if requests.is_closed:
                return requests.recv_nowait()  # what was sent before that comes before it
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
            begins = calls.arm(call_id)  # before home knows, and gives orders about it
            slot[CALL] = call_id
            if begins:
                outcome = how(payload, calls)
            stopped = calls.disarm()
        except TaskCancelled:  # it came beside the user's code
            stopped = calls.disarm()
        wire.end_lease(payload)
        calls.answer_asks()
        if not stopped:
            return outcome
        release_import_locks()  # for what was broadcast, and runs still
        calls.give_back_held()
        return None

    def reply(self, outcome: "run_call.Outcome", call_id: int) -> None:
        """Send Done home. From any thread of the worker."""
        value, failure = outcome
        if failure is None:
            self._send(value, call_id, VALUE)  # type: ignore[arg-type]  # one of them is no None
        else:
            self._reply_failure(failure, call_id)

    def _reply_failure(self, failure: "Packed", call_id: int) -> None:
        """Send home that a call has failed; or the call itself, where that was damage of another.

        Where it could not be unpickled, it has not begun, and another worker may be able to.
        But for the first one here, as damage is not what an initializer has done. So each
        call that is sent home costs a worker that has run one, and no call comes back for ever.
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
        """Tell home that something that was broadcast begins; with 0, that it has ended."""
        self._slot[BESIDE] = call_id

    def leave(self) -> None:
        """Have this worker end after its call. From any thread of the worker."""
        self._slot[LEAVE] = 1
        self._requests.wake(self._seat)

    def _give_notice(self, kind: int) -> None:
        self._replies.send(wire.notice(self._number, kind))

    def _send(self, payload: "Packed", call_id: int, kind: int) -> None:
        if main_module.was_run():
            kind |= AFTER_MAIN
        wire.send(self._replies, payload, call_id, kind)


class _Retirement:
    """When a worker that may run only so many calls is near its end."""

    def __init__(self, quota: int, head_start: float) -> None:
        """quota: of calls. head_start: seconds that its successor needs to be ready."""
        self.quota = quota
        self._head_start = head_start
        self._begun = monotonic()
        self._was_told = False

    def is_near(self, done: int) -> bool:
        """Say whether a successor is to be made now, before the next call. True once.

        At the latest before the last call; earlier when the calls so far were short.
        """
        left = self.quota - done
        spent = monotonic() - self._begun
        if self._was_told or (left > 1 and spent * left > self._head_start * done):
            return False
        self._was_told = True
        return True


def _flush(streams: "tuple[TextIO | None, ...]") -> None:
    """Write out what the calls printed: the interpreter ends now, not the process.

    streams: what they were at first.
    """
    for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None), *streams):
        try:
            stream.flush()  # type: ignore[union-attr]  # None is one of those that fail
        except BaseException:  # noqa: S110  # the user's stream, or a closed one
            pass
