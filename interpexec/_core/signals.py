"""Signals belong to the main thread, also while another thread starts.

CPython runs the handlers of signals in the main thread, and the kernel wakes that for a signal to
the process (Ctrl-C). But whichever thread looks first takes the signal, and where that is another
one, the main thread, woken for nothing, sleeps on. The C library has two threads look: the one that
starts a thread and the one that was started both open their signal masks, which were shut
meanwhile. On two busy cores the main thread may be later: of 1,600 programs to which Ctrl-C came
when their first call began, and a second worker started, 6 went on sleeping; of 2,600, none since.

    shut() --> a thread is started, with the mask shut --> reopen() in the one that has started it
                                                           reopen() in the one that was started

`reopen` hands what has come to the main thread, and then opens the mask. A signal between the two
may still be heard only when the main thread wakes: no system call does both.
"""

import _signal
import _thread

from interpexec._core import cpython

cpython.own_builtins(globals())

_CAN_SHUT = hasattr(_signal, "pthread_sigmask") and hasattr(_signal, "sigtimedwait")

# The ones that come to a process rather than to a thread, and that programs handle.
_NAMES = "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD"
_PROCESS_SIGNALS = {getattr(_signal, name) for name in _NAMES if hasattr(_signal, name)}

type Mask = set[int]
"""The signals that are kept from a thread."""


def interrupt(number: int) -> None:
    """Have the handler of a signal run in the main thread, also where that sleeps."""
    if hasattr(_signal, "pthread_kill"):
        _signal.pthread_kill(cpython.main_thread(), number)
    else:
        _thread.interrupt_main(number)  # type: ignore[arg-type]  # an int will do


def shut() -> Mask:
    """Keep signals to the process from the calling thread, and from those that it starts now.

    Return its mask, for `reopen` in each of them.
    """
    if not _CAN_SHUT:
        return set()
    return set(_signal.pthread_sigmask(_signal.SIG_BLOCK, _PROCESS_SIGNALS))


def current_mask() -> Mask:
    """Return the mask of the calling thread, for `reopen`."""
    return set(_signal.pthread_sigmask(_signal.SIG_BLOCK, ())) if _CAN_SHUT else set()


def reopen(mask: Mask) -> None:
    """Give the calling thread a mask again, and the main thread the signals that came meanwhile."""
    if not _CAN_SHUT:
        return
    if not cpython.is_main_thread():
        ours = _PROCESS_SIGNALS - mask
        # (`sigtimedwait` lets other threads run, and a signal comes meanwhile.)
        while (pending := _signal.sigpending()) and ours & pending:
            if (come := _signal.sigtimedwait(ours, 0)) is not None:
                interrupt(come.si_signo)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
