"""A program in which something fails: `faults_program.py CASE SEED`, run by `faults`.

It tells what is wrong, in two words and the details; an empty list when nothing is.
"""

import json
import os
import sys
import traceback
from random import Random

import carriers
import refusals
from campaign import BETWEEN
from left import census, left_since
from use import Trouble, require


def do(case: str, seed: int) -> None:
    """Do what a case is called."""
    parts = case.split(BETWEEN)
    if parts[0] in carriers.CARRIERS:
        carriers.misbehave(*parts)
    elif parts[0] in refusals.MACHINES:
        refusals.do_without(*parts, seed)
    else:
        carriers.misbehave_at_start(*parts)


def main() -> None:
    """Do it, and tell what is wrong."""
    case, seed, *numbers = sys.argv[1:]
    told, heard = map(int, numbers)
    for number in (told, heard):
        os.set_inheritable(number, False)
    for work in (refusals.calls, refusals.sharing, refusals.broadcasting):
        work(Random(0))  # what is imported and opened once is there now
    left_since(census())
    before = census()
    trouble: list[str] = []
    try:
        do(case, int(seed))
        left = left_since(before)
        require(not left, "left", left)
    except BaseException as error:
        kind = error.args[0] if isinstance(error, Trouble) else "wrong error"
        trouble = [kind, "".join(traceback.format_exception(error)[-12:])]
    os.write(told, json.dumps(trouble).encode())


if __name__ == "__main__":
    main()
