"""The home side of a worker: the thread that owns its interpreter.

create the interpreter -> run `_worker.main` in it, until it has nothing
left to do -> take its last messages -> destroy it -> tell the engine
"""

import pickle
import sys
import threading

from interpexec import _main
from interpexec._runtime import Fifo, Interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._engine import Engine

# The only code that enters a worker as text: all else it imports. The path
# comes first, so that `interpexec` is found wherever home found it.
_BOOTSTRAP = """\
import sys, _interpreters
sys.path[:] = {path!r}
from interpexec._worker import main
main({setup_line})
"""


class WorkerLostError(RuntimeError):
    """A worker ended although nobody told it to. Says what is known of it."""


class WorkerThread(threading.Thread):
    """An OS thread that owns one interpreter, from its start to its end."""

    def __init__(self, engine: "Engine", seat: int, name: str) -> None:
        super().__init__(name=name, daemon=False)
        self._engine = engine
        self.seat = seat

    def run(self) -> None:
        """Own an interpreter, and tell the engine when it is gone, and why."""
        engine, loss = self._engine, None
        del self._engine
        try:
            self._own_interpreter(engine)
        except BaseException as error:  # the engine must learn of it
            loss = error
        engine.worker_gone(self, loss)

    def _own_interpreter(self, engine: "Engine") -> None:
        """Create, run, destroy."""
        setup = engine.setup(self.seat, self.name)
        interpreter = Interpreter()
        try:
            line = Fifo()
            line.send(setup)
            del setup
            path = [entry for entry in sys.path if isinstance(entry, str)]
            summary = interpreter.run(_BOOTSTRAP.format(path=path, setup_line=line.id))
            line.destroy()
        finally:
            # Its messages are taken before it ends: those left in the line
            # would be removed with it.
            engine.drain()
            interpreter.destroy()
        if summary is not None:
            raise WorkerLostError(summary.errdisplay or summary.formatted)


def config(name: str, initializer: bytes | None) -> bytes:
    """Return the pickled `_worker.Config` of a worker that starts now."""
    argv = [argument for argument in sys.argv if isinstance(argument, str)]
    return pickle.dumps((name, argv, _main.describe(), initializer), 5)
