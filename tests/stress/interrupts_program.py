"""A program that is interrupted: `interrupts_program.py EXECUTOR USE`, run by `interrupts`.

For each order it uses the package in a loop until it is interrupted; then it checks that nothing
is lost, and reports. Wherever an interrupt arrives, also the second of a pair, it is counted: the
state that the program is in is written down before it is entered, and is entered again.
"""

import faulthandler
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable

from activities import make_pool
from left import census, left_since
from use import Trouble, finish_beside
from uses import USES

type State = Callable[[], None]


class Subject:
    """The program that is interrupted, and its record of that."""

    def __init__(self, executor: str, use: str, told: int, heard: int) -> None:
        self.told, self.heard = told, heard
        self.use = USES[use](make_pool(executor))
        self.state: State | None = self._hear
        self.order = 0
        self.seen = self.steps = 0
        self.hung = False
        self.trouble: list[str] = []

    def serve(self) -> None:
        """Go from state to state. A second interrupt in the handler of the first one goes out."""
        while self.state is not None:
            try:
                self.state()
            except KeyboardInterrupt as error:
                self.note(error)

    def note(self, error: KeyboardInterrupt) -> None:
        """Count an interrupt; look whether it ended what another one could not."""
        self.seen += 1
        self.hung |= isinstance(error.__context__, KeyboardInterrupt)
        if self.state == self._use:
            self.state = self._check

    def _hear(self) -> None:
        """Wait for an order. All signals of the last one were sent before the next is given."""
        select.select([self.heard], [], [])
        order = os.read(self.heard, 1)
        self.order += 1
        self.seen, self.steps, self.hung = 0, 0, False
        self.state = self._use if order == b"i" else None

    def _use(self) -> None:
        """Use it until it is interrupted. The signal comes when this has told that it is here."""
        self.tell(go=True)
        while True:
            self._step()

    def _step(self) -> None:
        try:
            self.use.step()
            self.steps += 1
        except Exception as error:
            self.blame(error)

    def _check(self) -> None:
        """Look whether something is lost, and report."""
        try:
            self.use.check()
        except Exception as error:
            self.blame(error)
            faulthandler.dump_traceback()
        self.tell(seen=self.seen, steps=self.steps, hung=self.hung, trouble=self.trouble)
        self.state = self._hear

    def blame(self, error: Exception) -> None:
        """Note the first thing that is wrong."""
        if not self.trouble:
            kind = error.args[0] if isinstance(error, Trouble) else "wrong error"
            self.trouble = [kind, "".join(traceback.format_exception(error)[-12:])]

    def tell(self, **facts: object) -> None:
        """Tell something, with the number of the order."""
        os.write(self.told, json.dumps({"order": self.order, **facts}).encode() + b"\n")


def main() -> None:
    """Serve; tell what is left in the end."""
    executor, use, *numbers = sys.argv[1:]
    told, heard = map(int, numbers)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    for number in (told, heard):
        os.set_inheritable(number, False)
    subject = Subject(executor, use, told, heard)
    _rehearse(subject)  # what is imported and opened once is there now
    before = census()
    subject.use.begin()
    subject.tell(ready=True)
    while True:
        try:
            subject.serve()
            break
        except KeyboardInterrupt as error:
            subject.note(error)
    _end(subject)
    subject.tell(left="" if subject.use.may_leave else left_since(before), trouble=subject.trouble)


def _rehearse(subject: Subject) -> None:
    subject.use.begin()
    for _ in range(3):
        subject.use.step()
    subject.use.check()
    subject.use.end()
    left_since(census())


def _end(subject: Subject) -> None:
    finish_beside()
    try:
        subject.use.end()
    except Exception as error:
        subject.blame(error)
        faulthandler.dump_traceback()


if __name__ == "__main__":
    main()
