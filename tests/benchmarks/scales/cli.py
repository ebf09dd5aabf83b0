"""The command: which scales, and by whom."""

import argparse
from collections.abc import Sequence

from benchmarks.command import add_options, conduct
from benchmarks.contenders import absentees
from benchmarks.scales.catalogue import SCALES
from benchmarks.scales.growth import Growth

ROUNDS = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if something broke."""
    parser = argparse.ArgumentParser(
        prog="scale.py", description="Measure how costs grow with workers, calls, and their length."
    )
    names = [*SCALES]
    what = f"of {', '.join(names)}"
    parser.add_argument(
        "--scale", nargs="+", choices=names, default=names, metavar="NAME", help=what
    )
    add_options(parser, ROUNDS, quick="without the longest rows, and less work in the others")
    options = parser.parse_args(argv)
    taking_part = list(
        dict.fromkeys(who for name in options.scale for who in SCALES[name].contenders)
    )
    absent = absentees(taking_part)
    growth = Growth(options.scale, absent, quick=options.quick)
    return conduct(growth, options, [who for who in taking_part if who not in absent], absent)
