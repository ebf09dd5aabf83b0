"""Work that people have, by interpexec and other pools, beside a loop.

    python tests/benchmarks/real_work.py                        # some four minutes
    python tests/benchmarks/real_work.py --quick                # half a minute, roughly
    python tests/benchmarks/real_work.py --work pygments 10us   # only these

    pygments     source files of the standard library to HTML: paths there, pages back
    markdown     pages of Markdown to HTML: texts there and back
    log_lines    lines of a log, each parsed by a regular expression and `strptime`
    log_blocks   blocks of 500 lines, searched by a regular expression: counts come back
    sympy        integrals: texts there and back
    json_lines   lines of JSON, validated by a schema (fastjsonschema): None or an error comes back
    10us, 100us, 1ms, 10ms
                 items of pure Python of this length

Every contender has two workers, and its usual form of `map`: interpexec, the standard library's
class and threads get the items as they are; `multiprocessing.Pool` and mpire make chunks of their
own; `ProcessPoolExecutor` and loky get the `chunksize` of four chunks for each worker, which is
`multiprocessing.Pool`'s, too. Pools of processes use a fork server.

Each reading comes from a fresh process, which does the work twice: from the constructor until the
last result (so the workers' start and their imports are in it), and once more with the same pool.
The end of the pool is not in it. Contenders and the loop take turns; figures are ratios of
medians. All results are compared with those of the loop. Contenders and libraries that are not
installed are left out, with a line that says so.
"""

import sys

from run import main

if __name__ == "__main__":
    sys.exit(main("benchmarks.works.cli"))
