"""The thread of the pool that owns a worker's interpreter.

create the interpreter -> run `main.main` in it, until it has nothing
left to do -> take its last messages -> destroy it -> tell the pool
"""

import pickle
import sys
from time import monotonic

from interpexec._core import main_module, memory_tracing
from interpexec._core.cpython import RAW_THREADS_ABORT, Fifo, Interpreter, absent_streams, is_main
from interpexec._core.sigint import keep_whole
from interpexec._core.thread import Thread
from interpexec._pool.control_channel import ControlChannel
from interpexec._pool.lending import FOR_INITIALIZERS, LOANS
from interpexec._sharing.importable import OWN_ENTRY, path_for_worker
from interpexec._worker import inherited
from interpexec._worker.wire import seal, unseal
from interpexec.errors import WorkerLostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import SimpleNamespace
    from typing import Protocol

    from interpexec._pool.lending import Loan
    from interpexec._pool.link import Link
    from interpexec._pool.settings import Settings
    from interpexec._pool.tally import Tally
    from interpexec._sharing.package import Package, Packed
    from interpexec._worker.main import Config
    from interpexec._worker.wire import Setup

    class Pool(Protocol):
        """The part of a pool that the threads of its workers use."""

        name: str
        settings: Settings
        tally: Tally

        def take_replies(self, link: Link) -> None:
            """Take the worker's replies before its interpreter ends."""

        def worker_gone(self, worker: "WorkerThread", loss: BaseException | None) -> None:
            """Learn that the interpreter is gone, and why, if it was lost."""


keep_whole()

# The only code that enters a worker as text: all else it imports. `interpexec` is looked for
# where this interpreter has found it, before all other entries of the path: some may have come
# since, and the modules of two versions do not understand each other. On 3.13 an interpreter
# can receive a memoryview only after it imported `_interpreters`.
# Nothing that is made while it starts is garbage: to look for some takes 0.4 ms.
# The first import of `_pickle` decides what comes with it.
_BOOTSTRAP = """\
import gc, sys, _interpreters
gc.disable()
{streams}
sys.path[:] = {path!r}
import interpexec
del sys.path[0]
from interpexec._core.cpython import import_pickle
import_pickle()
from interpexec._worker.main import main
main({setup_line})
"""


def _absent_streams() -> str:
    """Return the code that lets a worker have no standard stream that the program has not.

    Its own Python looks whether the descriptor is open; by now somebody may have opened
    another file there.
    """
    return "; ".join(f"sys.{name} = sys.__{name}__ = None" for name in absent_streams())


type Place = tuple[int, int, bool]
"""The worker's seat; its index among the workers that take calls; whether it is a successor, which
waits until its predecessor takes no further call."""


class WorkerThread(Thread):
    """An OS thread that owns one interpreter, from its start to its end."""

    def __init__(
        self,
        pool: "Pool",
        link: "Link",
        place: Place,
        number: int,
    ) -> None:
        """Make the thread. It refers to the pool's state, and never to the executor."""
        seat, index, is_successor = place
        # A daemon: `process_hooks` waits for it when the program ends, as long as that is of use.
        # (Not in a worker, where no thread may be one.)
        super().__init__(name=f"{pool.name}_{index}", daemon=is_main())
        self._pool = pool
        self._link = link
        self._is_successor = is_successor
        self.seat, self.index = seat, index
        self.number = number
        self.control = ControlChannel(link.fifo())
        self._inherited = inherited.take()  # as it is for the thread that wants this worker
        self.interpreter_id: int | None = None  # before there is one
        self.is_ready = False  # it has said so
        self.stopped = -1, ""  # the id and the name of the call that was stopped in it
        self._loans: list[Loan] = []  # of its initializer and its finalizer
        self.made_at = monotonic()
        self.left_at = 0.0  # when it was counted out, in seconds of the monotonic clock

    def run(self) -> None:
        """Own an interpreter, and tell the pool when it is gone, and why."""
        super().run()
        loss = None
        try:
            self._own_interpreter()
        except BaseException as error:  # the pool must learn of it
            loss = error
        for loan in self._loans:
            LOANS.forget(loan)
        self._pool.tally.worker_ends()
        self._pool.worker_gone(self, loss)
        del self._pool, self._link

    def _own_interpreter(self) -> None:
        """Create, run, destroy.

        Raises NotShareableError when the pool's initializer, or its finalizer, cannot be sent.
        """
        settings = self._pool.settings
        calls = [settings.initializer.dump(), settings.finalizer.dump()]
        packages = self._lend(calls)
        setup = self._setup(calls)
        with memory_tracing.kept_off():
            interpreter = Interpreter()
        self.interpreter_id = interpreter.id
        is_beyond_help = False
        try:
            line = self._link.fifo()
            while packages:
                packages.pop().give_away()
            line.send(setup)
            del setup, calls  # the views in them are the worker's now
            path = [OWN_ENTRY, *path_for_worker()]
            code = _BOOTSTRAP.format(path=path, setup_line=line.id, streams=_absent_streams())
            summary = interpreter.run(code)
            told = self._read_last(line)
            line.destroy()
            is_beyond_help = summary is not None and self._may_have_threads(summary)
        finally:
            try:
                # Its messages are taken before it ends: those left in the channel
                # would be removed with it.
                self._pool.take_replies(self._link)
            finally:
                if is_beyond_help:
                    self.control.abandon()
                else:
                    with memory_tracing.kept_off(or_stopped=True):
                        interpreter.destroy()
        if summary is not None:
            told = getattr(summary, "errdisplay", None) or summary.formatted
        if told:
            raise WorkerLostError(told)

    def _lend(self, calls: "list[Packed | None]") -> "list[Package]":
        """Lend the out-of-band data of calls; return those that have some."""
        packages = [each for each in calls if each is not None and not isinstance(each, bytes)]
        loans = [LOANS.lend(each, FOR_INITIALIZERS) for each in packages if each.weight]
        self._loans.extend(loan for loan in loans if loan is not None)
        return packages

    def _may_have_threads(self, summary: "SimpleNamespace") -> bool:
        """Say whether the interpreter cannot be ended, as there may be threads in it.

        A worker that did not come to the end of `main` may have left its own: where each
        instruction raises something, by `sys.monitoring`. Then the interpreter stays, for as
        long as the process lives: CPython would die if it was destroyed. From 3.14.1 on that
        was seen (1 of 12 times; why is not known) only where records or output are forwarded.
        """
        _, begun = self._link.slots.running(self.seat)
        is_told = summary.type.__name__ == WorkerLostError.__name__
        may_crash = RAW_THREADS_ABORT or self._pool.settings.forwarded is not None
        return may_crash and bool(begun) and not is_told

    @staticmethod
    def _read_last(line: Fifo) -> str:
        """Return what a worker says of its end; give back the setup if it did not come to that."""
        told = ""
        for item in iter(line.recv, None):
            if isinstance(item, str):
                told = item
            else:
                for message in item[-2:]:  # type: ignore[index]  # a Setup
                    unseal(message)  # its out-of-band data is given back
        return told

    def _setup(self, calls: "list[Packed | None]") -> "Setup":
        """Return what the worker is given. calls: its initializer, its finalizer."""
        begun, (initializer, finalizer) = monotonic(), calls
        forwarded = self._pool.settings.forwarded
        argv = [argument for argument in getattr(sys, "argv", ()) if isinstance(argument, str)]
        config: Config = (
            (self.index, self.name),
            argv,
            main_module.describe(),
            (initializer is not None, finalizer is not None),
            (begun, self._pool.settings.max_tasks, self._is_successor),
            self._inherited,
            None if forwarded is None else forwarded.describe(),
        )
        requests, replies = self._link.tokens(self.seat)
        slot = self._link.slots.view(self.seat)
        return (
            self.number,
            self.seat,
            requests,
            replies,
            self.control.token,
            slot,
            pickle.dumps(config, 5),
            b"" if initializer is None else seal(initializer, 0),
            b"" if finalizer is None else seal(finalizer, 0),
        )
