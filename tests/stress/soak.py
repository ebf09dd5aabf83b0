"""Soak: mixed load for as long as asked, every result checked, and what the process holds.

All actors at once (`everything`), or one of them; `--only NAME` says which. `--seconds` says how
long each run lasts (default: 60).
"""

import argparse
import json
import sys
import time
from typing import Any

import campaign
from actors import ACTORS
from campaign import OK, Run, Verdict
from child import Child

PATIENCE = 200.0
"""Seconds without a word: longer than what the program gives its own actors."""


def main() -> int:
    """Run the command."""
    parser = campaign.options(__doc__)
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS",
                        help="how often to report (default: 10)")  # fmt: skip
    return campaign.main(parser, names, run_one)


def names(chosen: argparse.Namespace) -> list[str]:
    """Return the names of all cases: one, unless others are asked for."""
    # Here the time is that of each run, and not that of all.
    chosen.duration, chosen.seconds = chosen.seconds or 60.0, None
    return ["everything", *ACTORS] if chosen.only or chosen.list else ["everything"]


def run_one(run: Run, chosen: argparse.Namespace) -> Verdict:
    """Run one program; print what it reports; judge it."""
    start = time.monotonic()
    last: dict[str, Any] = {"counts": {}}
    with Child(
        run.python, "soak_program.py", run.case, run.seed, chosen.duration, chosen.every
    ) as child:
        while "trouble" not in last and (line := _next_line(child, chosen)):
            last = json.loads(line)
            if "trouble" not in last:
                print(_shown(run, last), flush=True)  # noqa: T201  # a command
        kind, detail = _judge(child, last)
    return Verdict(run.case, kind, detail, time.monotonic() - start, last["counts"])


def _next_line(child: Child, chosen: argparse.Namespace) -> bytes:
    """Return the next line that it tells; an empty one if none comes."""
    line = b""
    while not line.endswith(b"\n"):
        if not (heard := child.hear(PATIENCE + chosen.every, 1)):
            return b""
        line += heard
    return line


def _shown(run: Run, told: dict[str, Any]) -> str:
    """Return a report in one line."""
    facts = {name: value for name, value in told.items() if name not in {"counts", "seconds"}}
    numbers = ", ".join(f"{name} {value:,}" for name, value in (facts | told["counts"]).items())
    return f"{told['seconds']:>6} s  {numbers}  ({run.python})"


def _judge(child: Child, last: dict[str, Any]) -> tuple[str, str]:
    """Return in two words what is wrong; and the details."""
    if "trouble" not in last:
        kind = "crash" if child.ended() else "hang"
        return kind, child.abort() if kind == "hang" else f"{child.status()}\n{child.errors()}"
    if last["trouble"]:
        return last["trouble"][0], f"{last['trouble'][1]}\n{child.errors()}"
    if not child.ended(60.0):
        return "hang at exit", child.abort()
    if child.status() or child.errors():
        return "wrong end", f"{child.status()}\n{child.errors()}"
    return OK, ""


if __name__ == "__main__":
    sys.exit(main())
