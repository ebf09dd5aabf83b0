"""How each cost grows with the number of workers, of pending calls, and the length of a call.

    python tests/benchmarks/scale.py                    # some four minutes
    python tests/benchmarks/scale.py --quick            # half a minute, roughly
    python tests/benchmarks/scale.py --scale pending    # only this

    workers   pools of 10, 100 and 1,000 workers: the start and the memory of each worker, the round
              trip of a call, calls per second, the stop of a running call, the pool's end
    pending   1,000 to 1,000,000 calls that wait for two workers: submitting, memory, finishing, and
              cancelling, for each call
    lengths   calls of nothing, and of 10 µs to 10 ms of pure Python: how many two workers do in a
              second, submitted one by one and by `map`, and how many times as many as a loop does

Each line is measured in a fresh process; the contenders take turns, and figures are medians of the
rounds. The 1,000 workers (4 to 8 GB) and the million calls (3 GB, and threads as much) are in one
round only. Rows for which memory or descriptors lack are left out, with a line that says so. The
standard library's class is there up to 100 workers. The docstrings in `scales/`
say what exactly is measured.
"""

import sys

from run import main

if __name__ == "__main__":
    sys.exit(main("benchmarks.scales.cli"))
