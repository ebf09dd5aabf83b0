"""Machines without more descriptors, threads or memory: calls fail or wait; no pool hangs."""

import pytest

import programs

PROGRAM = """
import errno, os, resource, sys
from concurrent.futures import wait

import tasks
from interpexec import InterpreterPoolExecutor


def use(pool):
    futures, refused = [], []
    for number in range(40):
        try:
            futures.append(pool.submit(tasks.same, number))
        except (RuntimeError, OSError) as error:
            refused.append(error)
    assert not wait(futures, 60).not_done
    right = [future.result() for future in futures if future.exception() is None]
    assert set(right) <= set(range(40))
    print(len(right), len(refused), len(futures) - len(right))

"""


def run(body: str) -> list[int]:
    """Run a program that uses a pool; return how many calls were right, refused, and failed."""
    done = programs.run("-c", PROGRAM + body, cwd=programs.TESTS)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@pytest.mark.slow
def test_few_descriptors_and_workers_that_come_and_go() -> None:
    """Pools work with 32 descriptors, or every call ends in an error."""
    text = """
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
with InterpreterPoolExecutor({workers}, max_tasks_per_child={quota}) as pool:
    use(pool)
"""
    assert run(text.format(workers=2, quota=1)) == [40, 0, 0]
    assert run(text.format(workers=2, quota=3)) == [40, 0, 0]
    assert sum(run(text.format(workers=8, quota=1))) == 40
    assert sum(run(text.format(workers=16, quota=None))) == 40


@pytest.mark.slow
def test_no_descriptor_more_for_the_successors() -> None:
    """Calls that need none go on, or get the error of what they import."""
    text = """
with InterpreterPoolExecutor(2, max_tasks_per_child=2) as pool:
    use(pool)
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, used))
    use(pool)
"""
    right, *_ = found = run(text)
    assert right == 40
    assert sum(found[3:]) == 40


@pytest.mark.slow
def test_the_kernel_refuses_wakeups() -> None:
    """At first `submit` says so; later the pool breaks, or is narrower."""
    text = """
real, left = os.eventfd, [{left}]


def eventfd(*args):
    left[0] -= 1
    if left[0] < 0:
        raise PermissionError(errno.EPERM, "refused")
    return real(*args)


os.eventfd = eventfd
with InterpreterPoolExecutor(3) as pool:
    use(pool)
"""
    assert run(text.format(left=0)) == [0, 40, 0]
    assert run(text.format(left=2)) == [0, 40, 0]
    assert run(text.format(left=3))[0] == 0
    assert sum(run(text.format(left=3))) == 40
    assert sum(run(text.format(left=4))) == 40
    assert sum(run(text.format(left=5))) == 40
    assert run(text.format(left=12)) == [40, 0, 0]


@pytest.mark.slow
def test_the_system_refuses_threads() -> None:
    """In a worker that cannot have its helper, too: where none can, the pool breaks."""
    text = """
import threading

real, left = threading.Thread.start, [{left}]


def start(thread):
    left[0] -= 1
    if left[0] < 0:
        raise RuntimeError("can't start new thread")
    return real(thread)


threading.Thread.start = start
with InterpreterPoolExecutor(3, max_tasks_per_child=3) as pool:
    use(pool)
"""
    assert run(text.format(left=0)) == [0, 40, 0]
    assert run(text.format(left=1)) == [0, 40, 0]
    for left in range(2, 6):
        assert sum(run(text.format(left=left))) == 40


def test_a_worker_that_gets_no_helper() -> None:
    """Its threads are refused: after some tries the pool is broken, and says why."""
    text = """
from interpexec._pool import worker_thread

refuse = '''
import _thread

def refuse(*args, **kwargs):
    raise RuntimeError("can't start new thread")

_thread.start_joinable_thread = refuse
from interpexec._worker.main'''
worker_thread._BOOTSTRAP = worker_thread._BOOTSTRAP.replace("from interpexec._worker.main", refuse)
with InterpreterPoolExecutor(3) as pool:
    use(pool)
    assert "can't start new thread" in str(pool._scheduler.state.broken[1])
"""
    right, refused, failed = run(text)
    assert (right, refused + failed) == (0, 40)
