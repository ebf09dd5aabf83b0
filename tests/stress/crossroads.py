"""A program that uses channels from several threads while interpreters come and go.

`crossroads.py ROUNDS`: so many interpreters are made by each of two threads. Without the
lock of `cpython`, most runs of 60 rounds hang on CPython 3.13.0, and some on 3.14.10.
"""

import sys
import threading

from interpexec._core.cpython import Fifo, Interpreter


def come_and_go(rounds: int) -> None:
    """Make interpreters that enter types into the table of shareable ones, and end."""
    for _ in range(rounds):
        interpreter = Interpreter()
        assert interpreter.run("import _interpreters, _interpchannels") is None
        interpreter.destroy()


def pass_through(over: threading.Event) -> None:
    """Send and receive."""
    line = Fifo()
    sent = b"item", 1, b""
    while not over.is_set():
        for _ in range(100):
            line.send(sent)
            assert line.recv() == sent
    line.destroy()


def main() -> None:
    """Do both at once."""
    over = threading.Event()
    rounds = int(sys.argv[1])
    coming = [threading.Thread(target=come_and_go, args=(rounds,)) for _ in range(2)]
    passing = [threading.Thread(target=pass_through, args=(over,)) for _ in range(3)]
    for thread in coming + passing:
        thread.start()
    for thread in coming:
        thread.join()
    over.set()
    for thread in passing:
        thread.join()
    sys.stdout.write("well\n")


if __name__ == "__main__":
    main()
