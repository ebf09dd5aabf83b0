"""CPU-bound tasks on clusters of dask workers: in their interpreters, and in their threads.

    python tests/benchmarks/dask_cluster.py [rounds]

Each cluster is on this machine, of 1, 2 and 4 processes over TCP with two threads each; so more
processes than cores show what they cost, and no gain. Prints a table of seconds, each the best of
the rounds, as a busy machine only adds to them.
Needs dask and distributed.
"""

import os
import sys
from contextlib import ExitStack
from time import perf_counter

import dask
from dask.distributed import Client, LocalCluster

PROCESSES = 1, 2, 4
TASKS = 64


def say(text: str) -> None:
    """Write a line of the table."""
    sys.stdout.write(f"{text}\n")


def work(number: int) -> int:
    """Compute for about 50 ms."""
    return sum(n * n % 7 for n in range(600_000)) + number


def seconds(processes: int, executor: str) -> float:
    """Return how long the tasks take on a new cluster, whose interpreters are warm."""
    with ExitStack() as stack:
        cluster = LocalCluster(
            n_workers=processes,
            threads_per_worker=2,
            protocol="tcp://",
            dashboard_address=None,
            preload="interpexec.dask",
        )
        client = stack.enter_context(Client(stack.enter_context(cluster)))
        stack.enter_context(dask.annotate(executor=executor))
        client.gather(client.map(abs, range(8 * processes)))
        began = perf_counter()
        client.gather(client.map(work, range(TASKS)))
        return perf_counter() - began


def main(rounds: int) -> None:
    """Measure in turns, and print the best of each case."""
    began = perf_counter()
    for number in range(TASKS):
        work(number)
    say(f"{TASKS} tasks one after another: {perf_counter() - began:.1f} s")
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    say("\n| processes | interpreters | threads |\n|---|---|---|")
    kinds = "interpexec", "default"
    cases = [(processes, kind) for processes in PROCESSES for kind in kinds]
    found: dict[tuple[int, str], list[float]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            found[case].append(seconds(*case))
    for processes in PROCESSES:
        best = [min(found[processes, kind]) for kind in kinds]
        say(f"| {processes} | {best[0]:.2f} | {best[1]:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
