"""The control channel, on the worker's side: orders that come while a call runs.

    the pool                               the worker

    ControlChannel                         Helper, a thread beside the one that runs calls
      .stop_call(id)  -- Order STOP ---->    TaskCancelled is thrown at that call
      .broadcast(id)  -- Order CALL ---->    ... and on to the Broadcasts thread
      .hand_back()     -- Order HAND_BACK >  calls that it holds, and has not begun, go to others
      .ask_stack(id)  -- Order STACK --->    the frames of the running call
      .ask_items(id)  -- Order ITEMS --->    what it has not begun is taken from it, and the
                                             outcomes that are there, if they are wanted
      .go()           -- Order GO ------>    a successor may take its first call
      .give_credit(n) -- Order CREDIT -->    what is forwarded may be sent (see `outbox`)
      .trace(share)   -- Order TRACE --->    calls are recorded from now on, or no more

The answers are sent with those of the calls. It is the "pending-call callback
mechanism between interpreters" of Steve Dower's mail on PEP 554 (python-dev,
3 October 2017), which "you can do trivially with threads and another channel".

A broadcast runs the user's code for as long as it likes, so broadcasts have a thread
of their own (made for the first one): a call can be stopped meanwhile. That thread stands
in this file, since a further one would cost every worker 0.1 ms.
"""

import sys
from _functools import partial
from _pickle import dumps
from _queue import SimpleQueue
from _thread import allocate_lock
from time import monotonic

from interpexec._core import current_call, main_module, signals
from interpexec._core.cancellation import Interruptible, this_thread
from interpexec._core.cpython import SIGNALS_WAKE, own_builtins, release_import_locks
from interpexec._core.message_queue import MessageQueue
from interpexec._core.sigint import keep_whole
from interpexec._worker import threads
from interpexec._worker.run_call import Outcome, attempt
from interpexec._worker.wire import end_lease, unseal
from interpexec.errors import TaskCancelled

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import _ThreadHandle
    from collections.abc import Callable
    from typing import Any, Protocol

    from interpexec._sharing.package import Packed
    from interpexec._worker.wire import Message

    class Owner(Protocol):
        """The worker, as its other threads use it."""

        def reply(self, outcome: Outcome, call_id: int) -> None:
            """Send the outcome of a call."""

        def run_beside(self, call_id: int) -> None:
            """Let the pool know that a broadcast begins; with 0, that it has ended."""

        def leave(self) -> None:
            """End after the call that runs."""

        def hand_back(self) -> None:
            """Leave the calls that it holds to other workers."""

        def drop(self, call_id: int) -> None:
            """Let go of a call that it holds."""


keep_whole()


STOP, CALL, STACK, ITEMS, GO, CREDIT, TRACE, HAND_BACK = range(8)

_END = 0

type Order = tuple[int, int, "Message"]
"""The kind of an order, the id of a call, and more about it: for CALL the call itself, for
ITEMS the id of the call that has them, and whether outcomes are wanted."""

type Frames = list[tuple[str, int, str]]
"""File, line and function of each frame, the outermost first."""

# A signal that comes before the thread blocks wakes nobody, so it is sent again after so
# many seconds, and then each time after the last of these, as long as the call is there:
# it may have computed in C before it came to its system call.
_SIGNAL_AGAIN = 0.005, 0.05, 0.5


# How often the helper goes on after an exception that no order has raised.
_MOST_FAULTS = 8


class Helper:
    """The worker's end of the control channel: a thread that follows the pool's orders."""

    def __init__(self, name: str, orders: MessageQueue, worker: "Owner") -> None:
        """Make it, in the thread that runs the calls."""
        self._orders = orders
        self._worker = worker
        self.calls = Interruptible(this_thread())
        self.calls.answer = self._send_items
        self._broadcasts = Broadcasts(name, worker, self.calls)
        self.give_credit: Callable[[int], object] = bool  # of a worker that forwards nothing
        self._may_go = allocate_lock()
        self._may_go.acquire()
        # The thread whose call was stopped, and the signal that may get it out of a system call.
        self._stopped: Interruptible | None = None
        self._signal = 0
        self._pauses: list[float] = []
        self._name = f"{name}_control"
        self._listener: _ThreadHandle | None = None

    def start(self) -> None:
        """Begin to listen.

        While calls run the helper imports nothing: a call that was stopped in the
        middle of an import may hold the lock of all imports. (One exception is `package`, for
        the first broadcast with out-of-band data. Where that has to wait for such a call,
        nothing is lost: its worker leaves.)
        """
        if SIGNALS_WAKE:
            import _signal  # noqa: F401  # for `_wake_stopped`
            import select  # noqa: F401  # for the timeout of a sleep
        while (order := self._orders.recv_nowait()) is not None:
            self._try_to_follow(*order)  # type: ignore[misc]  # those that came before this
        # It keeps the mask shut, as it runs nothing of the user's (see `signals`): its first steps
        # come when the first call runs, which may be what a program waits for with a Ctrl-C.
        mask = signals.shut()
        try:
            self._listener = threads.start(self._listen, self._name)
        finally:
            signals.reopen(mask)

    def is_ready(self) -> None:
        """Learn that the initializer has run: broadcasts may run from now on."""
        self._broadcasts.begin()

    def wait_to_go(self) -> float:
        """Block until the pool says that this worker may take calls; return for how long."""
        begun = monotonic()
        self._may_go.acquire()
        return monotonic() - begun

    def end_broadcasts(self) -> None:
        """Run the broadcasts that have come, and none that come later."""
        self._broadcasts.stop()

    def stop(self) -> None:
        """End both threads. By the worker's thread, before its interpreter ends."""
        # In this order: a broadcast can be stopped as long as this thread listens.
        self.end_broadcasts()
        self._orders.close()
        if self._listener is not None:  # it could be started
            self._listener.join()
        self._orders.release()

    def closing_steps(self) -> "list[Callable[[], object]]":
        """Return C functions that have both threads end, whatever calls have damaged."""
        return [self._broadcasts.close, *self._orders.closing_steps()]

    def _listen(self) -> None:
        """Follow orders until the channel is closed.

        A call may throw something at this thread, too; or it has damaged what this is made
        of: then it is of no use to go on. In either case its worker is to end soon.
        """
        for _ in range(_MOST_FAULTS):
            try:
                self._follow_all()
            except BaseException:  # see the docstring
                if self._orders.is_closed:
                    return
                self._worker.leave()
            else:
                return

    def _follow_all(self) -> None:
        orders = self._orders
        while True:
            order = orders.recv_or_wake(timeout=self._wake_stopped())
            if order is None and orders.is_closed:
                order = orders.recv_nowait()  # one that was sent before that
                if order is None:
                    return
            if order is not None:
                self._try_to_follow(*order)  # type: ignore[misc]  # an Order
                del order  # its loans are not kept until the next one

    def _try_to_follow(self, what: int, call_id: int, message: "Message") -> None:
        try:
            self._follow(what, call_id, message)
        except Exception as error:  # there is no thread, or no memory
            from interpexec._sharing import raised  # as rarely as can be

            self._worker.reply((None, raised.pack(error)), call_id)

    def _follow(self, what: int, call_id: int, message: "Message") -> None:
        if what == STOP:
            self._stop_call(call_id, message[0])
        elif what == CALL:
            self._broadcasts.add(call_id, unseal(message)[0])
        elif what == STACK:
            self._send_stack(call_id)
        elif what == ITEMS:
            of, takes_outcomes = int.from_bytes(message[:8], "little"), bool(message[8])
            self.calls.ask_for_items(of, call_id, takes_outcomes=takes_outcomes)
        elif what == CREDIT:
            self.give_credit(call_id)
        elif what == TRACE:
            self._trace(call_id, message)
        elif what == HAND_BACK:
            self._worker.hand_back()
        else:
            self._may_go.release()

    def _trace(self, call_id: int, message: "Message") -> None:
        from interpexec._worker import recorder  # few pools are traced

        recorder.switch(self._worker, message)  # type: ignore[arg-type]  # a Share, or nothing
        if call_id:
            self._worker.reply((dumps(None, 5), None), call_id)

    def _stop_call(self, call_id: int, signal: int) -> None:
        thread = self.calls
        if not thread.interrupt(call_id):
            self._worker.drop(call_id)
            if self._broadcasts.forget(call_id):
                return
            thread = self._broadcasts.calls
            if not thread.interrupt(call_id):
                return
        self._stopped, self._signal = thread, signal
        self._pauses = list(_SIGNAL_AGAIN)

    def _wake_stopped(self) -> float | None:
        """Signal a stopped call, lest a system call blocks it; return when to do it again.

        On the versions where that helps, the pool names a signal.
        """
        thread = self._stopped
        if not self._signal or thread is None or not thread.armed:
            return None
        assert thread.thread is not None  # it was thrown at
        import _signal  # at the start it was

        _signal.pthread_kill(thread.thread.ident, self._signal)
        return self._pauses.pop(0) if len(self._pauses) > 1 else self._pauses[0]

    def _send_items(self, call_id: int, count: int, early: bytes | None) -> None:
        self._worker.reply((dumps((count, early), 5), None), call_id)

    def _send_stack(self, call_id: int) -> None:
        self._worker.reply((dumps(self._frames(), 5), None), call_id)

    def _frames(self) -> Frames:
        """Return the frames of the running call, without those of the worker around it."""
        frames: Frames = []
        frame = None if self.calls.thread is None else self.calls.thread.frame()
        while frame is not None and frame.f_code is not attempt.__code__:
            code = frame.f_code
            frames.append((code.co_filename, frame.f_lineno or 0, code.co_qualname))
            frame = frame.f_back
        return frames[::-1]


def last_steps(helper: Helper) -> "list[Callable[[], object]]":
    """Return C functions that end all threads of this interpreter, whatever calls have damaged.

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


class Broadcasts:
    """The broadcasts in one worker: run in turn, by a thread made for the first one."""

    def __init__(self, name: str, worker: "Owner", beside: Interruptible) -> None:
        """beside: the thread that runs the worker's calls."""
        self._name = f"{name}_broadcasts"
        self._worker = worker
        self._beside = beside
        self._mask = signals.current_mask()  # of the thread that makes this: the helper's is shut
        self.calls = Interruptible(None)
        self._lock = allocate_lock()  # guards what follows, but for the queue
        self._waiting: dict[int, Packed] = {}  # those that were not begun, by call id
        self._thread: _ThreadHandle | None = None
        self._has_begun = False
        self._is_over = False
        self._queue: SimpleQueue[int] = SimpleQueue()  # ids in their order, then _END
        self.close: Callable[[], object] = partial(self._queue.put, _END)
        """Has the thread end when it has done what it was given."""

    def begin(self) -> None:
        """Let the thread run those that are there, and those that come."""
        with self._lock:
            self._has_begun = True
            for call_id in self._waiting:
                self._queue.put(call_id)

    def add(self, call_id: int, payload: "Packed") -> None:
        """Run a pickled call after those that were added before. By the helper."""
        with self._lock:
            if self._is_over:
                return  # the pool takes it for cancelled
            if self._thread is None:
                self._thread = threads.start(self._run, self._name)
            self._waiting[call_id] = payload
            if self._has_begun:
                self._queue.put(call_id)

    def forget(self, call_id: int) -> bool:
        """Do not run a call; return whether it was waiting. By the helper."""
        with self._lock:
            return self._waiting.pop(call_id, None) is not None

    def stop(self) -> None:
        """Run what was added, if the worker was ever ready; end the thread."""
        with self._lock:
            self._is_over = True
            self.close()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        signals.reopen(self._mask)
        self._become_interruptible()
        try:
            while (call_id := self._queue.get()) != _END:
                with self._lock:
                    payload = self._waiting.pop(call_id, None)
                if payload is not None:
                    self._run_one(call_id, payload)
                    del payload  # its loans are not kept until the next one
        finally:
            current_call.leave()

    def _become_interruptible(self) -> None:
        """Let the calls of this thread be stopped; once, then it is done again."""
        self.calls = Interruptible(this_thread())
        current_call.enter(self.calls)

    def _run_one(self, call_id: int, payload: "Packed") -> None:
        """Run a call, and answer, unless it was stopped."""
        outcome = None
        self._worker.run_beside(call_id)
        try:
            if self.calls.arm(call_id):
                outcome = attempt(payload, self.calls, self._load)
            stopped = self.calls.disarm()
        except TaskCancelled:  # outside of the user's code
            stopped = self.calls.disarm()
        if stopped:
            release_import_locks()
            self.calls.give_back_held()
            # The worker ends, with all that the call has half changed; others run until then.
            self._worker.leave()
            self._become_interruptible()
        elif outcome is not None:
            end_lease(payload)
            self._worker.reply(outcome, call_id)
        self._worker.run_beside(0)
        self.calls.left = None

    def _load(self, payload: "Packed") -> "Any":
        """Unpickle a call.

        Unlike the rest of it, this is not interrupted: a call that waits for the same
        import, beside this, would fail. The other way round it is tried again.
        """
        self.calls.raise_shield()
        try:
            return main_module.loads(payload)
        except Exception:
            if not self._beside.hit or type(payload) is not bytes:
                raise
            return main_module.loads(payload)
        finally:
            self.calls.lower_shield()
