"""Programs in a pseudo-terminal of their own, whose keys send signals."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command_line import ENVIRONMENT, LIMIT


class Terminal:
    """A program whose streams are a pseudo-terminal, but for those that are given."""

    def __init__(
        self,
        *command: str,
        fds: tuple[int, ...] = (),
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
        **streams: int,
    ) -> None:
        self.master, slave = os.openpty()
        self.resize(80)
        self.seen = b""
        self.process = subprocess.Popen(
            command,
            **{"stdin": slave, "stdout": slave, "stderr": slave, **streams},  # type: ignore[call-overload]
            pass_fds=fds,
            cwd=cwd,
            env=ENVIRONMENT if environment is None else environment,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # it is the child's only thread
        )
        os.close(slave)

    def resize(self, columns: int) -> None:
        """Give it another width."""
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def type(self, text: bytes) -> None:
        """Press some keys."""
        os.write(self.master, text)

    def read_until(self, text: bytes) -> bytes:
        """Return the output until some text has come."""
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], LIMIT)
            assert ready, self.seen
            self.seen += os.read(self.master, 10_000)
        before, _, self.seen = self.seen.partition(text)
        return before + text


def _take_terminal() -> None:
    """Have the terminal of stderr, so that its keys send signals."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(2, termios.TIOCSCTTY, 0)


@contextmanager
def terminal(
    *command: str,
    fds: tuple[int, ...] = (),
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    **streams: int,
) -> Iterator[Terminal]:
    """Run in a terminal; kill it at the end."""
    run = Terminal(*command, fds=fds, cwd=cwd, environment=environment, **streams)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        os.close(run.master)
