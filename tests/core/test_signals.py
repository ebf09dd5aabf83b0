"""A signal to the process reaches the main thread, also while threads of the package start."""

import signal
import sys
from pathlib import Path

import pytest

from interpexec import InterpreterPoolExecutor
from programs import output, write

pytestmark = [
    pytest.mark.fast,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sigtimedwait"),
]

# The main thread's mask is shut for as long as a busy machine would keep it from running.
LATE = """
import os, signal, threading
from interpexec._core.thread import Thread

heard = []
signal.signal(signal.SIGUSR1, lambda *_: heard.append(threading.current_thread().name))
may_start = threading.Event()

class Interrupted(Thread):
    def run(self):
        os.kill(os.getpid(), signal.SIGUSR1)
        super().run()

def start():
    may_start.wait()
    thread = Interrupted()
    thread.start()
    thread.join()

starting = threading.Thread(target=start)
starting.start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
may_start.set()
starting.join()
print(signal.SIGUSR1 in signal.sigpending(), heard)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
print(heard)
"""


def test_a_signal_while_a_thread_starts_waits_for_the_main_thread(tmp_path: Path) -> None:
    """Neither the new thread takes it nor the one that has started that, though both could."""
    assert output(write(tmp_path / "program.py", LATE)) == "True []\n['MainThread']\n"


def mask() -> set[int]:
    """Return what is kept from the thread that runs this."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


@pytest.mark.parametrize("kept", [set(), {signal.SIGUSR2}], ids=["open", "a signal shut"])
def test_the_mask_of_calls_is_that_of_the_thread_that_starts_their_worker(
    kept: set[signal.Signals],
) -> None:
    """Broadcasts and callbacks have it too: the processes that they start hear Ctrl-C."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, kept)
    try:
        with InterpreterPoolExecutor(2) as pool:
            pool.warm()
            called = pool.submit(mask)
            masks: list[set[int]] = []
            called.add_done_callback(lambda _: masks.append(mask()))
            masks += [called.result(), *(call.result() for call in pool.broadcast(mask))]
        assert masks == [before | kept] * 4
        assert mask() == before | kept
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
