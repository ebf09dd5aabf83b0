"""Faults: objects that misbehave wherever they cross, and machines that refuse something.

Each run is a program of its own. It ends with an error or a right result, never hangs, breaks
the pool only where the documentation says so, and leaves nothing.
"""

import argparse
import json
import signal
import sys
import time

import campaign
import carriers
import refusals
from campaign import OK, Run, Verdict
from child import CLOSING, Child


def main() -> int:
    """Run the command."""
    parser = campaign.options(__doc__)
    parser.add_argument("--patience", type=float, default=90.0, metavar="SECONDS",
                        help="what takes longer hangs (default: 90)")  # fmt: skip
    return campaign.main(parser, names, run_one)


def names(_: argparse.Namespace) -> list[str]:
    """Return the names of all cases."""
    return [*carriers.cases(), *refusals.cases()]


def run_one(run: Run, chosen: argparse.Namespace) -> Verdict:
    """Run one program, and judge it."""
    start = time.monotonic()
    with Child(run.python, "faults_program.py", run.case, run.seed) as child:
        told = child.hear(chosen.patience)
        ended = child.ended(10.0 if told else CLOSING)
        seconds = time.monotonic() - start
        kind, detail = _judge(child, told, ended=ended)
    return Verdict(run.case, kind, detail, seconds)


def _judge(child: Child, told: bytes, *, ended: bool) -> tuple[str, str]:
    """Return in two words what is wrong; and the details."""
    if not ended:
        return "hang at exit" if told else "hang", child.abort()
    status = child.status()
    if status < 0:
        return "crash", f"{signal.Signals(-status).name}\n{child.errors()}"
    if not told:
        return "wrong status", f"{status}\n{child.errors()}"
    trouble = json.loads(told)
    if trouble:
        return trouble[0], f"{trouble[1]}\n{child.errors()}"
    if status:
        return "wrong status", f"{status}\n{child.errors()}"
    return OK, ""


if __name__ == "__main__":
    sys.exit(main())
