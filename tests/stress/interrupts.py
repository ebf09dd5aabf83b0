"""Interrupts: random SIGINTs in every public call that blocks or submits, alone and in pairs.

Each run is a program that uses the package in one way, in a loop (see `uses`). It gets some
signals, each at a random moment, when it has dealt with the one before. After each it must have
seen one KeyboardInterrupt, every future must finish, the pool must compute; in the end all its
workers must be there, `shutdown()` return, and nothing be left.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from random import Random
from typing import Any

import campaign
from campaign import BETWEEN, OK, Run, Verdict
from child import Child
from use import SHORT, Use
from uses import USES

KINDS = ("single", "pair")

START = 60.0


class Wrong(Exception):  # noqa: N818  # a verdict
    """A run is over: what is wrong, and its details."""


class Talk:
    """The program's reports, line by line."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._rest = b""

    def hear(self, timeout: float) -> dict[str, Any] | None:
        """Return the next thing it tells; None if it does not, or has ended."""
        end = time.monotonic() + timeout
        while b"\n" not in self._rest:
            if not (heard := self._child.hear(max(0.0, end - time.monotonic()))):
                return None
            self._rest += heard
        line, self._rest = self._rest.split(b"\n", 1)
        told: dict[str, Any] = json.loads(line)
        return told

    def await_word(self, word: str, order: int, timeout: float) -> dict[str, Any] | None:
        """Return what is told of an order with this word in it. A line may come twice."""
        end = time.monotonic() + timeout
        while (told := self.hear(end - time.monotonic())) is not None:
            if word in told and told["order"] == order:
                break
        return told


def main() -> int:
    """Run the command."""
    parser = campaign.options(__doc__)
    parser.add_argument("--signals", type=int, default=20, metavar="N",
                        help="how many signals, or pairs, each run gets (default: 20)")  # fmt: skip
    parser.add_argument("--patience", type=float, default=30.0, metavar="SECONDS",
                        help="when no answer comes, it hangs (default: 30; the program itself "
                        "waits 10 s for a future)")  # fmt: skip
    parser.add_argument("--executor", choices=["interpexec", "threads"], default="interpexec",
                        help="threads: the control group")  # fmt: skip
    return campaign.main(parser, names, run_one)


def names(chosen: argparse.Namespace) -> list[str]:
    """Return the names of all cases that can be."""
    return [
        f"{name}{BETWEEN}{kind}"
        for name, make in USES.items()
        for kind in KINDS
        if chosen.executor == "interpexec" or make(int).portable
    ]


def run_one(run: Run, chosen: argparse.Namespace) -> Verdict:
    """Run one program, interrupt it, and judge it."""
    use, kind = run.case.split(BETWEEN)
    counts: Counter[str] = Counter()
    start = time.monotonic()
    with Child(run.python, "interrupts_program.py", chosen.executor, use) as child:
        session = Session(child, USES[use](int), Random(run.seed), chosen.patience, counts)
        try:
            session.begin()
            for _ in range(chosen.signals):
                session.interrupt(pair=kind == "pair")
            session.end()
        except Wrong as wrong:
            return Verdict(run.case, *wrong.args, time.monotonic() - start, counts)
    return Verdict(run.case, OK, "", time.monotonic() - start, counts)


class Session:
    """A program that is interrupted."""

    def __init__(
        self, child: Child, use: Use, random: Random, patience: float, counts: "Counter[str]"
    ) -> None:
        self.child, self.use, self.random, self.counts = child, use, random, counts
        self.patience = patience
        self.talk = Talk(child)
        self.order = 0

    def begin(self) -> None:
        """Wait until it is ready."""
        if self.talk.await_word("ready", 0, START) is None:
            raise Wrong("no start", self._stacks())

    def interrupt(self, *, pair: bool) -> None:
        """Give an order, send the signals that belong to it, and judge the report."""
        self.order += 1
        self.child.tell(b"i")
        if self.talk.await_word("go", self.order, self.patience) is None:
            raise Wrong("hang", self._stacks())
        time.sleep(self.random.uniform(0, self.use.span))
        sent = 1 + pair
        self.child.send(signal.SIGINT)
        if pair:
            time.sleep(self.random.choice([0, self.random.uniform(0, SHORT)]))
            self.child.send(signal.SIGINT)
        report = self.talk.await_word("seen", self.order, self.patience) or self._ask_again()
        self.counts.update({"signals": sent, "interrupts seen": report["seen"]})
        self.counts["steps"] += report["steps"]
        if report["trouble"]:
            raise Wrong(report["trouble"][0], self._all_of(report["trouble"][1]))
        if not 1 <= report["seen"] <= sent:
            raise Wrong("wrong count", f"{sent} signals, {report['seen']} KeyboardInterrupts")

    def _ask_again(self) -> dict[str, Any]:
        """Find out whether the interrupt was lost, or the program hangs."""
        if self.child.ended():
            raise Wrong("crash", f"status {self.child.status()}\n{self.child.errors()}")
        stacks = self._stacks()
        self.child.send(signal.SIGINT)
        report = self.talk.await_word("seen", self.order, self.patience)
        if report is None:
            raise Wrong("hang", stacks)
        if self.use.is_asyncio:
            # Where a second one hits the loop itself, a step of a task may be lost, too.
            self.counts["lost by asyncio"] += 1
            return report
        raise Wrong("hang until the next" if report["hung"] else "lost interrupt", stacks)

    def end(self) -> None:
        """Let it end; nothing may be left, or said."""
        self.child.tell(b"e")
        report = self.talk.await_word("left", self.order + 1, self.patience)
        if report is None:
            raise Wrong("hang at end", self._stacks())
        if report["trouble"]:
            raise Wrong(report["trouble"][0], self._all_of(report["trouble"][1]))
        if report["left"]:
            raise Wrong("left", report["left"])
        if not self.child.ended(self.patience):
            raise Wrong("hang at exit", self._stacks())
        if self.child.status():
            raise Wrong("wrong status", f"{self.child.status()}\n{self.child.errors()}")
        if self.child.errors() and not self.use.is_asyncio:
            raise Wrong("noise", self.child.errors())

    def _stacks(self) -> str:
        """Return the stacks of all threads, or how it ended."""
        if self.child.ended():
            return f"status {self.child.status()}\n{self.child.errors()}"
        self.child.send(signal.SIGUSR1)
        self.child.ended(1.0)
        return self.child.errors()

    def _all_of(self, trouble: str) -> str:
        return f"{trouble}\n{self.child.errors()}"


if __name__ == "__main__":
    sys.exit(main())
