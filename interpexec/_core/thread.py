"""Threads of this package, below `threading`: their start takes no signal of the main thread's."""

import threading

from interpexec._core import signals


class Thread(threading.Thread):
    """A thread as that of `threading`. One that overrides `run` calls this one's first."""

    _mask: signals.Mask

    def start(self) -> None:
        """Start the thread. RuntimeError if there can be none."""
        self._mask = signals.shut()
        try:
            super().start()
        finally:
            signals.reopen(self._mask)

    def run(self) -> None:
        """Run the target, if there is one."""
        signals.reopen(self._mask)
        super().run()
