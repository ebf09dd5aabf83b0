"""dask: its local scheduler on a pool, and dask.distributed on clusters of processes over TCP."""

import subprocess
import sys
from pathlib import Path

from programs import output, run, write

CLUSTER = """
import os, signal, sys, threading, time, _interpreters
import dask
from dask.distributed import Client, LocalCluster, as_completed

def where():
    return os.getpid(), int(_interpreters.get_current()[0])

def cluster(processes, threads=2, **options):
    return LocalCluster(
        n_workers=processes, threads_per_worker=threads, processes=True, protocol="tcp://",
        dashboard_address=None, preload="interpexec.dask", silence_logs=50, **options,
    )
"""
QUIET = {"PYTHONWARNINGS": "default"}
"""dask's own warnings are no subject of these tests."""


def written(path: Path, text: str) -> Path:
    """Write a program that makes clusters; they need a guard, as each process imports it."""
    lines = text.strip("\n").splitlines()
    body = "\n".join(line[4:] for line in lines)
    return write(
        path / "program.py", f"{CLUSTER}\n{body}\n\nif __name__ == '__main__':\n    main()\n"
    )


def printed(path: Path, text: str, *arguments: object) -> str:
    """Run a program that makes clusters, and return what it prints; it must succeed."""
    done = run(written(path, text), *arguments, environment=QUIET)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_local_scheduler_runs_on_a_pool(tmp_path: Path) -> None:
    """`dask.config.set(pool=...)`: delayed calls and bags, and an error of its own type."""
    program = """
    import logging
    import dask, dask.bag, _interpreters

    logging.getLogger("interpexec").setLevel(logging.ERROR)  # dask goes on without some C parts

    def where(number):
        return int(_interpreters.get_current()[0])

    def divide(number):
        return 1 / number

    with InterpreterPoolExecutor(2) as pool, dask.config.set(pool=pool, scheduler="threads"):
        bag = dask.bag.range(1000, npartitions=8)
        print(bag.map(lambda n: n * n).filter(lambda n: n % 2).sum().compute())
        print(0 in bag.map(where).distinct().compute())
        total = dask.delayed(sum)([dask.delayed(pow)(n, 2) for n in range(10)])
        print(total.compute())
        try:
            bag.map(divide).compute()
        except ZeroDivisionError as error:
            print(error)
    """
    out = output(write(tmp_path / "program.py", program), environment=QUIET)
    assert out == f"{sum(n * n for n in range(1, 1000, 2))}\nFalse\n285\ndivision by zero\n"


def test_annotated_tasks_run_in_interpreters(tmp_path: Path) -> None:
    """Of each process; others in its threads. Closures are sent, and the results of other tasks."""
    program = """
    def main():
        by = 3
        with cluster(2) as nodes, Client(nodes) as client:
            with dask.annotate(executor="interpexec"):
                places = client.gather(client.map(lambda _: where(), range(40), pure=False))
                made = client.map(lambda n: n * by, range(10))
                total = client.submit(sum, made)
            assert {number for _, number in places} <= {1, 2}, places
            assert len({process for process, _ in places}) == 2
            assert total.result() == 135
            plain = client.submit(where).result()
            assert plain[1] == 0
            tree = dask.delayed(max)([dask.delayed(abs)(-n) for n in range(20)])
            with dask.annotate(executor="interpexec"):
                assert tree.compute() == 19
        print("done")
    """
    assert printed(tmp_path, program) == "done\n"


def test_an_error_of_a_task_is_told_as_dask_does(tmp_path: Path) -> None:
    """With its type and the frames of the interpreter; a task may be tried again."""
    program = """
    import traceback

    class Spam(LookupError):
        def __init__(self, one, two):
            super().__init__(f"{one} {two}")

    def fail(path):
        with open(path, "a") as file:
            print("try", file=file)
        raise Spam("mine", 2)

    def quit():
        raise SystemExit(3)

    def main():
        path = sys.argv[1]
        with cluster(1) as nodes, Client(nodes) as client:
            with dask.annotate(executor="interpexec"):
                failed = client.submit(fail, path, retries=2)
                error = failed.exception(timeout=60)
                assert (type(error).__name__, str(error)) == ("Spam", "mine 2"), repr(error)
                assert "in fail" in "".join(traceback.format_tb(failed.traceback()))
                assert len(open(path).readlines()) == 3
                bad = client.submit(threading.Lock, key="lock").exception(timeout=60)
                assert "cannot be sent" in str(bad), repr(bad)
                assert isinstance(client.submit(quit).exception(timeout=60), SystemExit)
                lost = client.submit(exec, "import numpy").exception(timeout=60)
                assert isinstance(lost, ImportError), lost
                assert client.submit(pow, 2, 5).result(timeout=60) == 32
        print("done")
    """
    assert printed(tmp_path, program, tmp_path / "tries") == "done\n"


def test_the_module_of_a_task_may_import_distributed(tmp_path: Path) -> None:
    """Its psutil has a stand-in there, which refuses when it is used."""
    module = """
    import dask.distributed, _interpreters

    def place(number):
        return int(_interpreters.get_current()[0])

    def memory():
        import psutil
        return psutil.swap_memory()
    """
    program = """
    import module

    def main():
        with cluster(1) as nodes, Client(nodes) as client:
            with dask.annotate(executor="interpexec"):
                assert 0 not in client.gather(client.map(module.place, range(8)))
                error = client.submit(module.memory).exception(timeout=60)
                assert "psutil.swap_memory: psutil refuses" in str(error), repr(error)
        print("done")
    """
    write(tmp_path / "module.py", module)
    assert printed(tmp_path, program) == "done\n"


def test_a_process_that_is_killed_costs_no_task(tmp_path: Path) -> None:
    """One of three is killed while it runs tasks: dask runs them again, and none is missing."""
    program = """
    def work(number):
        sum(n * n for n in range(100_000))
        return number, os.getpid()

    def main():
        with cluster(3) as nodes, Client(nodes) as client:
            with dask.annotate(executor="interpexec"):
                futures = client.map(work, range(200))
            arrived = as_completed(futures, with_results=True)
            victim = next(arrived)[1][1]
            os.kill(victim, signal.SIGKILL)
            results = client.gather(futures)
            assert [number for number, _ in results] == list(range(200))
            processes = {process for _, process in results}
            assert len(processes - {victim}) >= 2, processes
        print("done")
    """
    assert printed(tmp_path, program) == "done\n"


def test_closing_a_cluster_stops_its_tasks(tmp_path: Path) -> None:
    """A busy loop does not hold it up."""
    program = """
    def spin(writer):
        open(writer, "w").close()
        while True:
            pass

    def main():
        os.mkfifo(sys.argv[1])
        with cluster(1) as nodes, Client(nodes) as client:
            with dask.annotate(executor="interpexec"):
                future = client.submit(spin, sys.argv[1])
            open(sys.argv[1]).close()  # returns when the task has begun
            began = time.monotonic()
        assert time.monotonic() - began < 20
        print("done")
    """
    assert printed(tmp_path, program, tmp_path / "fifo") == "done\n"


def test_the_command_of_dask_takes_the_preload(tmp_path: Path) -> None:
    """`dask scheduler`, two `dask worker --preload interpexec.dask`, and a client."""
    program = """
    def main():
        with Client(scheduler_file=sys.argv[1]) as client:
            client.wait_for_workers(2, timeout=60)
            with dask.annotate(executor="interpexec"):
                places = client.gather(client.map(lambda _: where(), range(40), pure=False))
            assert len({process for process, _ in places}) == 2
            assert {number for _, number in places} == {1}, places
            client.shutdown()
        print("done")
    """
    file = str(tmp_path / "scheduler.json")
    commands = [
        ("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", file),
        *[
            (
                "worker",
                "--scheduler-file",
                file,
                "--nthreads",
                "1",
                "--preload",
                "interpexec.dask",
                "--no-dashboard",
            )
        ]
        * 2,
    ]
    log = tmp_path / "log"
    with log.open("w") as out:
        processes = [
            subprocess.Popen([sys.executable, "-m", "dask", *command], stdout=out, stderr=out)
            for command in commands
        ]
        try:
            assert printed(tmp_path, program, file) == "done\n"
            assert [process.wait(60) for process in processes] == [0, 0, 0]
        finally:
            for process in processes:
                process.kill()
                process.wait()
