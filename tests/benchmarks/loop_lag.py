"""How late asyncio's event loop is while workers compute.

    python tests/benchmarks/loop_lag.py                             # some four minutes
    python tests/benchmarks/loop_lag.py --quick --chart lag.svg     # some seconds, roughly

An event loop has pages rendered, in pure Python, some 10 ms each, through `run_in_executor`: as a
server does, with so many requests at a time, and two workers. Meanwhile it asks to be woken a
millisecond later, again and again, and notes how late it was: so late an answer would be that
another request waits for. While the loop is held up, it is late for each millisecond that it
misses, as for the requests that come in them. The first row is a loop that has nothing rendered.

Each reading comes from a process of its own; the executors take turns. The table has medians of
the rounds, and of the latest wake-ups the very latest of all rounds. (asyncio waits in whole
milliseconds, so a wake-up may be late by one of them wherever something else has woken the loop.)
"""

import sys

from run import main

if __name__ == "__main__":
    sys.exit(main("benchmarks.lag_report"))
