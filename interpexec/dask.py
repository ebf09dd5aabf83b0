"""dask.distributed: tasks run in the interpreters of a dask worker's process.

    $ dask worker tcp://scheduler:8786 --nthreads 4 --preload interpexec.dask

    with dask.annotate(executor="interpexec"):
        futures = client.map(parse, paths)

Tasks with that annotation run in interpreters, as many at a time as the dask worker has threads;
tasks without it run in its threads. `LocalCluster(preload="interpexec.dask")` works, too.

Needs dask and distributed, in the environment of the dask workers. `docs/clients.md` tells what a
task can do. Without a cluster nothing of this is needed: `dask.config.set(pool=executor)`.
"""

TYPE_CHECKING: bool = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["dask_setup"]

NAME = "interpexec"
"""Of the executor, in the annotations of tasks."""


def dask_setup(worker: "Any") -> None:
    """Give a dask worker an executor of interpreters; dask calls this for a `--preload`.

    worker: a `distributed.Worker`. Its close shuts the executor down; a task that runs then is
        stopped, and dask runs it elsewhere.

    Starts no interpreter: each one starts when there is a task for it. Raises ImportError where
    there is no distributed.
    """
    from interpexec._ports.dask_executor import TaskExecutor  # it imports distributed

    workers = worker.state.nthreads
    worker.executors[NAME] = TaskExecutor(workers, thread_name_prefix=f"{NAME}-{worker.name}")
