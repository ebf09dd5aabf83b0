"""A reading: a line of a scale's table, by a fresh process."""

import sys

from benchmarks.fresh import reply
from benchmarks.scales.catalogue import SCALES

if __name__ == "__main__":
    name, contender, row, scale = sys.argv[1:]
    reply(lambda: {**SCALES[name].measure(contender, float(row), float(scale))})
